"""The journal of alarms: what is committed survives, what is acknowledged is forgotten."""

import sqlite3
from contextlib import closing

import pytest

from edge.clock import ManualClock
from edge.errors import StoreError
from edge.rules.state import Ended, RuleState
from edge.stores.outbox import JournalEntry, Outbox
from tests.edge.site import Bench
from wire.messages import CommandReport
from wire.vocabulary import CommandOutcome, Condition


@pytest.fixture
def path(tmp_path):
    return tmp_path / "alarms.db"


def entries(decisions):
    return [JournalEntry(key=d.key, state=d.state, alarm=d.alarm) for d in decisions]


async def raise_alarm(outbox, bench=None, value=30.0):
    bench = bench or Bench()
    return bench, await outbox.commit(entries(bench.measure(value)), bench.clock.moment())


async def test_what_was_committed_is_there_after_a_crash(path):
    outbox = Outbox(path)
    _, (sent,) = await raise_alarm(outbox)
    # No close: the process is gone. WAL and FULL keep what was committed.
    again = Outbox(path)
    states, open_alarms, unsent = await again.load()
    assert [message.seq for message in unsent] == [sent.seq]
    assert unsent[0].body == sent.body
    assert [alarm.condition for alarm in open_alarms] == [Condition.ACTIVE]
    assert states["gas-high", "gas"].condition is Condition.ACTIVE
    assert again.run == outbox.run
    for one in (outbox, again):
        one.close()


async def test_a_rules_whole_state_comes_back(path):
    state = RuleState(
        condition=Condition.CLEARING,
        latched=True,
        since=ManualClock().moment(),
        boot="boot-1",
        alarm="a1",
        raised_ms=17,
        count=3,
        value=-1.5,
        ended=Ended(alarm="a0", raised_ms=5, count=2),
    )
    outbox = Outbox(path)
    await outbox.commit([JournalEntry(key=("r", "d"), state=state, alarm=None)], ManualClock().moment())
    outbox.close()
    outbox = Outbox(path)
    assert (await outbox.load())[0]["r", "d"] == state
    outbox.close()


async def test_numbers_go_on_after_a_restart(path):
    outbox = Outbox(path)
    bench, (first,) = await raise_alarm(outbox)
    outbox.close()
    outbox = Outbox(path)
    (second,) = await outbox.commit(entries(bench.measure(0)), bench.clock.moment())
    assert second.seq > first.seq
    outbox.close()


async def test_only_what_the_server_holds_is_forgotten(path):
    outbox = Outbox(path)
    bench, (first,) = await raise_alarm(outbox)
    (second,) = await outbox.commit(entries(bench.measure(0)), bench.clock.moment())
    await outbox.acknowledge([first.seq])
    _, _, unsent = await outbox.load()
    assert [message.seq for message in unsent] == [second.seq], (
        "the newer state is not acknowledged by the older"
    )
    await outbox.acknowledge([second.seq])
    assert (await outbox.load())[2] == []
    outbox.close()


async def test_a_server_that_forgot_gets_it_again(path):
    outbox = Outbox(path)
    _, (sent,) = await raise_alarm(outbox)
    await outbox.acknowledge([sent.seq])
    assert await outbox.highest_acked() == sent.seq
    assert [message.seq for message in await outbox.reopen_after(sent.seq - 1)] == [sent.seq]
    assert [message.seq for message in (await outbox.load())[2]] == [sent.seq]
    outbox.close()


async def test_what_is_over_and_acknowledged_is_pruned_after_a_week_and_open_alarms_never(path):
    outbox = Outbox(path)
    clock = ManualClock()
    ended, active = Bench(clock=clock), Bench(clock=clock)
    for bench in (ended, active):
        await raise_alarm(outbox, bench)
    sent = await outbox.commit(entries(ended.measure(0)), clock.moment())
    await outbox.acknowledge(range(1, sent[-1].seq + 1))
    clock.advance(seconds=8 * 24 * 3600)
    await outbox.prune(clock.moment())
    assert len((await outbox.load())[1]) == 1
    assert len(await outbox.reopen_after(0)) == 1
    outbox.close()


async def test_a_command_is_answered_once_and_the_answer_kept(path):
    outbox = Outbox(path)
    report = CommandReport(command="c1", outcome=CommandOutcome.DONE, detail="done")
    assert await outbox.answered("c1") is None
    await outbox.remember(report, ManualClock().moment())
    outbox.close()
    outbox = Outbox(path)
    assert await outbox.answered("c1") == report
    outbox.close()


async def test_a_damaged_file_is_moved_aside_and_a_new_run_begins(path):
    outbox = Outbox(path)
    await raise_alarm(outbox)
    run = outbox.run
    outbox.close()
    for leftover in path.parent.glob("alarms.db-*"):
        leftover.unlink()
    content = bytearray(path.read_bytes())
    content[:100] = b"\xff" * 100
    path.write_bytes(content)
    outbox = Outbox(path)
    assert outbox.run != run
    assert [p for p in path.parent.iterdir() if p.name not in ("alarms.db", "alarms.db-wal", "alarms.db-shm")]
    await raise_alarm(outbox)
    outbox.close()


async def test_a_full_disk_is_an_error_and_loses_nothing_that_was_committed(path):
    outbox = Outbox(path)
    _, (sent,) = await raise_alarm(outbox)
    with closing(sqlite3.connect(path)) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    outbox._thread._reserve_bytes = 0  # the limit is the test's
    await outbox._thread.run(
        lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
    )
    state = RuleState(condition=Condition.ACTIVE, alarm="x" * 4000)
    many = [JournalEntry(key=(f"rule-{number}", "gas"), state=state, alarm=None) for number in range(4_000)]
    with pytest.raises(StoreError):
        await outbox.commit(many, ManualClock().moment())
    _, open_alarms, unsent = await outbox.load()
    assert [message.seq for message in unsent] == [sent.seq]
    assert len(open_alarms) == 1
    outbox.close()
