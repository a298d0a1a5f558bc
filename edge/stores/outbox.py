"""`alarms.db`: the durable stop of alarms.

One row for each alarm holds its newest state, so states that were not sent yet coalesce. Rows that
the server has acknowledged are kept for seven days, in case its database is restored from an older
copy. Rule states and timers are journalled in the same transaction as the alarms they explain.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
import structlog

from edge.model import Moment
from edge.rules.decision import Decision
from edge.rules.state import RuleState
from edge.rules.suppression import Shelf
from edge.rules.watch import Key
from edge.stores.counters import CounterTable
from edge.stores.rulestates import decode_state, encode_state
from edge.stores.storefile import load_run, open_store
from edge.stores.storethread import StoreThread, Work
from wire.messages import AlarmState, CommandReport
from wire.vocabulary import AlarmClass

if TYPE_CHECKING:
    import sqlite3

_T = TypeVar("_T")
KEPT_MS: Final = 7 * 86_400_000
_MOST_ANSWERS: Final = 1_000
RESERVE_BYTES: Final = 8 * 1024 * 1024
"""In the file and again in its log: room for well over a thousand alarms on a disk that is full."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alarm (
    alarm TEXT PRIMARY KEY, seq INTEGER NOT NULL, urgent INTEGER NOT NULL,
    body BLOB NOT NULL, acked INTEGER NOT NULL, open INTEGER NOT NULL, changed_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alarm_seq ON alarm (seq);
CREATE TABLE IF NOT EXISTS rule_state (
    rule TEXT, device TEXT, body BLOB NOT NULL, PRIMARY KEY (rule, device)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answer (
    command TEXT PRIMARY KEY, body BLOB NOT NULL, at_ms INTEGER NOT NULL
) WITHOUT ROWID;
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message that the server has not acknowledged.

    Attributes:
        key: what a newer message replaces: the alarm's id, or the batch's number.
        run, seq: its number.
        urgent: whether a life may depend on it.
        body: its content as JSON.
    """

    key: str
    run: str
    seq: int
    urgent: bool
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """What one decision writes: the rule's state, the alarm if anybody is to be told, what is hidden."""

    key: Key | None
    state: RuleState
    alarm: AlarmState | None
    shelves: tuple[Shelf, ...] | None = None


def entry_of(decision: Decision) -> JournalEntry:
    """Return what a decision writes."""
    return JournalEntry(
        key=decision.key, state=decision.state, alarm=decision.alarm, shelves=decision.shelves
    )


class Outbox:
    """The alarms of this gateway on disk."""

    def __init__(self, path: Path) -> None:
        """Open the store; one that is not sound is moved aside and a new one is begun.

        Raises:
            StoreError: no store can be opened at all.
        """
        self._path = path
        self._thread = open_alarm_store(path)
        self.run, self._seq = self._thread.run_now(load_run)
        self.written_bytes = 0

    @property
    def last_seq(self) -> int:
        """The highest number given so far in this run."""
        return self._seq

    async def transact(self, work: Work[_T]) -> _T:
        """Do other work on this store's connection and return its result after the commit.

        Raises:
            StoreError: the store cannot be read or written.
        """
        return await self._thread.run(work)

    @property
    def counters(self) -> CounterTable:
        """The counters of devices, kept in the same file by the same thread."""
        return CounterTable(self.transact)

    async def load(self) -> tuple[dict[Key, RuleState], list[AlarmState], list[Outgoing]]:
        """Return rule states, alarms that are not cleared, and what is not acknowledged.

        Raises:
            StoreError: the store cannot be read.
        """
        return await self._thread.run(self._load)

    async def load_shelves(self) -> tuple[Shelf, ...]:
        """Return what is shelved or out of service.

        Raises:
            StoreError: the store cannot be read.
        """
        return await self._thread.run(_load_shelves)

    async def commit(self, entries: Iterable[JournalEntry], now: Moment) -> list[Outgoing]:
        """Write decisions in one transaction and return what is to be sent for them.

        Raises:
            StoreError: nothing was written.
        """
        kept = tuple(entries)
        numbered: list[Outgoing] = []
        for entry in kept:
            if entry.alarm is not None:
                self._seq += 1
                numbered.append(_outgoing(entry.alarm, self.run, self._seq))
        last_seq = self._seq
        await self._thread.run(lambda connection: _write(connection, kept, numbered, last_seq, now.wall_ms))
        self.written_bytes += sum(len(message.body) for message in numbered)
        return numbered

    async def acknowledge(self, seqs: Iterable[int]) -> None:
        """Mark states as held by the server; a state that was replaced meanwhile stays unsent.

        Raises:
            StoreError: nothing was written; the server will be told again, which is harmless.
        """
        rows = [(seq,) for seq in seqs]
        await self._thread.run(
            lambda connection: connection.executemany("UPDATE alarm SET acked = 1 WHERE seq = ?", rows)
        )

    async def reopen_after(self, seq: int) -> list[Outgoing]:
        """Mark every state numbered above `seq` as not acknowledged, and return them.

        Raises:
            StoreError: the store cannot be read or written.
        """
        return await self._thread.run(lambda connection: self._reopen(connection, seq))

    async def open_states(self) -> list[Outgoing]:
        """Return the newest state of every alarm that is not cleared, acknowledged or not.

        Raises:
            StoreError: the store cannot be read.
        """
        return await self._thread.run(lambda connection: self._select(connection, "open = 1"))

    async def highest_acked(self) -> int:
        """Return the highest number that the server acknowledged, 0 if none is kept.

        Raises:
            StoreError: the store cannot be read.
        """
        found = await self._thread.run(
            lambda connection: connection.execute("SELECT max(seq) FROM alarm WHERE acked = 1").fetchone()
        )
        return int(found[0] or 0)

    async def prune(self, now: Moment, *, by_age: bool = True) -> None:
        """Forget what was acknowledged and over more than seven days ago, and tend the reserve.

        Args:
            now: the moment.
            by_age: False while the wall clock is not to be trusted: nothing is forgotten on its word.

        Raises:
            StoreError: the store cannot be written.
        """
        limit_ms = now.wall_ms - KEPT_MS
        if by_age:
            await self._thread.run(lambda connection: _prune(connection, limit_ms))
        await self._thread.give_back()
        await self._thread.top_up()

    async def renew(self) -> None:
        """Open the store anew; one that is no longer sound is moved aside and a new one is begun.

        Raises:
            StoreError: no store can be opened at all; the old one goes on failing.
        """
        before = self._thread
        self._thread = await asyncio.to_thread(_reopen, before, self._path)
        self.run, self._seq = await self._thread.run(load_run)

    async def move_to(self, fresh: StoreThread) -> tuple[AlarmState, ...]:
        """Leave memory for a store on the disk that has just been opened.

        Answers and counters go along, the alarms do not: whoever knows them all commits them anew.

        Args:
            fresh: of `open_alarm_store`.

        Returns:
            The alarms that are over and that the server has not acknowledged.

        Raises:
            StoreError: it could not be used after all; memory stays.
        """
        run, seq = await fresh.run(load_run)
        before, self._thread = self._thread, fresh
        self.run, self._seq = run, seq
        states = await before.run(lambda connection: self._select(connection, "acked = 0"))
        answers = await before.run(
            lambda connection: connection.execute("SELECT command, body, at_ms FROM answer").fetchall()
        )
        counters = await CounterTable(before.run).load()
        before.close()
        await fresh.run(
            lambda connection: connection.executemany(
                "INSERT OR REPLACE INTO answer (command, body, at_ms) VALUES (?, ?, ?)", answers
            )
        )
        await self.counters.save(counters)
        alarms = [msgspec.json.decode(state.body, type=AlarmState) for state in states]
        return tuple(alarm for alarm in alarms if alarm.cleared)

    async def check(self) -> None:
        """Return when the store's thread has answered: it works, or says that it does not.

        Raises:
            StoreError: the store cannot be read.
        """
        await self._thread.run(lambda connection: connection.execute("SELECT 1 FROM meta").fetchone())

    async def answered(self, command: str) -> CommandReport | None:
        """Return the answer that was given to a command, None if it was never carried out.

        Raises:
            StoreError: the store cannot be read.
        """
        found = await self._thread.run(
            lambda connection: connection.execute(
                "SELECT body FROM answer WHERE command = ?", (command,)
            ).fetchone()
        )
        return None if found is None else msgspec.json.decode(found[0], type=CommandReport)

    async def remember(self, report: CommandReport, now: Moment) -> None:
        """Keep the answer to a command, so that a repeat is not carried out again.

        Raises:
            StoreError: nothing was written.
        """
        row = (report.command, msgspec.json.encode(report), now.wall_ms)
        await self._thread.run(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO answer (command, body, at_ms) VALUES (?, ?, ?)", row
            )
        )

    def close(self) -> None:
        """Finish what is queued and close the file."""
        self._thread.close()

    def _load(
        self, connection: "sqlite3.Connection"
    ) -> tuple[dict[Key, RuleState], list[AlarmState], list[Outgoing]]:
        states = {
            (rule, device): decode_state(body)
            for rule, device, body in connection.execute("SELECT rule, device, body FROM rule_state")
        }
        alarms = [
            msgspec.json.decode(body, type=AlarmState)
            for (body,) in connection.execute("SELECT body FROM alarm WHERE open = 1 ORDER BY seq")
        ]
        return states, alarms, self._select(connection, "acked = 0")

    def _select(self, connection: "sqlite3.Connection", which: str) -> list[Outgoing]:
        return [
            Outgoing(key=alarm, run=self.run, seq=seq, urgent=bool(urgent), body=body)
            for alarm, seq, urgent, body in connection.execute(
                f"SELECT alarm, seq, urgent, body FROM alarm WHERE {which} ORDER BY seq"  # noqa: S608 - our own words
            )
        ]

    def _reopen(self, connection: "sqlite3.Connection", seq: int) -> list[Outgoing]:
        connection.execute("UPDATE alarm SET acked = 0 WHERE seq > ?", (seq,))
        return self._select(connection, "acked = 0")


def open_alarm_store(path: Path) -> StoreThread:
    """Open a store of alarms; one that is not sound is moved aside and a new one is begun.

    Raises:
        StoreError: no store can be opened at all.
    """
    return open_store(path, schema=_SCHEMA, synchronous="FULL", reserve_bytes=RESERVE_BYTES)


def _reopen(before: StoreThread, path: Path) -> StoreThread:
    before.close()
    return open_alarm_store(path)


def encode_outgoing(alarm: AlarmState, run: str, seq: int) -> Outgoing:
    """Number one alarm state for a run that lives in memory."""
    return _outgoing(alarm, run, seq)


def _outgoing(alarm: AlarmState, run: str, seq: int) -> Outgoing:
    return Outgoing(
        key=alarm.alarm,
        run=run,
        seq=seq,
        urgent=alarm.class_ is AlarmClass.LIFE_SAFETY,
        body=msgspec.json.encode(alarm),
    )


def _write(
    connection: "sqlite3.Connection",
    entries: tuple[JournalEntry, ...],
    numbered: list[Outgoing],
    last_seq: int,
    wall_ms: int,
) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO rule_state (rule, device, body) VALUES (?, ?, ?)",
        [(*entry.key, encode_state(entry.state)) for entry in entries if entry.key is not None],
    )
    for entry in entries:
        if entry.shelves is not None:
            connection.execute(
                "INSERT OR REPLACE INTO meta (name, value) VALUES ('shelves', ?)",
                (msgspec.json.encode(entry.shelves),),
            )
    told = [entry.alarm for entry in entries if entry.alarm is not None]
    connection.executemany(
        "INSERT OR REPLACE INTO alarm (alarm, seq, urgent, body, acked, open, changed_ms)"
        " VALUES (?, ?, ?, ?, 0, ?, ?)",
        [
            (message.key, message.seq, message.urgent, message.body, not alarm.cleared, wall_ms)
            for message, alarm in zip(numbered, told, strict=True)
        ],
    )
    if numbered:
        connection.execute("UPDATE meta SET value = max(value, ?) WHERE name = 'seq'", (last_seq,))


def _load_shelves(connection: "sqlite3.Connection") -> tuple[Shelf, ...]:
    found = connection.execute("SELECT value FROM meta WHERE name = 'shelves'").fetchone()
    return () if found is None else msgspec.json.decode(found[0], type=tuple[Shelf, ...])


def _prune(connection: "sqlite3.Connection", limit_ms: int) -> None:
    connection.execute("DELETE FROM alarm WHERE acked = 1 AND open = 0 AND changed_ms < ?", (limit_ms,))
    connection.execute("DELETE FROM answer WHERE at_ms < ?", (limit_ms,))
    connection.execute(
        "DELETE FROM answer WHERE command NOT IN (SELECT command FROM answer ORDER BY at_ms DESC LIMIT ?)",
        (_MOST_ANSWERS,),
    )
