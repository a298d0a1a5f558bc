"""The document of the import files and the code say the same."""

import re
from pathlib import Path

import pytest

from server.places.sheets import SHEETS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "places" / "import-files.md").read_text(encoding="utf-8")
CHAPTERS = {chapter.split("\n", 1)[0]: chapter for chapter in DOCUMENT.split("\n## ")[1:]}


def test_every_file_has_a_chapter_in_the_order_in_which_it_is_read():
    assert list(CHAPTERS) == [sheet.name for sheet in SHEETS]


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_a_chapter_names_every_column_and_whether_it_is_needed(sheet):
    chapter = CHAPTERS[sheet.name]
    said = dict(re.findall(r"^\| `(\w+)` \| (yes|no) \|", chapter, re.MULTILINE))
    assert said == dict.fromkeys(sheet.columns, "yes") | dict.fromkeys(sheet.more, "no")
    assert f"Needed: {'yes' if sheet.needed else 'no'}." in chapter
    assert ("Taken whole" in chapter) is sheet.whole
