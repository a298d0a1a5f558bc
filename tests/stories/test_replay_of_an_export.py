"""What a server gives away runs through a gateway's rules offline: the replay of a day equals the day."""

import json
from datetime import timedelta

from typer.testing import CliRunner

from edge.cli import app
from edge.model import Moment, Snapshot
from edge.rules.state import Now
from edge.tools.rulecommands import _engine
from server.history import service
from server.history.packer import Packer
from tests.server.web.running_site import open_site
from wire.messages import ReadingsBatch, ReadingSeries

SITE = """\
gateway: gw-one
server: {host: 127.0.0.1}
buses: [{id: bus, technique: modbus_tcp, host: 127.0.0.1}]
devices:
  - {id: gas-1, bus: bus, unit: 1, profile: honeywell-midas}
  - {id: valve-1, bus: bus, unit: 9, profile: coil-relay}
rules:
  - {use: default-gas, latching: false, actions: [{do: close_valve, device: valve-1}]}
"""
STRICTER = SITE.replace("latching: false,", "latching: false, above: 10,")
QUIET, LEAK = [1.0] * 300, [3.0, 12.0, 31.0, 64.0, 40.0, 9.0]
DAY = QUIET + LEAK + QUIET + [14.0] * 5 + QUIET + LEAK + QUIET
"""One value a second: two leaks, and between them a smell that is none yet."""


def snapshots(engine, moment, gas):
    """What the gateway reads in one second: the detector and the valve."""
    for device, values in (("gas-1", {"gas_lel": gas}), ("valve-1", {"valve_closed": 0.0})):
        points = engine.points[device]
        read = tuple(values.get(point.name) for point in points)
        yield Snapshot(device=device, points=points, values=read, qualities=None, at=moment)


async def live_through(site, engine):
    """The gateway's day: each value is judged when it is taken, alarms and readings go to the server."""
    begin = site.clock.now()
    rows = []
    series = {
        (device, point.name): index
        for index, (device, point) in enumerate(
            (device, point) for device, points in engine.points.items() for point in points
        )
    }
    for second, gas in enumerate(DAY):
        moment = Moment(wall_ms=service.to_ms(begin) + second * 1000, boot_ms=5_000 + second * 1000)
        now = Now(moment=moment, boot=engine.boot)
        decisions = engine.tick(now)
        for snapshot in snapshots(engine, moment, gas):
            decisions += engine.take(snapshot, now)
            for point, value in zip(snapshot.points, snapshot.values, strict=True):
                rows.append((series[snapshot.device, point.name], second * 1000, value))
        for decision in decisions:
            if decision.alarm is not None:
                await site.world.take(site.world.alarm_message(decision.alarm))
    units = {(device, point.name): point.unit for device, points in engine.points.items() for point in points}
    content = ReadingsBatch(
        start=begin,
        series=tuple(ReadingSeries(device=d, point=p, unit=units[d, p]) for d, p in series),
        s=tuple(row[0] for row in rows),
        offset_ms=tuple(row[1] for row in rows),
        value=tuple(row[2] for row in rows),
    )
    batch = service.Batch(gateway="gw-one", run="r", seq=1, content=content)
    await service.apply(site.readings, [batch], now=begin)
    return begin


async def test_the_replay_of_an_exported_day_raises_what_was_raised(tmp_path):
    site_file, stricter = tmp_path / "site.yaml", tmp_path / "stricter.yaml"
    site_file.write_text(SITE, "utf-8")
    stricter.write_text(STRICTER, "utf-8")
    async with open_site(tmp_path) as site:
        begin = await live_through(site, _engine(site_file))
        await Packer(database=site.readings, clock=site.clock, pulses=site.pulses).pack_all()
        operator = await site.operator()
        asked = {
            "gateway": "gw-one",
            "start": (begin - timedelta(hours=1)).isoformat(),
            "end": (begin + timedelta(hours=1)).isoformat(),
        }
        files = {}
        for name, path, form in (
            ("readings.jsonl", "readings", {"form": "jsonl"}),
            ("readings.csv", "readings", {"form": "csv"}),
            ("alarms.jsonl", "alarms", {}),
        ):
            answer = await operator.get(f"/api/v1/exports/{path}", params={**asked, **form})
            files[name] = tmp_path / name
            files[name].write_bytes(answer.content)
    assert len(files["alarms.jsonl"].read_text("utf-8").splitlines()) == 2, "it was a day with two leaks"

    def replay(site_path, readings):
        asked = [
            "rules",
            "replay",
            str(site_path),
            str(files[readings]),
            "--raised",
            str(files["alarms.jsonl"]),
        ]
        return CliRunner().invoke(app, [*asked, "--json"])

    for readings in ("readings.jsonl", "readings.csv"):
        same = replay(site_file, readings)
        assert json.loads(same.stdout)["differences"] == []
        assert same.exit_code == 0
    other = replay(stricter, "readings.jsonl")
    assert other.exit_code == 1, "other rules raise other alarms"
    assert sum("only in the replay" in text for text in json.loads(other.stdout)["differences"]) >= 1
