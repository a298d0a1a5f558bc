"""A street's polygons tile, and everything that has a place lies in the grid that it names."""

from itertools import pairwise

import pytest
from shapely import STRtree, from_wkt, union_all
from shapely.geometry import Point

from firmware_sim.street.counts import SIZES
from firmware_sim.street.land import Rectangle, divide
from firmware_sim.street.writing import write_street
from tests.sim.street.files import read_street

SEEDS = {"small": (1, 2, 3, 4, 5, 6, 7, 8), "full": (7,)}
CASES = [(size, seed) for size, seeds in SEEDS.items() for seed in seeds]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def street(request, tmp_path_factory):
    size, seed = request.param
    folder = tmp_path_factory.mktemp("street")
    write_street(folder, SIZES[size], seed)
    return read_street(folder)


def shapes_of(rows):
    return {row["code"]: from_wkt(row["polygon"]) for row in rows}


def tiles_exactly(pieces, whole):
    """Neither gaps nor overlaps: the union is the whole, and no two share more than a border."""
    pieces = list(pieces)
    assert all(piece.is_valid for piece in pieces)
    assert union_all(pieces).equals(whole)
    tree = STRtree(pieces)
    for first, second in tree.query(pieces, predicate="overlaps").T:
        raise AssertionError((first, second))
    for first, second in tree.query(pieces, predicate="contains").T:
        assert first == second


def test_areas_communities_and_grids_tile_the_street(street):
    areas, communities = shapes_of(street["areas"]), shapes_of(street["communities"])
    grids = shapes_of(street["grids"])
    kinds = {row["code"]: row["kind"] for row in street["grids"]}
    whole = union_all(list(areas.values()))
    assert whole.geom_type == "Polygon"
    assert not whole.interiors
    tiles_exactly(areas.values(), whole)
    tiles_exactly(communities.values(), whole)
    for without in ("micro", "comprehensive"):
        tiles_exactly((shape for code, shape in grids.items() if kinds[code] != without), whole)


def test_what_belongs_to_something_lies_in_it(street):
    areas, communities = shapes_of(street["areas"]), shapes_of(street["communities"])
    grids = shapes_of(street["grids"])
    for row in street["communities"]:
        assert areas[row["area"]].covers(communities[row["code"]])
    for row in street["grids"]:
        assert communities[row["community"]].covers(grids[row["code"]])
        if row["parent"]:
            assert grids[row["parent"]].covers(grids[row["code"]])


def test_buildings_stand_in_their_grid_and_outdoor_devices_in_a_grid(street):
    grids = shapes_of(street["grids"])
    for row in street["buildings"]:
        spot = Point(float(row["longitude"]), float(row["latitude"]))
        assert grids[row["grid"]].contains_properly(spot), row
    buildings = {row["code"]: row for row in street["buildings"]}
    gateways = {row["gateway"]: buildings[row["building"]]["grid"] for row in street["gateways"]}
    outdoors = [row for row in street["devices"] if not row["building"]]
    assert outdoors
    for row in outdoors:
        spot = Point(float(row["longitude"]), float(row["latitude"]))
        assert grids[gateways[row["gateway"]]].contains_properly(spot), row


def test_grids_are_of_a_size_to_walk(street):
    micro = [from_wkt(row["polygon"]) for row in street["grids"] if row["kind"] == "micro"]
    degree_m = 111_320
    for shape in micro:
        west, south, east, north = shape.bounds
        assert 25 < (north - south) * degree_m < 500
        assert 25 < (east - west) * degree_m * 0.85 < 500


def test_dividing_gives_everybody_land_by_weight():
    whole = Rectangle(0, 0, 40, 30)
    parts = divide(whole, [(name, weight) for name, weight in zip("abcd", (1, 2, 3, 4), strict=True)])
    assert [name for name, _ in parts] == list("abcd")
    areas = [(r.east - r.west) * (r.north - r.south) for _, r in parts]
    assert sum(areas) == 40 * 30
    assert all(first < second for first, second in pairwise(areas))
