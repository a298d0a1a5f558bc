"""What is written out can be taken again, and then nothing changes: CSV, Excel, GeoJSON."""

import io
import json

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import select

from server.errors import ImportRefusedError, ServerError
from server.places.differences import Fate
from server.places.exporter import as_csv, export_street
from server.places.importer import parse_street, preview_street, read_files
from server.places.sheets import SHEETS
from server.places.tables import Datum, Grid
from server.places.workbook import read_workbook, write_workbook
from tests.server.street.test_import import take
from tests.server.street.test_whole_street_files import MORE, TIMES

TRIANGLE = {"type": "Polygon", "coordinates": [[[120.5, 31.2], [120.6, 31.2], [120.6, 31.3], [120.5, 31.2]]]}
LAST = {
    "swaps": "person,role,scope,code,from,until,taken_by\nwang,leader,grid,W01,2026-12-01 08:00,2026-12-02 08:00,li\n",
    "holidays": "day,name,counts_as\n2027-01-01,元旦,7\n2027-01-03,,5\n",
    "doors": "building,door,grid\nB01,101室,W02\nB01,102室,W02\n",
}


@pytest.fixture
def whole(files):
    return {**files, **{name: text.encode() for name, text in {**MORE, **LAST}.items()}}


@pytest.fixture
async def tables(database, whole):
    await take(database, whole)
    async with database.read() as session:
        return await export_street(session)


def geojson(*features, **more):
    return json.dumps({"type": "FeatureCollection", "features": list(features), **more}).encode()


def feature(code, geometry=TRIANGLE, **properties):
    return {"type": "Feature", "properties": {"code": code, **properties}, "geometry": geometry}


def same(changes):
    assert set(changes) == {sheet.name for sheet in SHEETS}
    assert {name for name, change in changes.items() if change.differs or change.kept} == set()


async def test_csv_taken_again_changes_nothing(database, tables):
    same(await take(database, read_files({f"{name}.csv": as_csv(rows) for name, rows in tables.items()})))


async def test_a_workbook_taken_again_changes_nothing(database, tables):
    same(await take(database, read_files({"street.xlsx": write_workbook(tables)})))


async def test_an_empty_register_taken_into_another_street_fills_it(tmp_path, database, tables):
    assert all(len(tables[name]) > 1 for name in (*MORE, *LAST, "people", "devices"))
    assert tables["absences"][1] == ["wang", "2026-12-01 08:00", "2026-12-08 08:00", "li"]


async def test_what_a_spreadsheet_made_of_texts_is_read_as_people_see_it(database, files):
    book = Workbook()
    sheet = book.active
    sheet.title = "estates"
    sheet.append(["code", "community", "name", "households", None])
    sheet.append(["E01", "C01", "枫桥新村", 940.0])
    sheet.append([None, None, None, None])
    out = io.BytesIO()
    book.save(out)
    assert read_workbook("x.xlsx", out.getvalue())["estates"].decode().splitlines() == [
        "code,community,name,households",
        "E01,C01,枫桥新村,940",
        ",,,",
    ]


def test_a_text_that_looks_like_a_formula_stays_a_text():
    data = write_workbook({"people": [["code", "name"], ["p1", "=1+1"], ["007", ""]]})
    assert read_workbook("x.xlsx", data)["people"].decode().splitlines() == ["code,name", "p1,=1+1", "007,"]
    assert load_workbook(io.BytesIO(data))["people"]["B2"].data_type == "s"


def test_a_polygon_too_long_for_a_cell_is_said_and_not_cut():
    with pytest.raises(ServerError, match="grids:2:2"):
        write_workbook({"grids": [["code", "polygon"], ["W1", "P" * 40_000]]})


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ({"street.xlsx": b"PK no"}, "street.xlsx: found no Excel workbook"),
        ({"street.xlsx": b""}, "street.xlsx: found no Excel workbook"),
        ({"notes.txt": b""}, "notes.txt: found no file of a street"),
        ({"street.xlsx": write_workbook({"people": [["code"]], "Tabelle1": [["x"]]})}, "'Tabelle1'"),
        ({"grids.geojson": geojson()}, "grids.geojson: found no table for it"),
    ],
)
def test_files_that_are_no_street_are_named(named, problem):
    with pytest.raises(ImportRefusedError) as refusal:
        read_files(named)
    assert problem in str(refusal.value)


async def test_boundaries_come_as_geojson_with_their_datum(database, files):
    old_crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}}
    named = {f"{name}.csv": data for name, data in files.items()}
    named["grids.geojson"] = geojson(feature("W01"), feature("W02", datum="gcj02"), crs=old_crs)
    await take(database, read_files(named))
    async with database.read() as session:
        grids = {grid.code: grid for grid in await session.scalars(select(Grid))}
    assert grids["W01"].polygon.startswith("POLYGON ((120.5 31.2,")
    assert (grids["W01"].datum, grids["W02"].datum) == (Datum.CGCS2000, Datum.GCJ02)
    assert grids["W03"].datum is Datum.WGS84
    same_again = await take(database, read_files(named))
    assert not same_again["grids"].differs


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"{", "grids.geojson: found no JSON"),
        (b"[]", "grids.geojson: found no FeatureCollection"),
        (geojson({"type": "Feature"}), "feature 1: found no property code"),
        (geojson(feature("W01"), feature("W01")), "feature 2: found W01 a second time"),
        (geojson(feature("W99")), "found a feature 'W99', allowed a code of grids.csv"),
        (geojson(crs={"properties": {"name": "EPSG:3857"}}), "found another crs"),
        (geojson(crs=[]), "found another crs"),
    ],
)
def test_a_mistake_in_a_geojson_file_is_named(files, data, problem):
    with pytest.raises(ImportRefusedError) as refusal:
        read_files({**{f"{name}.csv": one for name, one in files.items()}, "grids.geojson": data})
    assert problem in str(refusal.value)


@pytest.mark.parametrize(
    ("geometry", "problem"),
    [
        ({"type": "Point", "coordinates": [120, 31]}, "not POINT"),
        (
            {"type": "Polygon", "coordinates": [[[31, 120], [31, 121], [32, 121], [31, 120]]]},
            "longitude before",
        ),
        ({"type": "Polygon"}, "as a GeoJSON geometry"),
    ],
)
async def test_a_geometry_that_is_no_area_of_the_earth_is_refused_in_its_row(
    database, files, geometry, problem
):
    named = {f"{name}.csv": data for name, data in files.items()}
    with pytest.raises(ImportRefusedError, match=problem) as refusal:
        await take(database, read_files({**named, "grids.geojson": geojson(feature("W01", geometry))}))
    assert "grids.csv:5:6:" in str(refusal.value)


async def look_at(database, files, *, most_rows):
    async with database.read() as session:
        changes = await preview_street(session, parse_street(files), most_rows=most_rows)
    return {change.sheet: change for change in changes}


async def test_a_preview_names_what_is_added_changed_and_gone_with_old_and_new(database, whole):
    await take(database, whole)
    changed = {
        **whole,
        "people": whole["people"].replace("王秀兰".encode(), "王秀英".encode()) + "neu,新人,,\n".encode(),
        "duty_times": TIMES.rsplit("desk", 2)[0].encode(),
        "doors": LAST["doors"].rsplit("B01", 1)[0].encode(),
        "devices": b"\n".join(whole["devices"].splitlines()[:-1]),
    }
    rows = {name: change.rows for name, change in (await look_at(database, changed, most_rows=5)).items()}
    await take(database, changed)
    by_fate = {row.fate: row for row in rows["people"]}
    assert by_fate[Fate.CHANGED].key == "wang"
    assert by_fate[Fate.CHANGED].fields == {"name": ("王秀兰", "王秀英")}
    assert by_fate[Fate.ADDED].key == "neu"
    assert [(row.key, row.fate) for row in rows["duty_times"]] == [
        ("desk/desk/street//1234567/20:00", Fate.GONE)
    ]
    assert [(row.key, row.fate) for row in rows["doors"]] == [("B01/102室", Fate.GONE)]
    assert [row.fate for row in rows["devices"]] == [Fate.KEPT]
    async with database.read() as session:
        left = await export_street(session)
    assert left["doors"][1:] == [["B01", "101室", "W02"]]


async def test_a_preview_names_no_more_rows_than_asked_for(database, files):
    changes = await look_at(database, files, most_rows=2)
    assert [len(changes[name].rows) for name in ("people", "grids", "devices")] == [2, 2, 2]


async def test_grid_codes_follow_the_streets_pattern(database, files):
    await take(database, files, grid_code="[WDZ][0-9]{2}")
    with pytest.raises(ImportRefusedError, match=r"grids.csv:2:1: found 'Z01' as code, allowed what matches"):
        await take(database, files, grid_code="W.*")


async def test_a_swap_that_ends_before_it_begins_is_refused(database, whole):
    broken = LAST["swaps"].replace("2026-12-02", "2026-11-02").replace(",li\n", ",wang\n").encode()
    with pytest.raises(ImportRefusedError) as refusal:
        await take(database, {**whole, "swaps": broken})
    assert "swaps.csv:2:6: found an end" in str(refusal.value)
    assert "swaps.csv:2:7: found somebody who takes over from themselves" in str(refusal.value)
