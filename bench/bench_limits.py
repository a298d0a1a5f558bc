"""What a limit costs a request, beside what the request costs without it.

    python bench/bench_limits.py [--rounds 20000]

CPU seconds of this process: an allowance taken, with none and with 10,000 askers known; a wrong guess with
its transaction (SQLite, as a server keeps it); the flush of 500 askers at once. Beside them the look at
who asks that every signed-in request makes.
Bar: 50 µs for a request that is let through; nothing written.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from server.access.allowancekeeper import note_guess, write_down
from server.access.allowances import MOST_HELD, Allowances, Door
from server.access.secrets import hash_secret
from server.access.service import find_session
from server.access.tables import Operator, OperatorSession
from server.db.migrate import migrate
from server.db.session import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _cpu_us(work: Callable[[], object], rounds: int) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) / rounds * 1e6


def _taken_us(rounds: int, *, known: int) -> float:
    allowances = Allowances()
    for number in range(known):
        allowances.take(Door.LINK, str(number), now=NOW)

    def take() -> None:
        for number in range(rounds):
            allowances.take(Door.API, f"key-{number % 500}", now=NOW + timedelta(seconds=number))

    return _cpu_us(take, rounds)


async def _with_database(folder: Path) -> dict[str, float]:
    url = f"sqlite+aiosqlite:///{folder / 'gridwarden.db'}"
    await asyncio.to_thread(migrate, url)
    database, allowances = Database(url), Allowances()
    async with database.write() as session:
        session.add(Operator(name="desk", created_at=NOW))
        await session.flush()
        session.add(
            OperatorSession(
                token_hash=hash_secret("token"),
                operator="desk",
                created_at=NOW,
                used_at=NOW,
                expires_at=NOW + timedelta(days=1),
            )
        )
    found: dict[str, float] = {}
    began = time.process_time()
    for number in range(300):
        await note_guess(database, allowances, Door.LINK, f"source-{number}", now=NOW)
    found["a wrong guess, written down"] = (time.process_time() - began) / 300 * 1e6
    began = time.process_time()
    for _ in range(500):
        async with database.read() as session:
            await find_session(session, "token", now=NOW)
    found["who asks, for comparison"] = (time.process_time() - began) / 500 * 1e6
    busy = Allowances()
    for number in range(500):
        for _ in range(3):
            busy.take(Door.SETUP, str(number), now=NOW)
    began = time.process_time()
    async with database.write() as session:
        await write_down(session, busy, now=NOW)
    found["500 askers written at once"] = (time.process_time() - began) * 1e6
    await database.close()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20_000)
    rounds = parser.parse_args().rounds
    figures = {
        "taken, nobody known": _taken_us(rounds, known=0),
        f"taken, {MOST_HELD:,} known": _taken_us(rounds, known=MOST_HELD - 600),
    }
    with tempfile.TemporaryDirectory() as folder:
        figures |= asyncio.run(_with_database(Path(folder)))
    for name, value in figures.items():
        print(f"{name:32} {value:10.1f} µs CPU")


if __name__ == "__main__":
    main()
