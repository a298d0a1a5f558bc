"""The one loop of time: sleeps until the next row is due, then does what it says.

Rows that are due at the same time are carried out and settled in one transaction, a few dozen at once; if
any of them fails, each has a transaction of its own. Killed anywhere, a row either was carried out and says
so, or was not and still waits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from server.clock import Clock
from server.db.base import Base
from server.db.session import ONE_MOMENT, Announcement, Database, WriteSession
from server.escalation import service
from server.escalation.tables import Due
from server.escalation.wallclock import ClockWatch
from server.pulse import Pulses

log = structlog.get_logger()

CarryOut = Callable[[WriteSession, Due, datetime], Awaitable[str]]
"""Does what a row says in the given transaction, settles the row, returns how."""

LookAhead = Callable[[WriteSession, Sequence[Due], datetime], Awaitable[Sequence[Base]]]
"""Reads at once what several rows ask for; what it returns is held until they are carried out."""

_LONGEST_SLEEP_S: Final = 5.0
"""Also bounds how late a row is after the wall clock was set forward."""
_BATCH: Final = 100
_TOGETHER: Final = 25
"""Rows in one transaction: others that write wait meanwhile."""
_PAUSE_AFTER_FAILURE_S: Final = 1.0


class EscalationLoop:
    """Carries out due rows."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        carry_out: CarryOut,
        pulses: Pulses,
        look_ahead: LookAhead | None = None,
        clock_watch: ClockWatch | None = None,
    ) -> None:
        """Join the parts; `run` starts the loop."""
        self._clock_watch = clock_watch
        self._look_ahead = look_ahead
        self._database = database
        self._clock = clock
        self._carry_out = carry_out
        self._pulses = pulses
        self._nudge = asyncio.Event()
        self._failed: set[int] = set()

    def hear(self, announced: list[Announcement]) -> None:
        """Wake up when rows were added; for `Database.listen`."""
        if any(what == "due" for what, _ in announced):
            self._nudge.set()

    async def run(self) -> None:
        """Carry out rows when they are due, until cancelled."""
        while True:
            self._pulses.beat("escalation", boot_s=self._clock.boot_s())
            self._nudge.clear()
            try:
                await self.turn()
                wait_s = _PAUSE_AFTER_FAILURE_S if self._failed else await self._wait_s()
            except (SQLAlchemyError, OSError) as error:
                log.warning("escalation_failed", error=str(error))
                wait_s = _PAUSE_AFTER_FAILURE_S
            try:
                async with asyncio.timeout(self._clock.pause_s(wait_s)):
                    await self._nudge.wait()
            except TimeoutError:
                continue

    async def turn(self) -> int:
        """Carry out everything that is due now; returns how many rows were settled.

        A row that fails is logged and left for the next turn; it does not hold up the others.
        """
        if self._clock_watch is not None:
            await self._clock_watch.look()
        settled = 0
        failed = self._failed = set()
        while True:
            now = self._clock.now()
            async with self._database.read() as session:
                due_ids = await service.due_now(session, now=now, limit=_BATCH + len(failed))
            fresh = [due_id for due_id in due_ids if due_id not in failed]
            if not fresh:
                return settled
            for first in range(0, len(fresh), _TOGETHER):
                settled += await self._some(fresh[first : first + _TOGETHER], now)

    async def _some(self, due_ids: Sequence[int], now: datetime) -> int:
        """Carry out rows in one transaction, or, if that fails, each for itself."""
        if len(due_ids) > 1:
            try:
                return await self._carry_out_all(due_ids, now)
            except Exception as error:  # noqa: BLE001 - which of them it was is found out below
                log.warning("due_rows_failed_together", rows=len(due_ids), error=repr(error))
        settled = 0
        for due_id in due_ids:
            try:
                settled += await self._carry_out_all((due_id,), now)
            except Exception as error:
                self._pulses.tally.due_failures += 1
                log.exception("due_row_failed", due=due_id, error=repr(error))
                self._failed.add(due_id)
        return settled

    async def _carry_out_all(self, due_ids: Sequence[int], now: datetime) -> int:
        async with self._database.write() as session:
            session.info[ONE_MOMENT] = True
            rows = await service.claim(session, due_ids, now=now)
            held = await self._look_ahead(session, rows, now) if self._look_ahead else []
            settled = [
                (due, await self._carry_out(session, due, now))
                for due in rows
                # What was carried out before it may have settled it or put it off.
                if due.settled_at is None and due.due_at <= now
            ]
            del held
            for due, _ in settled:
                session.passing(f"due/{due.kind.value}")
        for due, settled_as in settled:
            late_s = (now - due.due_at).total_seconds()
            log.info(
                "due_settled",
                due=due.id,
                item=due.item,
                kind=due.kind.value,
                step=due.step,
                late_s=round(late_s, 3),
                settled_as=settled_as,
            )
            self._pulses.tally.due_late.note(late_s)
        return len(settled)

    async def _wait_s(self) -> float:
        async with self._database.read() as session:
            next_at = await service.next_due_at(session)
        if next_at is None:
            return _LONGEST_SLEEP_S
        left_s = (next_at - self._clock.now()).total_seconds()
        return min(max(left_s, 0.05), _LONGEST_SLEEP_S)
