"""Polygons that do not fit together are found; those that only share a border are not."""

from server.places.tables import Datum, GridKind
from server.routing.boundaries import Trouble, inspect_boundaries
from server.routing.street import CommunityFacts, GridFacts
from tests.server.routing.streets import box

AT = 120.0
STEP = 0.001
"""About 96 metres east, 111 north, at 30 degrees."""


def grid(code, west, east, kind=GridKind.MICRO, *, datum=Datum.WGS84, south=0.0, north=1.0):
    drawn = box(AT + west * STEP, 30 + south * STEP, AT + east * STEP, 30 + north * STEP)
    return GridFacts(code=code, name=code, kind=kind, community="C1", polygon=drawn, datum=datum)


def whole(west, east):
    polygon = box(AT + west * STEP, 30, AT + east * STEP, 30 + STEP)
    return {"C1": CommunityFacts(code="C1", name="C1", polygon=polygon)}


def found(*grids, communities=None):
    return [(one.trouble, one.grids) for one in inspect_boundaries(grids, communities or {})]


def test_neighbours_that_fill_their_community_have_nothing_wrong():
    assert found(grid("A", 0, 1), grid("B", 1, 2), communities=whole(0, 2)) == []


def test_two_that_claim_the_same_ground_are_named_with_its_size():
    (one,) = inspect_boundaries([grid("A", 0, 1.5), grid("B", 1, 2)], {})
    assert (one.trouble, one.grids) == (Trouble.OVERLAP, ("A", "B"))
    assert 5_200 < one.square_metres < 5_500, "48 by 111 metres"


def test_a_sliver_of_drawing_the_same_border_twice_is_left_out():
    assert found(grid("A", 0, 1.01), grid("B", 1, 2)) == []


def test_a_dedicated_grid_inside_a_micro_grid_is_meant_and_other_datums_are_not_compared():
    assert found(grid("A", 0, 2), grid("D", 0.5, 1, GridKind.DEDICATED)) == []
    assert found(grid("A", 0, 2), grid("B", 0, 2, datum=Datum.GCJ02)) == []


def test_ground_in_no_grid_and_ground_beyond_the_community_are_named():
    troubles = found(grid("A", 0, 1), grid("B", 2, 3.5), communities=whole(0, 3))
    assert troubles == [(Trouble.HOLE, ()), (Trouble.OUTSIDE, ("B",))]


def test_without_the_communitys_boundary_only_enclosed_ground_is_a_hole():
    ring = [
        grid("A", 0, 3, south=0, north=1),
        grid("B", 0, 1, south=1, north=2),
        grid("C", 2, 3, south=1, north=2),
        grid("D", 0, 3, south=2, north=3),
    ]
    assert found(*ring) == [(Trouble.HOLE, ())]


def test_one_that_nobody_drew_is_listed():
    bare = GridFacts(code="A", name="A", kind=GridKind.MICRO, community="C1")
    assert found(bare) == [(Trouble.NO_BOUNDARY, ("A",))]
