"""A gateway that had to start without its disk goes back to it when the disk can be used, without a restart."""

import asyncio
import contextlib
from pathlib import Path

from edge import pipeline as pipeline_module
from edge.pipeline import Pipeline
from edge.ports import StoredCounter
from edge.stores.diskreturn import DiskReturn
from edge.stores.outbox import Outbox
from edge.stores.readings import ReadingStore
from edge.stores.storethread import IN_MEMORY
from tests.edge.site import Bench, gas_rule
from tests.harness.waiting import until
from wire import codec
from wire.messages import CommandReport
from wire.vocabulary import CommandOutcome


class NoActuator:
    def start(self, action) -> None:
        pass


class Gateway:
    """Stores, rules and pipeline of one process."""

    def __init__(self, folder: Path, *, in_memory: bool, **rule) -> None:
        self.bench = Bench(rules=(gas_rule(actions=(), **rule),))
        self.outbox = Outbox(IN_MEMORY if in_memory else folder / "alarms.db")
        self.readings = ReadingStore(
            IN_MEMORY if in_memory else folder / "readings.db", max_bytes=10**7, max_age_ms=10**12
        )
        self.offered = {}
        self.sent: set[str] = set()
        self.pipeline = Pipeline(
            engine=self.bench.engine,
            outbox=self.outbox,
            readings=self.readings,
            actuator=NoActuator(),
            clock=self.bench.clock,
            offer=lambda messages: self.offered.update((m.key, m) for m in messages),
            return_to_disk=DiskReturn(folder, self.outbox, self.readings, sent=lambda: self.sent)
            if in_memory
            else None,
        )
        self.tasks: list[asyncio.Task] = []

    async def __aenter__(self):
        await self.pipeline.restore()
        loops = (self.pipeline.run_journal(), self.pipeline.run_recovery())
        self.tasks = [asyncio.create_task(loop) for loop in loops]
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self.outbox.close()
        self.readings.close()

    async def measure(self, value: float):
        self.bench.clock.advance(seconds=1)
        self.pipeline.take(self.bench.snapshot(value))
        await until(lambda: not self.pipeline.has_work, what="journalled")
        await self.pipeline._write_block()


def forbid_disk(folder: Path) -> None:
    """A file stands where the folder should be: nothing can be opened in it."""
    folder.write_text("no folder")


async def test_what_was_alarmed_in_memory_stands_on_the_disk_when_it_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline_module, "_RECOVER_EVERY_S", 0.02)
    folder = tmp_path / "disk"
    forbid_disk(folder)
    async with Gateway(folder, in_memory=True, latching=True) as gateway:
        await gateway.measure(30)
        (alarm,) = gateway.bench.engine.alarms
        report = CommandReport(command="c-1", outcome=CommandOutcome.DONE)
        await gateway.outbox.remember(report, gateway.bench.clock.moment())
        await gateway.outbox.counters.save({"radio": StoredCounter(heard=7, ceiling=9)})
        memory_run = gateway.outbox.run
        await until(lambda: gateway.pipeline.store_attempts > 2, what="tries that fail")
        assert gateway.pipeline.volatile
        folder.unlink()
        await until(lambda: not gateway.pipeline.volatile, what="back on the disk")
        assert gateway.outbox.run != memory_run
        assert gateway.offered[alarm].run == gateway.outbox.run
        assert not codec.decode_alarm_state(gateway.offered[alarm].body).volatile
        await gateway.measure(31)
        assert gateway.pipeline.store_failed is False
    async with Gateway(folder, in_memory=False, latching=True) as after:
        assert list(after.bench.engine.alarms) == [alarm], "it went over the restart"
        assert await after.outbox.answered("c-1") == report
        assert (await after.outbox.counters.load())["radio"].heard == 7
        values = [
            value
            for message in await after.readings.pending(after_seq=0, most=100)
            for value in codec.decode_readings_batch(message.body).value
        ]
        assert values == [30, 31]


async def test_an_alarm_that_was_over_in_memory_and_not_sent_is_not_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline_module, "_RECOVER_EVERY_S", 0.02)
    folder = tmp_path / "disk"
    forbid_disk(folder)
    async with Gateway(folder, in_memory=True) as gateway:
        await gateway.measure(30)
        (alarm,) = gateway.bench.engine.alarms
        await gateway.measure(1)
        folder.unlink()
        await until(lambda: not gateway.pipeline.volatile, what="back on the disk")
    async with Gateway(folder, in_memory=False) as after:
        assert after.offered[alarm].run == after.outbox.run
        assert codec.decode_alarm_state(after.offered[alarm].body).cleared


async def test_a_latched_alarm_found_on_the_disk_goes_on_and_an_older_one_of_the_same_rule_ends(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(pipeline_module, "_RECOVER_EVERY_S", 0.02)
    for again, folder in ((False, tmp_path / "quiet"), (True, tmp_path / "again")):
        async with Gateway(folder, in_memory=False, latching=True) as before:
            await before.measure(30)
            await before.measure(1)
            (old,) = before.bench.engine.alarms
        aside = folder.rename(folder.with_suffix(".away"))
        forbid_disk(folder)
        async with Gateway(folder, in_memory=True, latching=True) as gateway:
            if again:
                await gateway.measure(40)
            newer = list(gateway.bench.engine.alarms)
            folder.unlink()
            aside.rename(folder)
            await until(lambda g=gateway: not g.pipeline.volatile, what="back on the disk")
            await until(lambda g=gateway: not g.pipeline.has_work, what="journalled")
            assert list(gateway.bench.engine.alarms) == (newer or [old])
            assert codec.decode_alarm_state(gateway.offered[old].body).cleared is again


async def test_readings_on_their_way_are_not_sent_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline_module, "_RECOVER_EVERY_S", 0.02)
    folder = tmp_path / "disk"
    forbid_disk(folder)
    async with Gateway(folder, in_memory=True) as gateway:
        await gateway.measure(1)
        await gateway.measure(2)
        first, _ = await gateway.readings.pending(after_seq=0, most=9)
        gateway.sent = {first.key}
        folder.unlink()
        await until(lambda: not gateway.pipeline.volatile, what="back on the disk")
        (kept,) = await gateway.readings.pending(after_seq=0, most=9)
        assert codec.decode_readings_batch(kept.body).value == (2,)
        assert gateway.readings.waiting == 1
