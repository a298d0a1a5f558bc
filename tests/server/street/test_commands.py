"""The commands about a street, as somebody types them."""

import pytest
from typer.testing import CliRunner

from server.cli import app
from server.places.importer import SAMPLE_STREET


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDWARDEN_DATA_FOLDER", str(tmp_path / "data"))
    monkeypatch.setenv("GRIDWARDEN_GRID_CODE_PATTERN", "[A-Z][0-9]{2}")
    clock = tmp_path / "clock"
    monkeypatch.setenv("GRIDWARDEN_TEST_CLOCK", str(clock))

    def type_in(*words, code=0):
        result = CliRunner().invoke(app, [*map(str, words)])
        assert result.exit_code == code, result.output
        return result.output

    return type_in


def test_a_street_goes_in_is_looked_at_and_comes_out_again(run, tmp_path):
    assert "people: 14 new" in run("import", "--sample")
    same = run("import", SAMPLE_STREET, "--check")
    assert "people: 0 new, 0 changed, 14 as before, 0 gone, 0 not in the file" in same
    assert "nothing was changed" in same
    run("export", tmp_path / "out")
    people = tmp_path / "out" / "people.csv"
    assert "王秀兰" in people.read_text(encoding="utf-8-sig")
    people.write_text(people.read_text(encoding="utf-8-sig").replace("王秀兰", "王秀英"), encoding="utf-8")
    assert "  changed wang: name: '王秀兰' → '王秀英'" in run("import", tmp_path / "out", "--check")
    assert "0 new, 0 changed" in run("export", tmp_path / "s.xlsx") + run("import", tmp_path / "s.xlsx")
    assert "由王秀兰负责，因为1幢属于第一微网格" in run("route", "explain", "gw-demo-01", "gas-kitchen")
    said = run("route", "explain", "gw-demo-01", "gas-kitchen", "--english", "--at", "2026-12-24 03:00")
    assert "To 王秀兰, because" in said
    assert "1. 王秀兰, grid leader: " in said
    assert "9 grids, 168 hours" in run("route", "prove")


def test_a_mistake_ends_with_its_place_and_1(run, tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDWARDEN_GRID_CODE_PATTERN", "W[0-9]{2}")
    said = run("import", "--sample", code=1)
    assert "grids.csv:2:1: found 'Z01' as code" in said
    assert "nothing was changed" in said
    assert "no such folder" in run("import", tmp_path / "nothing", code=1)
    monkeypatch.setenv("GRIDWARDEN_GRID_CODE_PATTERN", "W[")
    assert "GRIDWARDEN_GRID_CODE_PATTERN" in run("import", "--sample", code=2)


def test_a_street_without_people_fails_its_proof(run):
    assert "0 grids" in run("route", "prove")
    run("import", "--sample")
    from tests.server.street.test_commands import empty_people

    empty_people()
    said = run("route", "prove", code=1)
    assert "nobody" in said
    assert "grid hours with fewer than two people" in said


def empty_people():
    import sqlite3

    from server.config import load_settings

    path = load_settings().database.removeprefix("sqlite+aiosqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE person SET active = 0")
        connection.execute("INSERT INTO places_version (at) VALUES ('2026-11-24 00:00:00')")
