"""Small changes of many callers in one transaction: a commit waits for the disk, whatever it holds."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import structlog

from server.db.session import Database, WriteSession

log = structlog.get_logger()

_T = TypeVar("_T")
_MOST: Final = 100


@dataclass(slots=True, eq=False)
class _Work:
    do: Callable[[WriteSession], Awaitable[Any]]
    done: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Together:
    """Whoever comes while a transaction runs shares the next one; nobody waits for company."""

    def __init__(self, database: Database) -> None:
        """Begin with nothing to do."""
        self._database = database
        self._waiting: list[_Work] = []
        self._turn = asyncio.Lock()

    async def write(self, do: Callable[[WriteSession], Awaitable[_T]]) -> _T:
        """Do something in a transaction that others may share; returns once it is committed.

        If any of them fails, nothing of that transaction is kept, and each is done anew by itself: what
        fails raises to its own caller, the others' work stands.

        Args:
            do: changes something; must not roll back or commit, and may be called twice.
        """
        work = _Work(do)
        self._waiting.append(work)
        try:
            async with self._turn:
                while not work.done.done():
                    await self._one_transaction()
        finally:
            if work in self._waiting:  # cancelled before its turn
                self._waiting.remove(work)
        result: _T = work.done.result()
        return result

    async def _one_transaction(self) -> None:
        batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        try:
            if len(batch) > 1 and await self._all_at_once(batch):
                return
            for work in batch:
                await self._alone(work)
        except BaseException:
            # Whoever led was cancelled, and with it the transaction: the next does what is left.
            self._waiting = [*(work for work in batch if not work.done.done()), *self._waiting]
            raise

    async def _all_at_once(self, batch: list[_Work]) -> bool:
        try:
            async with self._database.write() as session:
                results = [await work.do(session) for work in batch]
        except Exception as error:  # noqa: BLE001 - whose it was is found out one by one
            log.info("writing_together_failed", works=len(batch), error=repr(error))
            return False
        for work, result in zip(batch, results, strict=True):
            work.done.set_result(result)
        return True

    async def _alone(self, work: _Work) -> None:
        try:
            async with self._database.write() as session:
                result = await work.do(session)
        except Exception as error:  # noqa: BLE001 - told to whose work it was
            work.done.set_exception(error)
        else:
            work.done.set_result(result)
