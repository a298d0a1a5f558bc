"""What a class means on every page no other sheet means otherwise."""

import re
from pathlib import Path

SHEETS = Path(__file__).parents[3] / "server" / "web" / "assets" / "src"
LEFT_OUT = re.compile(r"/\*.*?\*/|@media print\s*\{(?:[^{}]|\{[^{}]*\})*\}|\([^()]*\)", re.DOTALL)
"""Remarks, what is for paper, and conditions."""
RULES = re.compile(r"([^{}]+)\{[^{}]*\}")
CLASS = re.compile(r"\.[\w-]+")


def plain_classes(sheet: Path) -> set[str]:
    """Return the classes to which a sheet gives looks wherever they stand."""
    text = LEFT_OUT.sub("", sheet.read_text(encoding="utf-8"))
    selectors = (one.strip() for rule in RULES.findall(text) for one in rule.split(","))
    return {one for one in selectors if CLASS.fullmatch(one)}


def test_a_class_of_every_page_has_no_second_meaning_in_the_sheet_of_some():
    of_all = plain_classes(SHEETS / "pages.css")
    assert {".quiet", ".tag"} <= of_all
    twice = {
        sheet.name: again
        for sheet in sorted(SHEETS.glob("*.css"))
        if sheet.name != "pages.css" and (again := plain_classes(sheet) & of_all)
    }
    assert twice == {}
