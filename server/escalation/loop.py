"""The one loop of time: sleeps until the next row is due, then does what it says.

Every row is carried out and settled in one transaction of its own. Killed anywhere, it either did
all of it or nothing, and the row still says so.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from server.clock import Clock
from server.db.session import Announcement, Database, WriteSession
from server.escalation import service
from server.escalation.tables import Due
from server.pulse import Pulses

log = structlog.get_logger()

CarryOut = Callable[[WriteSession, Due, datetime], Awaitable[str]]
"""Does what a row says in the given transaction, settles the row, returns how."""

_LONGEST_SLEEP_S: Final = 5.0
"""Also bounds how late a row is after the wall clock was set forward."""
_BATCH: Final = 100
_PAUSE_AFTER_FAILURE_S: Final = 1.0


class EscalationLoop:
    """Carries out due rows."""

    def __init__(self, *, database: Database, clock: Clock, carry_out: CarryOut, pulses: Pulses) -> None:
        """Join the parts; `run` starts the loop."""
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
        settled = 0
        failed = self._failed = set()
        while True:
            now = self._clock.now()
            async with self._database.read() as session:
                due_ids = await service.due_now(session, now=now, limit=_BATCH + len(failed))
            fresh = [due_id for due_id in due_ids if due_id not in failed]
            if not fresh:
                return settled
            for due_id in fresh:
                try:
                    settled += await self._one(due_id, now)
                except Exception as error:
                    self._pulses.tally.due_failures += 1
                    log.exception("due_row_failed", due=due_id, error=repr(error))
                    failed.add(due_id)

    async def _one(self, due_id: int, now: datetime) -> int:
        async with self._database.write() as session:
            due = await service.claim(session, due_id, now=now)
            if due is None:
                return 0
            settled_as = await self._carry_out(session, due, now)
            late_s = (now - due.due_at).total_seconds()
            log.info(
                "due_settled",
                due=due_id,
                item=due.item,
                kind=due.kind.value,
                step=due.step,
                late_s=round(late_s, 3),
                settled_as=settled_as,
            )
        self._pulses.tally.due_late.note(late_s)
        return 1

    async def _wait_s(self) -> float:
        async with self._database.read() as session:
            next_at = await service.next_due_at(session)
        if next_at is None:
            return _LONGEST_SLEEP_S
        left_s = (next_at - self._clock.now()).total_seconds()
        return min(max(left_s, 0.05), _LONGEST_SLEEP_S)
