"""Batches of alarms: applied once, the newest wins, one bad message is never in the way."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError, OperationalError

from server.alarms import service as alarms
from server.alarms.tables import Alarm
from server.intake.tables import LaneRun, Quarantined
from server.items import opening
from server.items.model import ItemState, Move
from server.items.tables import Item, ItemMove
from tests.server.world import GATEWAY, RUN, open_world
from wire.codec import MAX_MESSAGE_BYTES
from wire.topics import Up
from wire.vocabulary import AlarmClass, Condition, Kind, Lane, Suppression


async def test_an_alarm_becomes_an_item_of_the_leader(world):
    done = await world.take(world.alarm_message(world.state(), seq=7))
    assert done.acks == {(GATEWAY, RUN): [7]}
    item = await world.item()
    assert (item.owner, item.state, item.kind) == ("leader", ItemState.NEW, Kind.GAS)
    [run] = await world.rows(LaneRun)
    assert (run.lane, run.run, run.seq) == (Lane.ALARMS, RUN, 7)


async def test_the_same_message_twice_counts_once_and_is_acknowledged_twice(world):
    message = world.alarm_message(world.state(), seq=1)
    first = await world.take(message, message)
    again = await world.take(message)
    assert first.acks == {(GATEWAY, RUN): [1, 1]}
    assert again.acks == {(GATEWAY, RUN): [1]}
    assert len(await world.items()) == 1
    assert [move for move, _ in await world.moves()] == [Move.OPEN]


async def test_two_messages_in_the_wrong_order(world):
    raised = world.alarm_message(world.state(), seq=1)
    world.clock.advance(seconds=5)
    cleared = world.alarm_message(world.state(condition=Condition.NORMAL), seq=2)
    await world.take(cleared)
    await world.take(raised)
    [item] = await world.items()
    assert item.alarm_over
    assert (await world.alarm()).condition is Condition.NORMAL


async def test_another_run_counts_by_time_of_change(world):
    """The disk failed: a run in memory says cleared; the old run's message comes again, later."""
    old = world.state()
    await world.take(world.alarm_message(old, seq=900))
    world.clock.advance(seconds=5)
    await world.take(world.alarm_message(world.state(condition=Condition.NORMAL), seq=1, run="memory"))
    world.clock.advance(seconds=5)
    await world.take(world.alarm_message(old, seq=901))
    assert (await world.alarm()).cleared_at is not None
    assert (await world.alarm()).run == "memory"


async def test_an_unregistered_device_goes_to_the_desk(world):
    await world.raise_alarm(device="stray-9")
    assert (await world.item()).owner is None
    assert await world.told() == {"desk"}


async def test_an_unreadable_alarm_is_kept_raw_and_shown_to_the_desk(world):
    raw = b'{"alarm":"a9","device":"gas-1","kind":"telepathy"}'
    done = await world.take(world.alarm_message(raw, seq=3))
    assert done.acks == {(GATEWAY, RUN): [3]}
    alarm = await world.alarm("a9")
    assert (alarm.readable, alarm.raw) == (False, raw.decode())
    item = await world.item()
    assert (item.owner, item.class_) == (None, AlarmClass.HAZARD)
    await world.settle()
    assert "报警待查" in world.heard("desk")[0]


async def test_an_unknown_contract_version_is_kept_raw(world):
    await world.take(world.alarm_message(world.state(), seq=1, v=9))
    assert not (await world.alarm()).readable
    await world.take(world.alarm_message(world.state(), seq=2))
    assert (await world.alarm()).readable


@pytest.mark.parametrize(
    "payload", [b"", b"not json", b"{}", b"\xff\xfe", b"[" * 100_000, b"x" * (MAX_MESSAGE_BYTES + 1)]
)
async def test_bytes_without_envelope_go_to_quarantine_and_the_next_goes_through(world, payload):
    good = world.alarm_message(world.state(), seq=2)
    done = await world.take(world.bytes(payload), good)
    assert done.acks == {(GATEWAY, RUN): [2]}
    [kept] = await world.rows(Quarantined)
    assert (kept.gateway, kept.payload) == (GATEWAY, payload)
    assert len(await world.items()) == 1


async def test_numbers_beyond_63_bits_are_no_envelope(world):
    done = await world.take(world.alarm_message(world.state(), seq=2**63))
    assert done.acks == {}
    assert len(await world.rows(Quarantined)) == 1


async def test_the_topics_gateway_counts(world):
    await world.take(world.alarm_message(world.state(), gateway="gw-other", seq=1))
    [alarm] = await world.rows(Alarm)
    assert alarm.gateway == "gw-other"


async def test_one_poisonous_message_does_not_hold_up_the_batch(world, monkeypatch):
    healthy = opening.follow

    async def sick(session, applied, **options):
        if applied.alarm.alarm == "a5" and applied.alarm.readable:
            raise ZeroDivisionError
        await healthy(session, applied, **options)

    monkeypatch.setattr(opening, "follow", sick)
    batch = [world.alarm_message(world.state(f"a{n}", f"stray-{n}"), seq=n) for n in range(1, 12)]
    done = await world.take(*batch)
    assert sorted(done.acks[GATEWAY, RUN]) == list(range(1, 12))
    assert len(await world.items()) == 11
    assert not (await world.alarm("a5")).readable
    [kept] = await world.rows(Quarantined)
    assert "ZeroDivisionError" in kept.error
    assert kept.payload == batch[4].payload


async def test_what_fails_even_raw_is_at_least_in_quarantine(world, monkeypatch):
    async def broken(*args, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(opening, "follow", broken)
    done = await world.take(world.alarm_message(world.state(), seq=1))
    assert done.acks == {(GATEWAY, RUN): [1]}
    assert len(await world.rows(Quarantined)) == 1
    assert await world.rows(Alarm) == []


async def test_a_database_that_cannot_keeps_and_acknowledges_nothing(world, monkeypatch):
    async def full(*args, **options):
        raise OperationalError("INSERT", {}, Exception("disk full"))

    monkeypatch.setattr(alarms, "apply", full)
    with pytest.raises(OperationalError):
        await world.take(world.bytes(b"junk"), world.alarm_message(world.state(), seq=1))
    assert await world.rows(Quarantined) == []
    assert await world.rows(LaneRun) == []


async def test_what_the_gateway_no_longer_lists_is_superseded(world):
    await world.raise_alarm()
    world.clock.advance(seconds=1)
    await world.raise_alarm("a2", "gas-2")
    world.clock.advance(seconds=1)
    await world.take(world.open_alarms("a2", up_ms=10**9))
    assert (await world.alarm()).superseded_at is not None
    assert (await world.alarm("a2")).superseded_at is None
    first, second = await world.items()
    assert (first.alarm_over, second.alarm_over) == (True, False)
    await world.press("leader", Move.FINISH, item=first.id)
    assert (await world.items())[0].state is ItemState.CLOSED


async def test_an_alarm_that_overtook_the_list_is_left_alone(world):
    report = world.open_alarms()
    world.clock.advance(seconds=1)
    await world.raise_alarm()
    await world.take(report)
    assert (await world.alarm()).superseded_at is None


async def test_a_superseded_alarm_that_speaks_again_is_raised_again(world):
    await world.raise_alarm()
    await world.take(world.open_alarms(up_ms=10**9))
    world.clock.advance(seconds=1)
    await world.raise_alarm()
    item = await world.item()
    assert not item.alarm_over
    assert (await world.alarm()).superseded_at is None


async def test_an_alarm_kept_from_people_opens_nothing_until_it_is_not(world):
    await world.take(world.alarm_message(world.state(suppression=Suppression.SHELVED)))
    assert await world.items() == []
    world.clock.advance(seconds=1)
    await world.raise_alarm()
    assert len(await world.items()) == 1


async def test_a_shelved_alarm_that_ends_opens_nothing(world):
    await world.take(world.alarm_message(world.state(suppression=Suppression.SHELVED)))
    await world.clear_alarm()
    assert await world.items() == []


STATES = [
    {"condition": Condition.ACTIVE, "count": 1},
    {"condition": Condition.ACTIVE, "count": 1, "value": 40.0},
    {"condition": Condition.CLEARING, "count": 1},
    {"condition": Condition.NORMAL, "count": 1},
    {"condition": Condition.ACTIVE, "count": 2},
    {"condition": Condition.NORMAL, "count": 2, "latched": True},
    {"condition": Condition.NORMAL, "count": 2},
]


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    length=st.integers(1, len(STATES)),
    extra=st.lists(st.integers(0, len(STATES) - 1), max_size=4),
    cuts=st.sets(st.integers(1, 20), max_size=4),
    data=st.data(),
)
async def test_any_order_with_any_repeats_ends_in_the_same_state_and_one_item(
    tmp_path_factory, length, extra, cuts, data
):
    indices = data.draw(st.permutations([*range(length), *(index % length for index in extra)]))
    async with open_world(tmp_path_factory.mktemp("order")) as world:
        start = world.clock.now()
        messages = [
            world.alarm_message(
                world.state(raised_at=start, changed_at=start + timedelta(seconds=n), **STATES[n]), seq=n + 1
            )
            for n in range(length)
        ]
        edges = [0, *sorted(cut for cut in cuts if cut < len(indices)), len(indices)]
        for begin, end in pairwise(edges):
            await world.take(*(messages[index] for index in indices[begin:end]))
        alarm = await world.alarm()
        [item] = await world.items()
        last = STATES[length - 1]
        over = last["condition"] is Condition.NORMAL and not last.get("latched", False)
        assert (alarm.seq, alarm.condition, alarm.count) == (length, last["condition"], last["count"])
        assert (alarm.cleared_at is not None) == over == item.alarm_over
        assert item.id == alarm.item
        opened = [move for move in await world.rows(ItemMove) if move.move is Move.OPEN]
        assert len(opened) == 1
        assert len(await world.rows(Item)) == 1


async def test_bad_channel_is_a_mistake_of_ours_and_ends_in_quarantine(world):
    await world.take(world.bytes(world.alarm_message(world.state()).payload, Up.READINGS))
    assert len(await world.rows(Quarantined)) == 1


def rival_first(monkeypatch, losses):
    """Another process opens the item first, as often as `losses` says: what the database then answers."""
    healthy = opening.follow

    async def follow(session, applied, **options):
        if losses:
            text = losses.pop()
            raise IntegrityError("INSERT INTO item", {}, Exception(text))
        await healthy(session, applied, **options)

    monkeypatch.setattr(opening, "follow", follow)


@pytest.mark.parametrize(
    "text",
    [
        "UNIQUE constraint failed: item.open_key",
        'duplicate key value violates unique constraint "uq_item_open_key"',
    ],
)
async def test_two_processes_that_open_the_same_item_make_no_message_poisonous(world, monkeypatch, text):
    rival_first(monkeypatch, [text, text])
    done = await world.take(world.alarm_message(world.state(), seq=4))
    assert done.acks == {(GATEWAY, RUN): [4]}
    assert (await world.alarm()).readable
    assert await world.rows(Quarantined) == []
    [item] = await world.items()
    assert item.kind is Kind.GAS


async def test_a_race_that_never_ends_does_not_hold_up_the_line(world, monkeypatch):
    rival_first(monkeypatch, ["UNIQUE constraint failed: item.open_key"] * (1 + 3))  # alone, then as a batch
    done = await world.take(world.alarm_message(world.state(), seq=4))
    assert done.acks == {(GATEWAY, RUN): [4]}
    assert not (await world.alarm()).readable, "shown to the desk, its bytes kept"
    assert len(await world.rows(Quarantined)) == 1


async def test_another_broken_rule_of_the_database_is_the_messages_fault(world, monkeypatch):
    rival_first(monkeypatch, ["UNIQUE constraint failed: item.id"] * 2)  # and it was given a second chance
    await world.take(world.alarm_message(world.state(), seq=4))
    assert len(await world.rows(Quarantined)) == 1
