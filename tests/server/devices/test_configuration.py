"""What a gateway reports of its configuration is kept, whatever befalls its parts, and how it stood is told."""

from itertools import pairwise
from random import Random

import msgspec
import pytest

from server.devices import configuration, inforce
from server.devices.configuration import KEPT_PARTS, KEPT_VERSIONS, keep_part
from server.devices.tables import ConfigurationPart, ConfigurationVersion, Gateway, Standing
from server.history.database import HistoryDatabase
from server.intake import status as statuses
from server.intake.configurations import ConfigurationIntake
from tests.server.world import GATEWAY
from tests.wire.examples import EXAMPLES
from wire import codec
from wire.configuration import BusInForce, ConfigurationReport, DeviceInForce, RuleInForce
from wire.messages import ConfigurationReply, ReportMessage, StatusMessage
from wire.statusparts import BusState, ConfigState
from wire.topics import Up
from wire.vocabulary import AlarmClass, Kind, Presence

SOFTWARE = "gridwarden 1"


def parts_of(name: str, count: int, *, software: str = SOFTWARE) -> list[ConfigurationReport]:
    """A configuration in parts: a bus first, then a device a part, then rules."""
    return [
        ConfigurationReport(
            content_hash=f"content-{name}-{software}",
            file_hash=f"file-{name}",
            version=f"version {name}",
            software=software,
            part=number,
            parts=count,
            buses=(BusInForce(bus="b1", technique="modbus_tcp", address="h:502"),) if number == 1 else (),
            devices=(DeviceInForce(device=f"d{number}", bus="b1", address="1", model="m"),),
            rules=(
                RuleInForce(
                    rule=f"{name}-{number}",
                    type="threshold",
                    hash="h",
                    kind=Kind.GAS,
                    class_=AlarmClass.HAZARD,
                    devices=(f"d{number}",),
                ),
            ),
        )
        for number in range(1, count + 1)
    ]


def status(world, name: str, *, software: str = SOFTWARE, buses=(), **config):
    state = ConfigState(hash=f"file-{name}", version=f"version {name}", **config)
    message = StatusMessage(
        **world.envelope(), presence=Presence.ONLINE, config=state, software=software, buses=buses
    )
    return world.bytes(codec.encode(message), Up.STATUS)


async def say(world, name: str, **changes):
    await statuses.keep(world.database, [status(world, name, **changes)], now=world.clock.now())


async def take(world, *parts: ConfigurationReport) -> list[bool]:
    kept = []
    for part in parts:
        async with world.database.write() as session:
            kept.append(await keep_part(session, GATEWAY, part, now=world.clock.now()))
    return kept


async def in_force(world):
    async with world.database.read() as session:
        return await inforce.configuration_in_force(session, GATEWAY)


async def history(world):
    async with world.database.read() as session:
        return await inforce.configuration_history(session, GATEWAY)


async def held(world):
    async with world.database.read() as session:
        return await configuration.held_configuration(session, GATEWAY)


async def test_it_is_whole_when_its_last_part_is_there(world):
    assert await take(world, *parts_of("a", 3)) == [False, False, True]
    found = await in_force(world)
    assert [rule.rule for rule in found.rules] == ["a-1", "a-2", "a-3"]
    assert [device.device for device in found.devices] == ["d1", "d2", "d3"]
    assert [bus.address for bus in found.buses] == ["h:502"]
    assert await held(world) == "content-a-gridwarden 1"
    assert await world.rows(ConfigurationPart) == []
    assert await take(world, parts_of("a", 3)[1]) == [True], "a late repeat is answered as well"
    assert len(await world.rows(ConfigurationVersion)) == 1


@pytest.mark.parametrize("seed", range(8))
async def test_parts_lost_doubled_and_mixed_with_those_of_another_come_out_right(world, seed):
    """Two configurations, one after the other; each is told again until the server keeps it whole."""
    chance = Random(seed)
    late: list[ConfigurationReport] = []
    for name in ("a", "b"):
        await say(world, name)
        wanted = f"content-{name}-{SOFTWARE}"
        for _ in range(60):
            sent = [*parts_of(name, 5), *late]
            late = [part for part in sent if chance.random() < 0.2]
            arrived = [part for part in sent if chance.random() < 0.6]
            arrived += [part for part in arrived if chance.random() < 0.2]
            chance.shuffle(arrived)
            kept = await take(world, *arrived)
            if any(whole and part.content_hash == wanted for whole, part in zip(kept, arrived, strict=True)):
                break
        assert await held(world) == wanted
    await take(world, *parts_of("a", 5)[2:])
    found = await in_force(world)
    assert found.file_hash == "file-b", "a part of the old one that comes late changes nothing"
    assert [rule.rule for rule in found.rules] == [f"b-{number}" for number in range(1, 6)]
    assert found.is_current


async def test_the_way_back_to_a_configuration_that_is_known_needs_no_parts(world):
    await say(world, "a")
    await take(world, *parts_of("a", 2))
    await say(world, "b", trial=True)
    assert not (await in_force(world)).is_current, "what is told is not yet what is in force"
    await take(world, *parts_of("b", 2))
    assert (await in_force(world)).standing is Standing.TRIAL
    world.clock.advance(seconds=600)
    await say(world, "a", rejected="on trial the server was not reached with it", rejected_hash="file-b")
    found = await in_force(world)
    assert (found.file_hash, found.standing, found.is_current) == ("file-a", Standing.IN_FORCE, True)
    assert found.since == world.clock.now()
    assert await held(world) == found.content_hash


async def test_how_configurations_stood_is_told_with_the_reasons(world):
    await say(world, "a")
    await take(world, *parts_of("a", 1))
    await say(world, "a")
    world.clock.advance(seconds=60)
    await say(world, "b", trial=True)
    await take(world, *parts_of("b", 1))
    world.clock.advance(seconds=60)
    await say(world, "a", rejected="on trial not every bus made an attempt", rejected_hash="file-b")
    world.clock.advance(seconds=60)
    await say(world, "a", rejected="site.yaml:3:1: found nothing", rejected_hash="file-c")
    world.clock.advance(seconds=60)
    await say(
        world, "a", software="gridwarden 2", rejected="site.yaml:3:1: found nothing", rejected_hash="file-c"
    )
    told = [(one.standing, one.file_hash, one.why[:8], one.content_hash) for one in await history(world)]
    a, b = "content-a-gridwarden 1", "content-b-gridwarden 1"
    assert told == [
        (Standing.IN_FORCE, "file-a", "", a),
        (Standing.REFUSED, "file-c", "site.yam", None),
        (Standing.IN_FORCE, "file-a", "", a),
        (Standing.ROLLED_BACK, "file-b", "on trial", b),
        (Standing.TRIAL, "file-b", "", b),
        (Standing.IN_FORCE, "file-a", "", a),
    ]
    times = [one.at for one in await history(world)]
    assert all(newer >= older for newer, older in pairwise(times))


async def test_a_trial_that_ends_well_is_told(world):
    await say(world, "a", trial=True)
    await say(world, "a")
    assert [one.standing for one in await history(world)] == [Standing.IN_FORCE, Standing.TRIAL]


async def test_an_old_gateway_that_reports_nothing_has_buses_and_no_rules(world):
    silent = BusState(bus="b1", connected=True, devices=4, silent=("d2",), last_error="d2: no answer")
    await say(world, "a", buses=(silent,))
    async with world.database.read() as session:
        assert await inforce.rules_in_force(session, GATEWAY) == ()
        (bus,) = await inforce.bus_states(session, GATEWAY)
        assert (bus.technique, bus.device_count, bus.silent, bus.last_error) == (
            "",
            4,
            ("d2",),
            "d2: no answer",
        )
        assert await inforce.bus_states(session, "nobody") == []


async def test_buses_are_told_as_configured_and_as_they_stand(world):
    await say(world, "a", buses=(BusState(bus="b1", connected=False, devices=2, silent=("d1", "d2")),))
    await take(world, *parts_of("a", 2))
    async with world.database.read() as session:
        (bus,) = await inforce.bus_states(session, GATEWAY)
    assert (bus.technique, bus.address, bus.connected) == ("modbus_tcp", "h:502", False)
    assert [device.device for device in bus.devices] == ["d1", "d2"]
    assert bus.as_of == world.clock.now()


async def test_no_more_than_the_last_are_kept(world):
    for number in range(KEPT_VERSIONS + 3):
        world.clock.advance(seconds=1)
        await say(world, f"{number}")
        await take(world, *parts_of(f"{number}", 1))
    kept = {row.file_hash for row in await world.rows(ConfigurationVersion)}
    assert kept == {f"file-{number}" for number in range(3, KEPT_VERSIONS + 3)}
    for number in range(KEPT_PARTS + 10):
        await take(world, parts_of(f"begun-{number}", 2)[0])
        world.clock.advance(seconds=1)
    assert len(await world.rows(ConfigurationPart)) <= KEPT_PARTS


# --- on its way in -------------------------------------------------------------------------------


def message(world, part: ConfigurationReport):
    return world.bytes(codec.encode(ReportMessage(**world.envelope(), report=part)), Up.REPORTS)


async def test_alarms_are_committed_without_waiting_for_configurations(world):
    parts = parts_of("a", 2)
    alarm = world.alarm_message(world.state())
    done = await world.take(message(world, parts[0]), alarm, message(world, parts[1]))
    assert done.configurations == [(GATEWAY, parts[0]), (GATEWAY, parts[1])]
    assert done.applied == 1
    assert await world.rows(ConfigurationPart) == []


async def test_a_gateway_is_told_as_soon_as_its_configuration_is_committed(world):
    said = []

    async def reply(gateway, word):
        rows = await world.rows(ConfigurationVersion)
        said.append((gateway, word, len(rows)))

    intake = ConfigurationIntake(database=world.database, clock=world.clock, say=reply)
    first, last = parts_of("a", 2)
    intake.offer(GATEWAY, first)
    await intake.turn(patience_s=1)
    assert said == []
    intake.offer(GATEWAY, last)
    intake.offer(GATEWAY, last)
    await intake.turn(patience_s=1)
    assert said == [(GATEWAY, ConfigurationReply(content_hash=first.content_hash), 1)]


async def test_one_part_that_cannot_be_kept_does_not_keep_the_others_out(world, monkeypatch):
    first, last = parts_of("a", 2)
    odd = msgspec.structs.replace(first, content_hash="odd")

    async def keep(session, gateway, report, *, now):
        if report.content_hash == "odd":
            raise ValueError("odd")
        return await keep_part(session, gateway, report, now=now)

    monkeypatch.setattr("server.intake.configurations.keep_part", keep)
    said = []

    async def reply(_gateway, word):
        said.append(word.content_hash)

    intake = ConfigurationIntake(database=world.database, clock=world.clock, say=reply)
    for part in (first, odd, last):
        intake.offer(GATEWAY, part)
    await intake.turn(patience_s=1)
    assert said == [first.content_hash]


async def test_a_gateway_is_told_on_connecting_what_the_server_has(world, tmp_path):
    readings = HistoryDatabase(f"sqlite+aiosqlite:///{tmp_path}/readings.db")
    await readings.prepare()
    (heard,) = await statuses.keep(world.database, [status(world, "a")], now=world.clock.now())
    assert (await statuses.committed_reply(world.database, readings, heard)).configuration == ""
    await take(world, *parts_of("a", 1))
    assert (await statuses.committed_reply(world.database, readings, heard)).configuration == (
        parts_of("a", 1)[0].content_hash
    )
    await readings.close()


async def test_what_the_contract_shows_as_an_example_is_kept(world):
    part = msgspec.structs.replace(EXAMPLES["report-configuration"].report, part=1, parts=1)
    assert await take(world, part) == [True]
    found = await in_force(world)
    assert found.rules == part.rules
    assert found.profiles == part.profiles
    (row,) = [row for row in await world.rows(Gateway) if row.id == GATEWAY]
    assert row.configuration == part.content_hash
