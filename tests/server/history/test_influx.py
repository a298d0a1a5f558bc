"""A copy of every reading in InfluxDB: nothing lost in an outage, one bad line holds up no other.

Against the contract double always; against a real InfluxDB 2 as well when GRIDWARDEN_TEST_INFLUX_URL,
GRIDWARDEN_TEST_INFLUX_TOKEN and GRIDWARDEN_TEST_INFLUX_ORG name one; the lines also against a real
VictoriaMetrics, which takes the same protocol.
"""

import asyncio
import json
import os
import subprocess
import urllib.request
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from firmware_sim.demo.ports import pick_port
from server.cli import app
from server.clock import ManualClock
from server.history import service as history
from server.history import spool, trends
from server.history.database import HistoryDatabase
from server.history.influx import Influx, InfluxAddress, InfluxError, RefusedLinesError
from server.history.lineprotocol import flux_of, lines_of
from server.history.service import Batch
from server.history.spool import Feeder
from server.history.trends import Older
from server.pulse import Pulses
from tests.harness.waiting import until
from tests.server.history.influx_double import running
from wire.messages import ReadingsBatch, ReadingSeries
from wire.vocabulary import Quality

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
REAL = os.environ.get("GRIDWARDEN_TEST_INFLUX_URL", "")
GATEWAY = f"gw-{uuid.uuid4().hex[:8]}"


def batch(seq: int, *values: float | None, device: str = "river 1", at: datetime = START) -> Batch:
    content = ReadingsBatch(
        start=at,
        series=(ReadingSeries(device=device, point="ph", unit="[pH]"),),
        s=(0,) * len(values),
        offset_ms=tuple(60_000 * i for i in range(len(values))),
        value=values,
        quality=tuple(Quality.GOOD if v is not None else Quality.COMM_FAULT for v in values),
    )
    return Batch(gateway=GATEWAY, run="r", seq=seq, content=content)


@pytest.fixture
def double():
    with running() as found:
        yield found


@pytest.fixture(params=["double", "real"])
def address(request):
    if request.param == "double":
        found = request.getfixturevalue("double")
        return InfluxAddress(url=found.url, org="street", bucket="readings", token="t", kept_days=7)
    if not REAL:
        pytest.skip("not run against InfluxDB itself: GRIDWARDEN_TEST_INFLUX_URL is not set")
    return InfluxAddress(
        url=REAL,
        org=os.environ["GRIDWARDEN_TEST_INFLUX_ORG"],
        bucket="gridwarden-test",
        token=os.environ["GRIDWARDEN_TEST_INFLUX_TOKEN"],
    )


@pytest.fixture
async def influx(address):
    door = Influx(address)
    await door.set_up()
    yield door
    door.close()


@pytest.fixture
async def readings(tmp_path):
    database = HistoryDatabase(f"sqlite+aiosqlite:///{tmp_path}/readings.db")
    await database.prepare()
    database.on_stored = spool.put
    yield database
    await database.close()


def feeder_of(readings, influx) -> Feeder:
    return Feeder(database=readings, influx=influx, clock=ManualClock(time=START), pulses=Pulses())


async def drain(readings, feeder) -> None:
    while (await spool.waiting(readings))[0]:
        await feeder.turn()


def test_names_with_signs_of_the_protocol_are_escaped():
    (line,) = lines_of([batch(1, 7.5, device="a=b, c\\")])
    assert line.split(" value=")[0] == rf"reading,device=a\=b\,\ c\\,gateway={GATEWAY},point=ph,unit=[pH]"
    assert line.endswith("value=7.5,quality=0i 1772366400000")
    (line,) = lines_of([batch(1, None)])
    assert " quality=4i " in line


def test_names_cannot_leave_their_place_in_a_query():
    query = flux_of("b", {"device": 'x" or true //${y}'}, start_ms=0, stop_ms=1, every_ms=1, wanted=["mean"])
    assert r'r.device == "x\" or true //\${y}"' in query


async def test_the_bucket_is_made_and_keeps_what_it_shall(double):
    door = Influx(InfluxAddress(url=double.url, org="street", bucket="readings", token="t", kept_days=7))
    assert await door.set_up() == "bucket readings: made, keeps 7 days"
    door.close()
    door = Influx(InfluxAddress(url=double.url, org="street", bucket="readings", token="t"))
    assert await door.set_up() == "bucket readings: was there, keeps for ever"
    assert double.buckets == {"readings": 0}
    door.close()


def test_a_command_makes_the_bucket_with_the_retention_of_the_settings(double, monkeypatch, tmp_path):
    token = tmp_path / "influx.token"
    token.write_text("t\n")
    for name, value in {
        "URL": double.url,
        "ORG": "street",
        "BUCKET": "kept-two-years",
        "TOKEN_FILE": str(token),
        "KEPT_DAYS": "731",
    }.items():
        monkeypatch.setenv(f"GRIDWARDEN_INFLUX_{name}", value)
    result = CliRunner().invoke(app, ["influx", "setup"])
    assert (result.exit_code, result.output.strip()) == (0, "bucket kept-two-years: made, keeps 731 days")
    assert double.buckets == {"kept-two-years": 731 * 86_400}
    monkeypatch.setenv("GRIDWARDEN_INFLUX_KEPT_DAYS", "30")
    assert "was there, keeps 30 days" in CliRunner().invoke(app, ["influx", "setup"]).output
    assert double.buckets == {"kept-two-years": 30 * 86_400}
    monkeypatch.setenv("GRIDWARDEN_INFLUX_URL", f"http://127.0.0.1:{pick_port()}")
    assert CliRunner().invoke(app, ["influx", "setup"]).exit_code == 1
    monkeypatch.delenv("GRIDWARDEN_INFLUX_URL")
    assert CliRunner().invoke(app, ["influx", "setup"]).exit_code == 2


async def test_what_is_stored_is_fed_and_can_be_read_back(readings, influx):
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    await history.apply(readings, [batch(1, 7.0, None, 8.0, at=now)], now=now)
    await drain(readings, feeder_of(readings, influx))
    (series,) = await trends.find_series(readings, gateway=GATEWAY)
    tags = {"gateway": GATEWAY, "device": series.device, "point": series.point}
    since_ms = history.to_ms(now)
    found = await influx.read_buckets(
        tags, since_ms=since_ms, until_ms=since_ms + 3_600_000, span_ms=3_600_000
    )
    assert found.start_ms.tolist() == [since_ms]
    assert (found.count[0], found.low[0], found.high[0], found.last[0]) == (2, 7.0, 8.0, 8.0)
    assert found.mean[0] == 7.5


async def test_an_outage_of_a_day_loses_nothing_and_doubles_nothing(readings, double):
    door = Influx(InfluxAddress(url=double.url, org="street", bucket="readings", token="t"))
    feeder = feeder_of(readings, door)
    double.fail_with = 503
    for hour in range(24):
        moment = START + timedelta(hours=hour)
        await history.apply(readings, [batch(hour, *range(10), at=moment)], now=moment)
        assert await feeder.turn() > 0
    assert await spool.waiting(readings) == (240, START)
    double.fail_with = 0
    await drain(readings, feeder)
    assert len(double.lines) == len(set(double.lines)) == 240
    door.close()


async def test_a_kill_between_the_write_and_its_note_is_resumed_and_doubles_nothing(tmp_path, double):
    door = Influx(InfluxAddress(url=double.url, org="street", bucket="readings", token="t"))
    path = f"sqlite+aiosqlite:///{tmp_path}/readings.db"
    killed = HistoryDatabase(path)
    await killed.prepare()
    killed.on_stored = spool.put
    for seq in range(250):  # more than one request takes along
        at = START + timedelta(minutes=seq)
        await history.apply(killed, [batch(seq + 1, 7.0 + seq, at=at)], now=START)
    feeder = feeder_of(killed, door)
    written = door.write

    async def write_and_die(lines: bytes) -> None:
        await written(lines)
        raise KeyboardInterrupt  # nothing catches it, as nothing catches a kill

    door.write = write_and_die  # type: ignore[method-assign]  # the machine loses power here
    with pytest.raises(KeyboardInterrupt):
        await feeder.turn()
    await killed.close()
    door.write = written  # type: ignore[method-assign]  # as above: it is back
    first = len(double.lines)
    assert 0 < first < 250, "it died with part of them written"

    resumed = HistoryDatabase(path)
    await resumed.prepare()
    assert (await spool.waiting(resumed))[0] == 250, "the cursor moves only once the write is noted"
    await drain(resumed, feeder_of(resumed, door))
    assert len(double.lines) == 250 + first
    assert len(set(double.lines)) == len(double.values({})) == 250, "what is written twice lands on itself"
    await resumed.close()
    door.close()


async def test_pauses_grow_while_nobody_answers(readings):
    door = Influx(InfluxAddress(url=f"http://127.0.0.1:{pick_port()}", org="o", bucket="b", token="t"))
    feeder = feeder_of(readings, door)
    await history.apply(readings, [batch(1, 7.0)], now=START)
    pauses = [await feeder.turn() for _ in range(9)]
    assert pauses[0] < 2 < pauses[4] < pauses[8] <= 60
    assert (await spool.waiting(readings))[0] == 1
    door.close()


async def test_one_line_that_is_refused_holds_up_no_other(readings, double):
    door = Influx(InfluxAddress(url=double.url, org="street", bucket="readings", token="t"))
    feeder = feeder_of(readings, door)
    double.poison = "value=666"
    await history.apply(readings, [batch(1, *range(600, 700))], now=START)
    await drain(readings, feeder)
    assert len(double.values({})) == 99
    assert feeder.refused_lines == 1
    with pytest.raises(RefusedLinesError, match="field type conflict"):
        await door.write(b"value=666")
    door.close()


async def test_a_wrong_token_is_said_and_waits(readings, address, request):
    door = Influx(replace(address, token="wrong"))
    if not REAL or address.url != REAL:
        request.getfixturevalue("double").fail_with = 401
    with pytest.raises(InfluxError, match="401"):
        await door.write(b"x")
    await history.apply(readings, [batch(1, 7.0)], now=START)
    await feeder_of(readings, door).turn()
    assert (await spool.waiting(readings))[0] == 1
    door.close()


async def test_a_trend_goes_back_beyond_what_the_database_keeps(readings, influx):
    old = START - timedelta(days=5 * 366)
    await history.apply(readings, [batch(1, 9.0, device="old river", at=START)], now=START)
    await influx.write("\n".join(lines_of([batch(2, 5.0, 7.0, device="old river", at=old)])).encode())
    (series,) = await trends.find_series(readings, gateway=GATEWAY)
    older = Older(influx=influx, before=START - timedelta(days=365))
    found = await trends.read_trend(
        readings, series, since=old - timedelta(days=1), until=START + timedelta(days=1), older=older
    )
    assert found.buckets.mean.tolist() == [6.0, 9.0]


@pytest.fixture
def victoria(tmp_path):
    port = pick_port()
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                "victoria-metrics",
                f"-storageDataPath={tmp_path}/vm",
                f"-httpListenAddr=127.0.0.1:{port}",
                "-retentionPeriod=100y",
                "-search.latencyOffset=0s",
            ],
            stdout=log,
            stderr=log,
        )
        yield f"http://127.0.0.1:{port}"
        server.terminate()
        server.wait(10)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


@pytest.mark.story
async def test_a_real_victoriametrics_takes_every_line(readings, victoria):
    async def is_up() -> bool:
        try:
            return await asyncio.to_thread(get, f"{victoria}/health") == "OK"
        except OSError:
            return False

    await until(is_up)
    door = Influx(InfluxAddress(url=victoria, org="o", bucket="b", token=""))
    await history.apply(readings, [batch(1, *[n / 10 for n in range(100)], None)], now=START)
    await drain(readings, feeder_of(readings, door))
    await asyncio.to_thread(get, f"{victoria}/internal/force_flush")
    (line,) = (await asyncio.to_thread(get, f"{victoria}/api/v1/export?match[]=reading_value")).splitlines()
    found = json.loads(line)
    assert found["metric"] == {
        "__name__": "reading_value",
        "device": "river 1",
        "gateway": GATEWAY,
        "point": "ph",
        "unit": "[pH]",
    }
    assert found["values"] == [n / 10 for n in range(100)]
    assert found["timestamps"][0] == history.to_ms(START)
    door.close()
