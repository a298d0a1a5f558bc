"""Every sentence in which the reader of import files refuses something is known in Chinese."""

import ast
import re
from pathlib import Path

import pytest

from server.errors import ImportRefusedError
from server.places import cells
from server.places.importer import parse_street, read_files
from server.places.problems import allowed_text, letter_of, tell

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def refusals() -> list[str]:
    """What cells say that they take, with numbers in the places of values."""
    found = []
    for node in ast.walk(ast.parse(Path(cells.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "CellError":
            (said,) = node.args
            if isinstance(said, ast.Constant):
                found.append(said.value)
            elif isinstance(said, ast.JoinedStr):
                found.append(
                    "".join(part.value if isinstance(part, ast.Constant) else "7" for part in said.values)
                )
    return found


def test_the_cells_were_found():
    assert len(refusals()) > 15


@pytest.mark.parametrize("said", refusals())
def test_what_a_cell_takes_is_said_in_chinese(said):
    told = allowed_text("devices", "name", said)
    assert told is not None
    assert CHINESE.search(told.speak(str))
    assert "可以写" not in told.text, "that is for lists of words"


BROKEN = {
    "not UTF-8": {"communities.csv": b"code,name\nC01,\xff\n"},
    "no CSV": {"communities.csv": b'code,name\nC01,"x\n'},
    "empty": {"communities.csv": b""},
    "column missing": {"communities.csv": b"code\nC01\n"},
    "column unknown": {"communities.csv": b"code,name,colour\nC01,x,y\n"},
    "column twice": {"communities.csv": b"code,name,name\nC01,x,y\n"},
    "cells missing": {"communities.csv": b"code,name\nC01\n"},
    "row twice": {"communities.csv": b"code,name\nC01,One\nC01,Two\n"},
    "own parent": {"grids.csv": b"code,community,kind,name,parent,polygon\nW01,C01,micro,One,W01,\n"},
    "role and scope": {"duties.csv": b"person,role,scope,code\nwang,desk,grid,W01\n"},
    "no duty": {"duty_times.csv": b"person,role,scope,code,days,from,until\nli,desk,street,,1,08:00,09:00\n"},
    "ends before": {"absences.csv": b"person,from,until\nwang,2026-12-02 08:00,2026-12-01 08:00\n"},
    "own stand-in": {
        "absences.csv": b"person,from,until,stand_in\nwang,2026-12-01 08:00,2026-12-02 08:00,wang\n"
    },
    "no street": {"colours.csv": b"x\n"},
    "no workbook": {"street.xlsx": b"x"},
    "no JSON": {"grids.geojson": b"{"},
    "no collection": {"grids.geojson": b"[]"},
    "no code": {"grids.geojson": b'{"features":[{"geometry":{}}]}'},
    "other crs": {"grids.geojson": b'{"crs":{"properties":{"name":"EPSG:1"}},"features":[]}'},
    "other code": {"grids.geojson": b'{"features":[{"properties":{"code":"q"},"geometry":{}}]}'},
    "no table": {"people.geojson": b'{"features":[]}'},
}


@pytest.mark.parametrize("named", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_wrong_is_said_in_chinese(files, named):
    whole = {f"{name}.csv": data for name, data in files.items()}
    with pytest.raises(ImportRefusedError) as refusal:
        parse_street(read_files({**whole, **named}))
    for problem in refusal.value.problems:
        told = tell(problem)
        assert CHINESE.search(told.said.text), problem
        assert CHINESE.search(told.said.speak(str))
        assert told.sheet or told.row == 0


def test_a_sentence_that_is_not_known_is_shown_as_it_is():
    told = tell("people.csv:3:28: found 100 % nonsense")
    assert (told.row, told.column, told.said.speak(str)) == (3, "AB", "found 100 % nonsense")


def test_columns_are_called_as_spreadsheets_call_them():
    assert [letter_of(n) for n in (1, 26, 27, 52, 703)] == ["A", "Z", "AA", "AZ", "AAA"]
