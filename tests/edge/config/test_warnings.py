"""What a site file may say and seldom means: said with its place, and the file is used all the same."""

import json

import pytest
from typer.testing import CliRunner

from edge.cli import app
from edge.site.siteloader import inspect_site

GOOD = """\
gateway: gw-north-07
server: {host: 127.0.0.1}
buses:
  - {id: kitchen, technique: modbus_rtu, device: /dev/serial/by-id/usb-1, baud: 9600}
devices:
  - {id: gas-kitchen, bus: kitchen, unit: 1, profile: honeywell-midas}
  - {id: valve, bus: kitchen, unit: 9, profile: coil-relay}
rules:
  - id: gas-high
    type: threshold
    devices: [gas-kitchen]
    point: gas_lel
    above: 25
    kind: gas
    class: life_safety
    actions: [{do: close_valve, device: valve}]
"""


@pytest.fixture
def warnings(tmp_path):
    def of(text):
        path = tmp_path / "site.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        found = inspect_site(path)
        assert found.problems == ()
        return [(one.line, one.column, one.text) for one in found.warnings]

    return of


def test_a_good_file_is_warned_of_nothing(warnings):
    assert warnings(GOOD) == []
    assert warnings(b"\xef\xbb\xbf" + GOOD.encode()) == []  # as editors of Windows save it


@pytest.mark.parametrize(
    ("found", "instead", "place", "said"),
    [
        ("unit: 1,", "unit: 1, period_s: 0.05,", (4, 5), "of the line's time"),
        ("baud: 9600", "baud: 1200, gap_ms: 400", (4, 5), "of the line's time"),
        ("unit: 1,", "unit: 1, contact: {after_s: 3600},", (6, 55), "silent for 3600 s"),
        ("unit: 1,", "unit: 1, period_s: 600,", (6, 56), "silent for 1800 s"),
        ("unit: 9,", "unit: 0,", (7, 37), "unit 0 means all units"),
        ("    actions: [{do: close_valve, device: valve}]\n", "", (9, 5), "closes no valve"),
        (
            "devices:\n",
            "  - {id: spare, technique: modbus_tcp, host: 10.0.0.2}\ndevices:\n",
            (5, 5),
            "no device is on bus 'spare'",
        ),
        ("host: 127.0.0.1", "host: 10.0.0.1, username: u", (2, 16), "without TLS"),
        ("host: 127.0.0.1", "host: 127.0.0.1, password_file: nothing-here", (2, 42), "cannot be read here"),
    ],
)
def test_what_is_seldom_meant_is_said_at_its_place(warnings, found, instead, place, said):
    assert found in GOOD
    ((line, column, text),) = warnings(GOOD.replace(found, instead, 1))
    assert (line, column) == place
    assert said in text


def test_a_secret_that_others_can_read_is_named(warnings, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("hush")
    text = GOOD.replace("host: 127.0.0.1", "host: 127.0.0.1, password_file: password")
    secret.chmod(0o600)
    assert warnings(text) == []
    secret.chmod(0o640)
    ((_, _, said),) = warnings(text)
    assert "chmod 600" in said
    assert "hush" not in said


def test_warnings_end_with_0_and_with_1_where_they_are_to_count(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(GOOD.replace("baud: 9600", "baud: 1200, gap_ms: 400"))
    relaxed = CliRunner().invoke(app, ["check", str(path)])
    assert relaxed.exit_code == 0
    assert ": warning: " in relaxed.stdout
    assert CliRunner().invoke(app, ["check", str(path), "--strict"]).exit_code == 1
    document = json.loads(CliRunner().invoke(app, ["check", str(path), "--json"]).stdout)
    assert document["good"] is True
    assert len(document["warnings"]) == 1
