"""`readings export` and `rules replay` at the command line: from a store, and not from one in use."""

import csv
import fcntl
import io
import json

import pytest
from typer.testing import CliRunner

from edge.cli import app
from edge.clock import ManualClock
from edge.model import Snapshot
from edge.stores.readings import ReadingStore
from tests.edge.site import GAS

SITE = """\
gateway: gw-one
server: {host: 127.0.0.1}
buses: [{id: bus, technique: modbus_tcp, host: 127.0.0.1}]
devices: [{id: gas, bus: bus, unit: 1, profile: honeywell-midas}]
rules:
  - {id: high, type: threshold, devices: [gas], point: gas_lel, above: 25, kind: gas, class: hazard}
"""
VALUES = (1.0, 2.0, 30.0, 31.0, 3.0)


@pytest.fixture
async def store(tmp_path):
    clock = ManualClock()
    opened = ReadingStore(tmp_path / "readings.db", max_bytes=10**7, max_age_ms=10**12)
    for value in VALUES:
        clock.advance(seconds=1)
        snapshot = Snapshot(device="gas", points=GAS, values=(value,), at=clock.moment())
        await opened.append([snapshot], clock.moment())
    opened.close()
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "lock").touch()
    return tmp_path / "readings.db"


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_store_is_printed_oldest_first_as_lines_or_as_a_table(store):
    before = store.read_bytes()
    lines = [json.loads(line) for line in run("readings", "export", store).stdout.splitlines()]
    assert [line["value"] for line in lines] == list(VALUES)
    table = list(csv.DictReader(io.StringIO(run("readings", "export", store, "--csv").stdout)))
    assert [float(row["value"]) for row in table] == list(VALUES)
    assert store.read_bytes() == before, "nothing is changed by looking"


def test_a_store_is_put_through_the_rules(store):
    done = run("rules", "replay", store.parent / "site.yaml", store, "--json")
    assert done.exit_code == 0, done.output
    (alarm,) = json.loads(done.stdout)["alarms"]
    assert (alarm["rule"], alarm["device"], alarm["count"]) == ("high", "gas", 1)
    assert alarm["cleared_at"] is not None


@pytest.mark.parametrize("what", ["export", "replay"])
def test_the_store_of_a_running_gateway_is_left_alone_and_the_way_out_is_said(store, what):
    arguments = (
        ("readings", "export") if what == "export" else ("rules", "replay", store.parent / "site.yaml")
    )
    with (store.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run(*arguments, store)
    assert done.exit_code == 2
    assert "stop the gateway" in done.stderr
    assert run(*arguments, store).exit_code == 0
