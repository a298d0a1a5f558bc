"""The heart: snapshots → rules → one transaction in the store, then out.

The valve does not wait for the disk: a life-safety action starts beside the commit. When a commit
fails or takes too long, alarming goes on from memory, in a run of its own, and says so.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from edge.clockjumps import JumpWatch
from edge.errors import StoreError
from edge.model import ActionResult, Snapshot
from edge.orderedactions import OrderedActions
from edge.ports import Actuator, Clock
from edge.rules.decision import Decision
from edge.rules.engine import RuleEngine
from edge.rules.state import Now, RuleState
from edge.stores.batches import ClockStand
from edge.stores.diskreturn import DiskReturn
from edge.stores.exceptionreport import ExceptionFilter
from edge.stores.journallog import report_journalled
from edge.stores.memoryrun import MemoryRun
from edge.stores.outbox import JournalEntry, Outbox, Outgoing, entry_of
from edge.stores.readings import ReadingStore
from edge.stores.recall import recall_windows
from edge.stores.storethread import UnsoundStoreError
from wire.vocabulary import AlarmClass
from wire.vocabulary import Clock as ClockTrust

COMMIT_LIMIT_S: Final = 0.5
READINGS_EVERY_S: Final = 5.0
TICK_S: Final = 0.2
PRUNE_EVERY_S: Final = 600.0
_RECOVER_EVERY_S: Final = 5.0
_CHECK_LIMIT_S: Final = 4.0

log = structlog.get_logger(__name__)


class Pipeline:
    """Takes snapshots and results, journals what follows, hands it on."""

    def __init__(
        self,
        *,
        engine: RuleEngine,
        outbox: Outbox,
        readings: ReadingStore,
        actuator: Actuator,
        clock: Clock,
        offer: Callable[[list[Outgoing]], None],
        is_unacknowledged: Callable[[str], bool] = lambda _alarm: False,
        return_to_disk: DiskReturn | None = None,
        reports: ExceptionFilter | None = None,
    ) -> None:
        """Join the parts.

        Args:
            engine: the rules.
            outbox: the durable store of alarms.
            readings: the durable store of readings.
            actuator: carries out actions.
            clock: the machine's clocks.
            offer: takes what is to be sent; returns at once.
            is_unacknowledged: tells of an alarm that was offered whether the server has yet to take it.
            return_to_disk: where the stores themselves live in memory, for want of a disk, what moves them
                there when it can be used.
            reports: chooses what is stored of each snapshot; None stores everything.
        """
        self._reports = reports or ExceptionFilter({})
        self._engine = engine
        self._outbox = outbox
        self._readings = readings
        self._actuator = actuator
        self._clock = clock
        self._offer = offer
        self._is_unacknowledged = is_unacknowledged
        self._decisions: list[Decision] = []
        self._in_journal: list[Decision] = []
        """What is being written, and so not yet handed on."""
        self._wake = asyncio.Event()
        self._block: list[Snapshot] = []
        self._return_to_disk = return_to_disk
        self._memory = MemoryRun()
        self._trust = clock.trust()
        self.ordered = OrderedActions(actuator)
        self._late: set[asyncio.Future[list[Outgoing]]] = set()
        self.latest: dict[str, Snapshot] = {}
        """The newest snapshot of each device, for whoever looks at the gateway."""
        self.readings_failed = False
        """Whether the last block of readings could not be written."""
        self.store_attempts = 0
        """Grows with every look at the alarm store that came to an end, good or bad."""
        self.ticks = 0
        """Grows whenever the rules have judged the passing of time."""
        self._store_failed = False
        self._jumps = JumpWatch(clock)
        self.progress = 0
        """Grows with every turn of the journal; a watchdog reads it."""

    @property
    def volatile(self) -> bool:
        """Whether the alarm store cannot be written and alarms live in memory."""
        return self._return_to_disk is not None or self._memory.is_on

    @property
    def store_failed(self) -> bool:
        """Whether alarms or readings cannot be written to the disk."""
        return self.volatile or self._store_failed or self.readings_failed

    @property
    def has_work(self) -> bool:
        """Whether decisions wait for the journal."""
        return bool(self._decisions)

    @property
    def in_journal(self) -> frozenset[str]:
        """The alarms of which a state is decided and not yet among what is to be sent."""
        waiting = (*self._decisions, *self._in_journal)
        return frozenset(one.alarm.alarm for one in waiting if one.alarm is not None)

    def is_untaken(self, alarm: str) -> bool:
        """Tell whether the server has yet to take an alarm's newest state.

        Also one that is still being journalled: what was not even offered does not count as taken.
        """
        return alarm in self.in_journal or self._is_unacknowledged(alarm)

    @property
    def engine(self) -> RuleEngine:
        """The rules this pipeline feeds."""
        return self._engine

    def now(self) -> Now:
        """Return the moment, with the machine start and the clock's trust.

        The trust is asked first: a clock is set, then trusted, and a time from before is never taken for one.
        """
        trust = self._clock.trust()
        return Now(moment=self._clock.moment(), boot=self._engine.boot, trust=trust)

    async def restore(self) -> None:
        """Take up where the journal ends.

        Raises:
            StoreError: the store cannot be read.
        """
        (states, alarms, unsent), shelves = await self._outbox.load(), await self._outbox.load_shelves()
        self._offer(unsent)
        now = self.now()
        await recall_windows(self._engine, self._readings, now)
        self.decide(self._engine.restore(states, alarms, now, shelves))
        log.info("journal_restored", open_alarms=len(alarms), unsent=len(unsent), run=self._outbox.run)

    # --- what comes in; nothing here waits -----------------------------------------------------

    def take(self, snapshot: Snapshot) -> None:
        """Take one snapshot; returns at once."""
        stored = self._reports.choose(snapshot)
        if stored is not None:
            self._block.append(stored)
        if not snapshot.live:
            return  # history: kept, judged by no rule
        self.latest[snapshot.device] = snapshot
        self._judge(snapshot)

    def take_self(self, snapshot: Snapshot) -> None:
        """Take what the gateway measures of itself: judged by rules, not stored as readings."""
        self.latest[snapshot.device] = snapshot
        self._judge(snapshot)

    def _judge(self, snapshot: Snapshot) -> None:
        now = Now(moment=snapshot.at, boot=self._engine.boot, trust=self._trust)
        decisions = self._engine.take(snapshot, now)
        if decisions:
            self.decide(decisions)

    def settle(self, result: ActionResult) -> None:
        """Take the result of an action; returns at once."""
        log.info(
            "action_settled",
            action=result.planned.action,
            device=result.planned.device,
            alarm=result.planned.alarm,
            state=result.state.value,
            detail=result.detail,
        )
        self.ordered.settle(result)
        decision = self._engine.settle(result)
        if decision is not None:
            self.decide([decision])

    def decide(self, decisions: Iterable[Decision]) -> None:
        """Start what cannot wait and queue the rest for the journal."""
        for decision in decisions:
            if _cannot_wait(decision):
                self._start_actions(decision)
            self._decisions.append(decision)
        if self._decisions:
            self._wake.set()

    # --- loops ---------------------------------------------------------------------------------

    async def run_journal(self) -> None:
        """Write decisions as they come, then hand them on. Runs until cancelled, then drains."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._journal()
                self.progress += 1
        finally:
            await asyncio.shield(self._journal())

    async def run_clock(self) -> None:
        """Judge the passing of time."""
        while True:
            await asyncio.sleep(self._clock.pause_s(TICK_S))
            self._trust = self._clock.trust()
            self._jumps.look()
            self.decide(self._engine.tick(self.now()))
            self.ticks += 1

    async def run_readings(self) -> None:
        """Write readings in blocks. Runs until cancelled, then writes the last block."""
        pruned_boot_ms = 0
        try:
            while True:
                await asyncio.sleep(READINGS_EVERY_S)
                await self._write_block()
                boot_ms = self._clock.moment().boot_ms
                if boot_ms - pruned_boot_ms >= PRUNE_EVERY_S * 1000:
                    pruned_boot_ms = boot_ms
                    await self._prune()
        finally:
            await asyncio.shield(self._write_block())

    async def run_recovery(self) -> None:
        """Return to the disk as soon as it takes a commit again."""
        while True:
            await asyncio.sleep(_RECOVER_EVERY_S)
            if self._return_to_disk is not None:
                await self._move_to_disk(self._return_to_disk)
            if self._memory.is_on:
                await self._recover()
            else:
                await self._check_store()
            self.store_attempts += 1

    # --- the transaction -----------------------------------------------------------------------

    async def _journal(self) -> None:
        decisions, self._decisions = self._decisions, []
        if not decisions:
            return
        self._in_journal = decisions
        try:
            outgoing = None if self._memory.is_on else await self._commit(list(map(entry_of, decisions)))
            if outgoing is None:
                outgoing = self._memory.number(decisions)
            report_journalled(decisions, outgoing)
            self._offer(outgoing)
        finally:
            self._in_journal = []
        for decision in decisions:
            if not _cannot_wait(decision):
                self._start_actions(decision)

    async def _commit(self, entries: list[JournalEntry]) -> list[Outgoing] | None:
        """Commit within the limit; None when the disk failed or is too slow."""
        commit = asyncio.ensure_future(self._outbox.commit(entries, self._clock.moment()))
        try:
            async with asyncio.timeout(COMMIT_LIMIT_S):
                return await asyncio.shield(commit)
        except (StoreError, TimeoutError) as error:
            if not commit.done():
                self._late.add(commit)
                commit.add_done_callback(self._forget_late)
            self._restate()
            log.critical("store_failed", error=str(error) or "commit took too long")
            return None

    def _forget_late(self, commit: "asyncio.Future[list[Outgoing]]") -> None:
        self._late.discard(commit)
        if not commit.cancelled() and (error := commit.exception()) is not None:
            log.error("late_commit_failed", error=str(error))

    async def _recover(self) -> None:
        """Write everything as it now stands; if that works, leave the volatile run."""
        engine = self._engine
        entries = [JournalEntry(key=key, state=state, alarm=None) for key, state in engine.states.items()]
        entries.append(JournalEntry(key=None, state=RuleState(), alarm=None, shelves=engine.book.shelves.all))
        for alarm in (*engine.alarms.values(), *self._memory.ended.values()):
            key = (alarm.rule, alarm.device)
            entries.append(JournalEntry(key=None, state=engine.states.get(key, RuleState()), alarm=alarm))
        self._memory.note_writing()
        try:
            async with asyncio.timeout(COMMIT_LIMIT_S):
                outgoing = await self._outbox.commit(entries, self._clock.moment())
        except UnsoundStoreError as error:
            log.critical("store_unsound", error=str(error))
            await self._renew()
            return
        except (StoreError, TimeoutError) as error:
            log.warning("store_still_failing", error=str(error) or "commit took too long")
            return
        # What was decided meanwhile is newer than what was just written: it is written next, not overwritten.
        meanwhile = self._memory.end()
        changed = {decision.alarm.alarm for decision in meanwhile if decision.alarm is not None}
        log.warning("store_recovered", alarms=len(outgoing), meanwhile=len(changed))
        self._offer([message for message in outgoing if message.key not in changed])
        self._decisions[:0] = meanwhile
        self._wake.set()

    async def _move_to_disk(self, move: DiskReturn) -> None:
        """Leave memory for the disk, if it can be used, and take up what stands there."""
        try:
            ended = await move(self._restate)
        except StoreError as error:
            log.warning("disk_still_failing", error=str(error))
            return
        self._return_to_disk = None
        self._memory.ended.update((alarm.alarm, alarm) for alarm in ended)
        try:
            (states, alarms, unsent), shelves = await self._outbox.load(), await self._outbox.load_shelves()
        except StoreError as error:
            log.error("older_journal_not_read", error=str(error))
            return
        self._offer(unsent)
        self.decide(self._engine.take_up(states, alarms, self.now(), shelves))
        log.warning("disk_returned", run=self._outbox.run, open_alarms=len(alarms))

    async def _check_store(self) -> None:
        """See whether the alarm store still answers, before an alarm has to find out."""
        try:
            async with asyncio.timeout(_CHECK_LIMIT_S):
                await self._outbox.check()
        except UnsoundStoreError as error:
            log.critical("store_unsound", error=str(error))
            await self._renew()
            self._restate()
        except (StoreError, TimeoutError) as error:
            log.error("store_does_not_answer", error=str(error) or "it took too long")
            self._store_failed = True
        else:
            self._store_failed = False

    def _restate(self) -> None:
        """Journal everything anew: a store that was just begun knows nothing."""
        self._memory.begin(self._clock.moment().wall_ms)

    async def _renew(self) -> None:
        """Move an alarm store aside that broke in use, and begin a new one; the next turn fills it."""
        try:
            await self._outbox.renew()
        except StoreError as error:
            log.error("store_not_renewed", error=str(error))

    def _start_actions(self, decision: Decision) -> None:
        for action in decision.actions:
            self._actuator.start(action)

    async def _write_block(self) -> None:
        block, self._block = self._block, []
        if not block:
            return
        moment = self._clock.moment()
        stand = ClockStand.at(moment, boot=self._engine.boot, trust=self._trust)
        try:
            await self._readings.append(block, moment, stand=stand)
            self.readings_failed = False
        except StoreError as error:
            self.readings_failed = True
            self._readings.shed += sum(len(snapshot.points) for snapshot in block)
            log.error("readings_not_stored", snapshots=len(block), error=str(error))

    async def _prune(self) -> None:
        moment = self._clock.moment()
        believed = self._jumps.is_steady(moment) and self._trust is ClockTrust.SYNCED
        try:
            await self._readings.prune(moment, by_age=believed)
            await self._outbox.prune(moment, by_age=believed)
        except StoreError as error:
            self._store_failed = True
            log.error("prune_failed", error=str(error))


def _cannot_wait(decision: Decision) -> bool:
    alarm = decision.alarm
    return bool(decision.actions) and alarm is not None and alarm.class_ is AlarmClass.LIFE_SAFETY
