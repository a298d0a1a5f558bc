"""A wall clock that jumps by a year neither loses nor reorders alarms."""

from contextlib import closing

import pytest

from edge.stores.outbox import JournalEntry, Outbox
from edge.uplink.lanes import Lane
from tests.edge.site import Bench, changes, gas_rule

YEAR_MS = 365 * 86_400_000


@pytest.mark.parametrize("jump_ms", [YEAR_MS, -YEAR_MS])
async def test_alarms_before_and_after_a_jump_are_all_there_in_the_order_they_came(tmp_path, jump_ms):
    lane = Lane(window=20, seed=1)
    bench = Bench()
    told = []
    with closing(Outbox(tmp_path / "alarms.db")) as outbox:

        async def take(decisions):
            entries = [JournalEntry(key=d.key, state=d.state, alarm=d.alarm) for d in decisions]
            told.extend(await outbox.commit(entries, bench.clock.moment()))

        for step in range(6):
            await take(bench.measure(60.0))
            if step == 2:
                bench.clock.wall_ms += jump_ms
            bench.clock.advance(seconds=5)
            await take(bench.measure(0.0))
        lane.offer(told)
        due = lane.due(bench.clock.boot_ms)
        assert [message.seq for message in due] == sorted(message.seq for message in due)
        assert len({message.key for message in told}) == 6
        assert {message.key for message in due} == {message.key for message in told}
        await outbox.prune(bench.clock.moment(), by_age=False)
        assert len((await outbox.load())[2]) == 6


@pytest.mark.parametrize("jump_ms", [YEAR_MS, -YEAR_MS])
def test_a_delay_that_runs_counts_on_through_a_jump(jump_ms):
    bench = Bench(rules=(gas_rule(on_delay_ms=10_000),))
    assert changes(bench.measure(60.0)) == ["timer"]
    bench.clock.wall_ms += jump_ms
    assert changes(bench.pass_time(9)) == []
    assert changes(bench.pass_time(1)) == ["raised"]
