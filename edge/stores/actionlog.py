"""The audit record of actions: who had what done to which device, when, and what came of it.

It lies in `alarms.db`, written by that store's one thread. A record that cannot be written is kept and
written later; nothing that acts ever waits for it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog

from edge.errors import StoreError
from edge.model import ActionResult

if TYPE_CHECKING:
    import sqlite3

_MOST_ROWS: Final = 20_000
_MOST_WAITING: Final = 1_000
_RETRY_S: Final = 5.0
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS action_record (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, alarm TEXT NOT NULL,
    device TEXT NOT NULL, action TEXT NOT NULL, issuer TEXT NOT NULL, reason TEXT NOT NULL,
    state TEXT NOT NULL, detail TEXT NOT NULL
)
"""
_COLUMNS: Final = "at_ms, alarm, device, action, issuer, reason, state, detail"

log = structlog.get_logger(__name__)

RunInStore = Callable[[Callable[["sqlite3.Connection"], Any]], Awaitable[Any]]
"""Does work on the store's connection and returns its result after the commit."""


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """One row.

    Attributes:
        at_ms: when, milliseconds since 1970-01-01 UTC as the machine believed.
        alarm: the alarm or order that asked for it; empty for a test.
        device, action: what was done.
        issuer: whose will it was: `rule`, or a person's name.
        reason: why, in that person's words.
        state: `planned` when it was begun, then how it ended (`wire.vocabulary.ActionState`).
        detail: why it failed.
    """

    at_ms: int
    alarm: str
    device: str
    action: str
    issuer: str
    reason: str
    state: str
    detail: str


class ActionLog:
    """Writes the audit record of actions, in order, beside whatever acts."""

    def __init__(self, run_in_store: RunInStore) -> None:
        """Know the store."""
        self._run_in_store = run_in_store
        self._waiting: deque[ActionRecord] = deque(maxlen=_MOST_WAITING)
        self._wake = asyncio.Event()

    def note(self, result: ActionResult) -> None:
        """Take one record; returns at once."""
        planned = result.planned
        self._waiting.append(
            ActionRecord(
                at_ms=result.at.wall_ms,
                alarm=planned.alarm,
                device=planned.device,
                action=planned.action,
                issuer=planned.issuer,
                reason=planned.reason,
                state=result.state.value,
                detail=result.detail,
            )
        )
        self._wake.set()

    async def run(self) -> None:
        """Write records as they come. Runs until cancelled, then writes the rest."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                if not await self._write():
                    await asyncio.sleep(_RETRY_S)
                    self._wake.set()
        finally:
            await asyncio.shield(self._write())

    async def recent(self, most: int = 200) -> list[ActionRecord]:
        """Return the newest records, the newest first.

        Raises:
            StoreError: the store cannot be read.
        """

        def select(connection: "sqlite3.Connection") -> list[ActionRecord]:
            connection.execute(_TABLE)
            found = connection.execute(
                f"SELECT {_COLUMNS} FROM action_record ORDER BY id DESC LIMIT ?",  # noqa: S608 - our own words
                (most,),
            )
            return [ActionRecord(*row) for row in found]

        await self._write()
        rows: list[ActionRecord] = await self._run_in_store(select)
        return rows

    async def _write(self) -> bool:
        rows = tuple(self._waiting)
        self._waiting.clear()  # before waiting: whoever writes next must not write them a second time
        if not rows:
            return True

        def insert(connection: "sqlite3.Connection") -> None:
            connection.execute(_TABLE)
            connection.executemany(
                f"INSERT INTO action_record ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - the names of our own columns
                [(r.at_ms, r.alarm, r.device, r.action, r.issuer, r.reason, r.state, r.detail) for r in rows],
            )
            connection.execute(
                "DELETE FROM action_record WHERE id <= (SELECT max(id) FROM action_record) - ?", (_MOST_ROWS,)
            )

        try:
            await self._run_in_store(insert)
        except StoreError as error:
            self._waiting.extendleft(reversed(rows))
            log.error("actions_not_recorded", waiting=len(rows), error=str(error))
            return False
        return True
