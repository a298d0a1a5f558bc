"""Small changes of many callers in one transaction: a commit waits for the disk, whatever it holds."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from server.db.session import Database, WriteSession

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

        What fails is rolled back to its own beginning and raises here; the others' work stands.

        Args:
            do: changes something; must not roll back or commit.
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
        results: list[tuple[_Work, Any, Exception | None]] = []
        try:
            async with self._database.write() as session:
                results = [(work, *await _try(session, work)) for work in batch]
        except Exception as error:  # noqa: BLE001 - told to everybody whose work it was
            results = [(work, None, error) for work in batch]
        except BaseException:
            # Whoever led was cancelled, and with it the transaction: the others' work is done by the next.
            self._waiting = [*batch, *self._waiting]
            raise
        for work, result, failure in results:
            if failure is None:
                work.done.set_result(result)
            else:
                work.done.set_exception(failure)


async def _try(session: WriteSession, work: _Work) -> tuple[Any, Exception | None]:
    announced = len(session.info.get("announced", ()))
    try:
        async with session.begin_nested():
            result = await work.do(session)
    except Exception as error:  # noqa: BLE001 - one caller's failure is not the others'
        del session.info.get("announced", [])[announced:]
        return None, error
    return result, None
