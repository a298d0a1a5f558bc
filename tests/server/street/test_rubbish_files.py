"""Files as people in a hurry send them: each mistake has a sentence, none a crash, nothing is lost silently."""

import io
import zipfile
from datetime import time, timedelta

import pytest
from openpyxl import Workbook

from server.errors import ImportRefusedError
from server.places.cells import CellError, code, count, day, first_minute, minute, moment, telephone, text
from server.places.importer import parse_street, read_files, sort_files
from server.places.problems import tell
from server.places.reading import Registered

PEOPLE = "code,name,phone,webhook_url\n"
GRIDS = "code,community,kind,name,parent,polygon\n"
KNOWN = {
    "communities": Registered(frozenset({"c1"})),
    "grids": Registered(frozenset({"g0", "g1"}), parents={"g1": "g0"}),
}


def book(sheets):
    made = Workbook()
    made.remove(made.active)
    for title, rows in sheets.items():
        sheet = made.create_sheet(title)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


GOOD = book({"people": [["code", "name", "phone", "webhook_url"], ["p1", "张三", None, None]]})


def broken(part, change):
    """The workbook with one of its parts changed, or left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as whole, zipfile.ZipFile(out, "w") as packed:
        for one in whole.infolist():
            data = whole.read(one)
            if one.filename == part:
                data = change(data)
            if data is not None:
                packed.writestr(one, data)
    return out.getvalue()


def problems(named, registered=KNOWN):
    with pytest.raises(ImportRefusedError) as refusal:
        parse_street(read_files(named), registered=registered)
    return [tell(one).said.speak(str) for one in refusal.value.problems]


@pytest.mark.parametrize(
    "data",
    [
        broken("xl/worksheets/sheet1.xml", lambda data: data[: len(data) // 2]),
        broken("xl/workbook.xml", lambda data: data[: len(data) // 2]),
        broken("xl/styles.xml", lambda data: data[:50]),
        broken("xl/worksheets/sheet1.xml", lambda _: None),
        broken("[Content_Types].xml", lambda _: None),
        GOOD[: len(GOOD) // 2],
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_a_workbook_that_is_damaged_anywhere_is_called_so(data):
    assert problems({"street.xlsx": data}) == ["“street.xlsx”打不开，不是 Excel（.xlsx）文件。"]


@pytest.mark.parametrize("name", ["people.xls", "people.csv", "people.xlsx"])
def test_an_old_workbook_or_one_with_a_password_is_called_so_whatever_its_name(name):
    (said,) = problems({name: b"\xd0\xcf\x11\xe0" + b"0" * 500})
    assert "另存为不带密码的 Excel" in said


@pytest.mark.parametrize("name", ["people.csv", "名单.txt", "STREET.XLSX"])
def test_a_workbook_is_known_by_its_first_bytes(name):
    assert set(read_files({name: GOOD})) == {"people"}


@pytest.mark.parametrize("name", ["people.CSV", "people (1).csv", "人员(2).csv"])
def test_endings_in_capitals_and_second_downloads_are_the_same_table(name):
    assert set(read_files({name: PEOPLE.encode()})) == {"people"}


ONE, TWO = (f"{PEOPLE}{code},b,,\n".encode() for code in ("p1", "p2"))
HEAD = ["code", "name", "phone", "webhook_url"]


@pytest.mark.parametrize(
    "named",
    [
        {"people.csv": ONE, "人员.csv": TWO},
        {"people.csv": ONE, "people (1).csv": TWO},
        {"people.csv": ONE, "street.xlsx": GOOD},
        {"street.xlsx": book({"people": [HEAD, ["p1", "A", "", ""]], "人员": [HEAD, ["p2", "B", "", ""]]})},
    ],
)
def test_a_table_that_comes_twice_is_refused_and_not_half_taken(named):
    (said,) = problems(named)
    assert "是同一张表，请只留一份" in said


def test_boundaries_may_lie_beside_a_table_of_a_workbook():
    files, boundaries = sort_files({"street.xlsx": GOOD, "网格.geojson": b"{}"})
    assert set(files) == {"people"}
    assert set(boundaries) == {"grids"}


@pytest.mark.parametrize(
    ("rows", "way"),
    [
        ("g7,c1,micro,N,g8,\ng8,c1,micro,M,g7,\n", "g7 → g8 → g7"),
        ("g0,c1,comprehensive,N,g1,\n", "g0 → g1 → g0"),
    ],
)
def test_grids_that_stand_above_one_another_are_refused_also_by_way_of_the_register(rows, way):
    assert f"上级网格绕成了圈：{way}，请改正其中一个。" in problems({"grids.csv": (GRIDS + rows).encode()})


def test_a_grid_that_is_only_above_a_circle_of_others_is_not_blamed_for_it():
    circle = "g7,c1,micro,N,g8,\ng8,c1,micro,M,g8,\n"
    assert problems({"grids.csv": (GRIDS + circle).encode()}) == ["网格不能是自己的上级，请改正上级网格。"]


def test_what_was_found_is_repeated_shortly_on_one_line_and_with_its_apostrophe():
    rows = f'g7,c1,mic\'ro,N,,\ng8,c1,"{"x" * 1000}",N,,\ng9,c1,"mi\ncro",N,,\n'
    first, second, third = problems({"grids.csv": (GRIDS + rows).encode()})
    assert first == "“类别”不能写“mic'ro”。"
    assert len(second) < 100
    assert third == "“类别”不能写“mi·cro”。"


def test_a_boundary_may_be_longer_than_pythons_limit_of_a_cell():
    ring = ",".join(f"{120 + n / 1e6:.9f} {30 + (n % 2) / 1e9:.9f}" for n in range(6000))
    polygon = f"POLYGON(({ring},120.006 30.1,120 30.1,120.000000000 30.000000000))"
    assert len(polygon) > 131_072
    rows = parse_street({"grids": f'{GRIDS}g7,c1,micro,N,,"{polygon}"\n'.encode()}, registered=KNOWN)
    assert rows["grids"][("g7",)]["polygon"] == polygon


def test_a_quote_that_is_not_closed_is_said_without_pythons_words():
    assert problems({"people.csv": f'{PEOPLE}p1,"b,,\np2,c,,\n'.encode()}) == [
        "这一行附近的引号没有成对。请用表格软件打开检查，再另存为“CSV UTF-8”。"
    ]


def test_boundaries_whose_codes_are_numbers_are_taken_and_endless_brackets_are_not():
    shape = (
        b'{"type":"FeatureCollection","features":[{"properties":{"code":7},"geometry":{"type":"Polygon",'
        b'"coordinates":[[[120,30],[120.01,30],[120.01,30.01],[120,30]]]}}]}'
    )
    table = f"{GRIDS}7,c1,micro,N,,\n".encode()
    rows = parse_street(read_files({"grids.csv": table, "grids.geojson": shape}), registered=KNOWN)
    assert rows["grids"][("7",)]["polygon"].startswith("POLYGON")
    (said,) = problems({"grids.csv": table, "grids.geojson": b"[" * 200_000})
    assert "不是完整的 GeoJSON" in said


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (count(), "9" * 5000),
        (text(), "#N/A"),
        (text(), "two\nlines"),
        (text(), "a\0b"),
        (code(), "a/b"),
        (code(), "a|b"),
        (code(), ".."),
        (day, "0026-03-01"),
        (day, "2026-02-29"),
        (moment, "0001-01-01 00:00"),
        (moment, "9999-12-31 23:59"),
        (telephone, "1.38E+10"),
        (telephone, "12"),
        (telephone, "请打给小王"),
    ],
)
def test_what_no_cell_may_hold_is_refused(cell, value):
    with pytest.raises(CellError):
        cell(value)


def test_days_and_times_may_stand_as_spreadsheets_write_them():
    assert day("2026/3/1").isoformat() == "2026-03-01"
    assert moment("2026/3/1 8:05").isoformat() == "2026-03-01T08:05:00+08:00"
    assert (minute("8:00"), first_minute("8:00")) == ("08:00", "08:00")
    titles = ["person", "role", "scope", "code", "days", "from", "until"]
    rows = [titles, ["wang", "leader", "grid", "g1", 12345, time(8), timedelta(days=1)]]
    (csv,) = read_files({"street.xlsx": book({"duty_times": rows})}).values()
    assert csv.decode().splitlines()[1] == "wang,leader,grid,g1,12345,08:00,24:00"


def test_a_telephone_number_is_kept_as_it_is_dialled():
    assert telephone("+86 138-0000 0000") == "+8613800000000"
    assert telephone("(0571) 8888-6666") == "057188886666"
