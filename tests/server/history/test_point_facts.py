"""Beside a curve: limits that nothing ever crossed, how long a value stands for, and when it was measured."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from server.devices.configuration import keep_part
from server.history.columns import QUALITY_CODES, Readings, roll_up
from server.history.database import HistoryDatabase
from server.history.limits import facts_of, lines_of
from server.history.model import Stretch
from server.history.service import to_ms
from server.history.sparkline import sparkline
from server.history.trends import SeriesInfo, find_series, read_range
from server.intake.readings import ReadingsIntake, with_known_time
from tests.server.world import GATEWAY, open_world
from wire import codec
from wire.configuration import ConfigurationReport, DeviceInForce, RuleInForce, RuleLimit
from wire.messages import ReadingsBatch, ReadingSeries, ReadingsMessage
from wire.topics import Up
from wire.vocabulary import AlarmClass, Clock, Kind, LimitSide, Measure, Quality

LIFE, HAZARD = AlarmClass.LIFE_SAFETY, AlarmClass.HAZARD
GAS = SeriesInfo(id=1, gateway=GATEWAY, device="gas-1", point="gas_lel", unit="%{LEL}")
STAGES = (
    RuleLimit(side=LimitSide.ABOVE, limit=50.0, stage=2, class_=LIFE),
    RuleLimit(side=LimitSide.ABOVE, limit=25.0, stage=1, class_=HAZARD),
)


@pytest.fixture
async def world(tmp_path):
    async with open_world(tmp_path) as opened:
        yield opened


def rule(name: str = "gas", **changes) -> RuleInForce:
    values = {
        "rule": name, "type": "threshold", "hash": "h", "kind": Kind.GAS, "class_": HAZARD,
        "devices": ("gas-1", "gas-2"), "point": "gas_lel", "unit": "%{LEL}", "limits": STAGES, **changes,
    }  # fmt: skip
    return RuleInForce(**values)


async def configure(world, *rules: RuleInForce, heartbeat_ms: int = 60_000, name: str = "c") -> None:
    device = DeviceInForce(
        device="gas-1", bus="b", address="1", model="m", period_ms=1_000, heartbeat_ms=heartbeat_ms
    )
    report = ConfigurationReport(content_hash=name, file_hash=name, rules=rules, devices=(device,))
    async with world.database.write() as session:
        assert await keep_part(session, GATEWAY, report, now=world.clock.now())


async def facts(world, series: SeriesInfo = GAS):
    async with world.database.read() as session:
        return await facts_of(session, series)


async def test_limits_that_were_never_crossed_are_known_with_their_stages(world):
    await configure(world, rule(), rule("other", devices=("gas-9",)))
    found = await facts(world)
    assert [(one.value, one.stage, one.class_, one.side) for one in found.limits] == [
        (25.0, 1, HAZARD, LimitSide.ABOVE),
        (50.0, 2, LIFE, LimitSide.ABOVE),
    ]
    assert found.from_rules
    assert found.hold == timedelta(seconds=60)


async def test_what_past_alarms_named_counts_only_where_no_rules_are_told(world):
    await world.raise_alarm("a1", point="gas_lel", value=31.5, unit="%{LEL}", limit=20.0)
    before = await facts(world)
    assert ([one.value for one in before.limits], before.from_rules, before.hold) == ([20.0], False, None)
    await configure(world, rule())
    assert [one.value for one in (await facts(world)).limits] == [25.0, 50.0], "the old limit is gone"


@pytest.mark.parametrize(
    "changes",
    [
        {"measure": Measure.RATE},
        {"measure": Measure.MEAN},
        {"point": "temperature_c"},
        {"devices": ("gas-2",)},
        {"unit": "ppm"},
        {"limits": (RuleLimit(side=LimitSide.RISING, limit=3.0, class_=HAZARD),)},
    ],
)
def test_what_is_no_limit_of_the_value_is_not_drawn(changes):
    assert list(lines_of(rule(**changes), GAS)) == []


def test_a_limit_that_several_vote_on_is_drawn_at_each_of_them():
    voted = rule(type="k_of_n", devices=("gas-9",), watches=("gas-1", "gas-2"), votes_needed=2)
    assert len(list(lines_of(voted, GAS))) == 2
    listening = msgspec.structs.replace(voted, votes_needed=0)
    assert list(lines_of(listening, GAS)) == []


# --- gaps ----------------------------------------------------------------------------------------

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def strokes(minutes: list[int], silent: tuple[int, ...] = (), **options) -> int:
    """How many separate lines an hour with readings at these minutes is drawn as."""
    every = sorted({*minutes, *silent})
    readings = Readings.of(
        [
            (to_ms(BEGIN) + 60_000 * minute, None, QUALITY_CODES[Quality.COMM_FAULT])
            if minute in silent
            else (to_ms(BEGIN) + 60_000 * minute, 1.0, QUALITY_CODES[Quality.GOOD])
            for minute in every
        ]
    )
    picture = sparkline(roll_up(readings, 60_000), Stretch(BEGIN, BEGIN + timedelta(hours=1)), **options)
    return picture.count("M")


def test_a_value_by_exception_is_held_and_a_gap_is_a_gap():
    ten = timedelta(minutes=10)
    assert strokes([0, 9, 18, 27]) == 4, "where nobody told how often it is sent, an eighth is a gap"
    assert strokes([0, 9, 18, 27], longest=ten) == 1, "each is held until the next heartbeat"
    assert strokes([0, 9, 30, 39], longest=ten) == 2, "two heartbeats did not come"
    assert strokes([0, 1, 3, 4], silent=(2,), longest=ten) == 2, "the device did not answer"


# --- when ----------------------------------------------------------------------------------------


def batch(world, *, start, sent_at, clock=Clock.UNSURE, of_batch=Clock.UNSURE):
    content = ReadingsBatch(
        start=start,
        series=(ReadingSeries(device="gas-1", point="gas_lel", unit="%{LEL}"),),
        s=(0,),
        offset_ms=(500,),
        value=(1.0,),
        clock=of_batch,
    )
    envelope = world.envelope(sent_at=sent_at, clock=clock)
    return content, ReadingsMessage(**envelope, run="r", seq=1, batch=codec.as_raw(content))


async def test_readings_of_a_gateway_that_never_knew_the_time_are_dated_by_their_age(world, tmp_path):
    readings = HistoryDatabase(f"sqlite+aiosqlite:///{tmp_path}/readings.db")
    await readings.prepare()
    long_ago = datetime(1971, 1, 1, tzinfo=UTC)
    _, message = batch(world, start=long_ago, sent_at=long_ago + timedelta(seconds=20))
    received = world.bytes(codec.encode(message), Up.READINGS)
    await ReadingsIntake(world.database, readings).store([received], now=world.clock.now())
    (series,) = await find_series(readings, gateway=GATEWAY)
    now = world.clock.now()
    (reading,) = await read_range(
        readings, gateway=GATEWAY, device=series.device, since=now - timedelta(days=1), until=now
    )
    assert reading.at == now - timedelta(seconds=19.5)
    await readings.close()


async def test_times_that_can_be_believed_stay_as_they_are(world):
    now = world.clock.now()
    hour = timedelta(hours=1)
    for how in (
        {"start": now - hour, "sent_at": now - hour, "clock": Clock.SYNCED, "of_batch": Clock.SYNCED},
        {"start": now - 9 * hour, "sent_at": now, "clock": Clock.SYNCED},
        {"start": now - hour, "sent_at": now - timedelta(seconds=3)},
        {"start": now - hour, "sent_at": now - 400 * 24 * hour},
    ):
        content, message = batch(world, **how)
        assert with_known_time(content, message, at=now) is content, how
