"""Runs tests that stand on `tests.server.world` over a PostgreSQL, each in a copy of one filled database.

python -m tests.harness.postgres_suite tests/server/items tests/server/notify -q
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

import asyncpg

from server.db.schema import whole_metadata
from server.db.session import Database
from tests.harness.postgres import running_postgres

VARIABLE: Final = "GRIDWARDEN_TEST_POSTGRES"
"""The address of a server, without a database's name."""
_filled: set[str] = set()
_numbers = count()


@asynccontextmanager
async def copied_database(
    server: str, fill: Callable[[Database], Awaitable[None]]
) -> AsyncIterator[Database]:
    """Yield a database of a test's own: a copy of one that was filled once."""
    url = await copied_url(server, fill)
    yield Database(url)
    await drop(url)


async def copied_url(server: str, fill: Callable[[Database], Awaitable[None]]) -> str:
    """Copy the database that was filled once; returns the copy's address. `drop` takes it away."""
    return await copy(await _filled_once(server, fill))


async def copy(url: str) -> str:
    """Copy a database that nobody is connected with; returns the copy's address."""
    server, _, template = url.rpartition("/")
    name = f"copy_{os.getpid()}_{next(_numbers)}"
    await _order(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    return f"{server}/{name}"


async def drop(url: str) -> None:
    """Take a database away, whoever is connected with it."""
    server, _, name = url.rpartition("/")
    await _order(server, f"DROP DATABASE {name} WITH (FORCE)")


async def _filled_once(server: str, fill: Callable[[Database], Awaitable[None]]) -> str:
    template = f"filled_{os.getpid()}"
    if template not in _filled:
        await _order(server, f"CREATE DATABASE {template}")
        made = Database(f"{server}/{template}")
        async with made.engine.begin() as connection:
            await connection.run_sync(whole_metadata().create_all)
        await fill(made)
        await made.close()
        _filled.add(template)
    return f"{server}/{template}"


async def _order(server: str, statement: str) -> None:
    connection = await asyncpg.connect(f"{server.replace('+asyncpg', '')}/postgres")
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _run(arguments: list[str]) -> int:
    async with running_postgres() as url:
        environment = {**os.environ, VARIABLE: url.rpartition("/")[0]}
        suite = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pytest", *arguments, env=environment
        )
        return await suite.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(_run(sys.argv[1:])))
