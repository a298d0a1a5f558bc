"""Allowances refill steadily, are never exceeded whatever the order of things, and forget no clock's tricks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from server.access import allowancekeeper
from server.access.allowancekeeper import note_guess, recall, write_down
from server.access.allowances import ALLOWANCES, MOST_HELD, Allowances, Door, source_key
from server.access.tables import UsedAllowance
from server.errors import TooManyError
from server.pulse import Pulses

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def uses(allowances, door, asker="a", *, at=NOW, tries=2_000):
    """How often an asker gets through at one moment."""
    done = 0
    for _ in range(tries):
        try:
            allowances.take(door, asker, now=at)
        except TooManyError:
            return done
        done += 1
    return done


@pytest.mark.parametrize("door", Door)
def test_every_door_lets_its_allowance_through_and_not_one_more(door):
    assert uses(Allowances(), door) == ALLOWANCES[door].most


@pytest.mark.parametrize("door", Door)
def test_every_door_says_how_long_to_wait_and_means_it(door):
    allowances = Allowances()
    uses(allowances, door)
    with pytest.raises(TooManyError) as refused:
        allowances.take(door, "a", now=NOW)
    wait_s = refused.value.retry_after_s
    assert wait_s >= 1
    with pytest.raises(TooManyError):
        allowances.take(door, "a", now=NOW + timedelta(seconds=ALLOWANCES[door].each_s * 0.9))
    allowances.take(door, "a", now=NOW + timedelta(seconds=wait_s))


@given(st.lists(st.floats(0, 120), min_size=1, max_size=80))
def test_no_rhythm_gets_more_than_the_allowance_and_what_came_back(pauses_s):
    allowances, allowance = Allowances(), ALLOWANCES[Door.SETUP]
    at, through = NOW, 0
    for pause_s in pauses_s:
        at += timedelta(seconds=pause_s)
        through += uses(allowances, Door.SETUP, at=at, tries=7)
        came_back = (at - NOW).total_seconds() / allowance.each_s
        assert through <= allowance.most + came_back + 1e-6


def test_one_asker_does_not_hold_up_another_nor_another_door():
    allowances = Allowances()
    uses(allowances, Door.SETUP)
    allowances.take(Door.SETUP, "b", now=NOW)
    allowances.take(Door.LINK, "a", now=NOW)


def test_looking_takes_nothing():
    allowances = Allowances()
    for _ in range(100):
        allowances.check(Door.SETUP, "a", now=NOW)
    assert uses(allowances, Door.SETUP) == ALLOWANCES[Door.SETUP].most


def test_a_clock_set_back_makes_nobody_wait_longer_than_the_whole_allowance():
    allowances = Allowances()
    uses(allowances, Door.SETUP, at=NOW + timedelta(days=400))
    with pytest.raises(TooManyError) as refused:
        allowances.take(Door.SETUP, "a", now=NOW)
    assert refused.value.retry_after_s <= ALLOWANCES[Door.SETUP].each_s


def test_memory_is_bounded_and_keeps_those_who_used_most():
    allowances = Allowances()
    uses(allowances, Door.LINK, "the flood")
    for number in range(MOST_HELD + 500):
        allowances.take(Door.LINK, str(number), now=NOW)
    assert len(allowances.whole_at) <= MOST_HELD
    assert uses(allowances, Door.LINK, "the flood") == 0


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_a_house_is_one_source(host, source):
    assert source_key(host) == source


async def test_guesses_survive_a_kill_and_ordinary_use_writes_nothing(world):
    before = Allowances()
    for _ in range(3):
        await note_guess(world.database, before, Door.SETUP, "a", now=NOW)
    before.take(Door.API, "key", now=NOW)
    assert not before.unwritten, "one request of many is not worth a row"
    after = Allowances()
    async with world.database.read() as session:
        await recall(session, after, now=NOW)
    assert uses(after, Door.SETUP) == ALLOWANCES[Door.SETUP].most - 3
    assert uses(after, Door.API, "key") == ALLOWANCES[Door.API].most


async def test_a_refused_guess_writes_nothing(world):
    allowances = Allowances()
    uses(allowances, Door.SETUP)
    allowances.unwritten.clear()
    with pytest.raises(TooManyError):
        await note_guess(world.database, allowances, Door.SETUP, "a", now=NOW)
    assert await world.rows(UsedAllowance) == []


async def test_no_address_stands_in_the_table_and_rows_go_when_they_say_nothing_any_more(world):
    allowances = Allowances()
    for _ in range(3):
        await note_guess(world.database, allowances, Door.SETUP, "203.0.113.9", now=NOW)
    (row,) = await world.rows(UsedAllowance)
    assert "203" not in row.asker
    later = NOW + timedelta(hours=1)
    await note_guess(world.database, allowances, Door.FEEDBACK, "b", now=later)
    assert all(one.door is not Door.SETUP for one in await world.rows(UsedAllowance))


async def test_the_table_is_bounded(world, monkeypatch):
    monkeypatch.setattr(allowancekeeper, "MOST_HELD", 50)
    allowances = Allowances()
    for number in range(80):
        for _ in range(2 if number else 4):
            allowances.take(Door.SETUP, str(number), now=NOW)
    async with world.database.write() as session:
        await write_down(session, allowances, now=NOW)
    async with world.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(UsedAllowance)) == 50
        await recall(session, after := Allowances(), now=NOW)
    assert uses(after, Door.SETUP, "0") == 1, "who used most is remembered"


async def test_what_could_not_be_written_is_written_later(world, monkeypatch):
    async def fail(*_, **__):
        list(allowances.changed())
        raise OSError("disk full")

    allowances = Allowances()
    keeper = allowancekeeper.AllowanceKeeper(
        database=world.database, allowances=allowances, clock=world.clock, pulses=Pulses()
    )
    uses(allowances, Door.API, "key", at=world.clock.now())
    with monkeypatch.context() as broken:
        broken.setattr(allowancekeeper, "write_down", fail)
        await keeper.turn()
    assert await world.rows(UsedAllowance) == []
    await keeper.turn()
    assert len(await world.rows(UsedAllowance)) == 1
    assert not allowances.unwritten
