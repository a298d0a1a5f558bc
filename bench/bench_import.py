"""What an alarm waits for while 120,000 devices are imported beside it, on the page and on the command line.

    python bench/bench_import.py [--only page:changed]

A full street is generated and imported: for the first time, unchanged again, and with another name for every
device. A gas alarm is committed every 50 ms meanwhile, with its item and notices, by the process that also
serves the page. Wall time, because somebody waits: for the alarm's commit, for a loop that only asks for its
turn, and for the import. The peer is the same alarms with no import beside them. Bars: an alarm waits 500 ms
at most, the loop 200 ms.
"""

import argparse
import asyncio
import csv
import gc
import io
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeVar

from bench_intake import messages
from street_database import NOW

from firmware_sim.street.counts import SIZES
from firmware_sim.street.writing import write_street
from server.app import _loop_factory
from server.db.migrate import migrate
from server.db.session import Database
from server.escalation.plan import make_policies
from server.intake.ingest import ingest
from server.logs import configure_logs
from server.places import uploads
from server.places.apart import work_apart
from server.places.importer import read_folder
from server.places.tables import StreetUpload
from wire.vocabulary import AlarmClass, Kind

COMMIT_BAR_MS = 500.0
LOOP_BAR_MS = 200.0
EVERY_S = 0.05
LOOK_EVERY_S = 0.005
MOST_ALARMS = 20_000
BY = "desk"

Files = dict[str, bytes]
T = TypeVar("T")


@dataclass
class Waits:
    """What was waited for, in ms."""

    commits: list[float] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        commits = sorted(self.commits)
        return (
            f"{len(commits)} alarms: median {commits[len(commits) // 2]:.0f}, "
            f"p99 {commits[len(commits) * 99 // 100]:.0f}, longest {commits[-1]:.0f} ms; "
            f"loop held up {max(self.turns):.0f} ms"
        )


class Street:
    """A database with alarms coming in."""

    def __init__(self, folder: Path) -> None:
        """Migrate a new database in a folder."""
        self.folder = folder
        folder.mkdir(parents=True)
        url = f"sqlite+aiosqlite:///{folder}/gridwarden.db"
        migrate(url)
        self.database = Database(url)
        self.alarms = messages(Kind.GAS, AlarmClass.LIFE_SAFETY, MOST_ALARMS)
        self.policies = make_policies()

    @asynccontextmanager
    async def alarmed(self) -> AsyncIterator[Waits]:
        """Commit an alarm every 50 ms, and ask for the loop's turn, until the block ends."""
        waits = Waits()
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._commit(waits, over))
            group.create_task(_look(waits, over))
            try:
                yield waits
            finally:
                over.set()

    async def _commit(self, waits: Waits, over: asyncio.Event) -> None:
        async def one() -> None:
            begun = time.perf_counter()
            await ingest(self.database, [next(self.alarms)], now=NOW, policies=self.policies)
            waits.commits.append((time.perf_counter() - begun) * 1000)

        async with asyncio.TaskGroup() as group:
            while not over.is_set():
                group.create_task(one())  # a late one holds up no other
                await asyncio.sleep(EVERY_S)


async def _look(waits: Waits, over: asyncio.Event) -> None:
    while not over.is_set():
        begun = time.perf_counter()
        await asyncio.sleep(LOOK_EVERY_S)
        waits.turns.append((time.perf_counter() - begun - LOOK_EVERY_S) * 1000)


async def upload(street: Street, files: Files) -> StreetUpload:
    """Upload files as the page does, and return the preview."""
    named = {f"{name}.csv": data for name, data in files.items()}
    work = partial(uploads.keep_upload, named=named, by=BY, now=NOW, grid_code="")
    made = await work_apart(street.database, sum(map(len, named.values())), work)
    async with street.database.read() as session:
        return await uploads.upload_of(session, made, by=BY, now=NOW)


async def take(street: Street, preview: StreetUpload) -> None:
    """Take what was previewed, as the page does."""
    seen = {"upload": preview.id, "digest": preview.digest}
    work = partial(uploads.take_upload, **seen, by=BY, now=NOW, grid_code="")
    await work_apart(street.database, len(preview.files), work)


async def type_in(street: Street, *words: str) -> None:
    """Run the command in a process of its own."""
    settings = {"GRIDWARDEN_DATA_FOLDER": str(street.folder)}
    command = [sys.executable, "-m", "server", "import", *words]
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | settings, stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0


async def measure(title: str, street: Street, work: Callable[[], Awaitable[T]]) -> T:
    """Do something while alarms come, and print what they waited for."""
    gc.collect()
    begun, cpu = time.perf_counter(), time.process_time()
    async with street.alarmed() as waits:
        made = await work()
        took, spent = time.perf_counter() - begun, time.process_time() - cpu
    kept = max(waits.commits) <= COMMIT_BAR_MS and max(waits.turns) <= LOOP_BAR_MS
    print(f"{title}: {took:.1f} s, here {spent:.1f} s CPU; {waits}{'' if kept else '  ABOVE THE BAR'}")
    return made


async def page(street: Street, cases: dict[str, Files]) -> None:
    """Import on the page."""
    await measure("alarms alone", street, lambda: asyncio.sleep(5))
    for title, files in cases.items():
        made = await measure(f"page, {title}, upload and preview", street, partial(upload, street, files))
        await measure(f"page, {title}, taken", street, partial(take, street, made))
    await street.database.close()


async def line(street: Street, cases: dict[str, Files]) -> None:
    """Import on the command line."""
    for number, (title, files) in zip(count(), cases.items()):
        source = street.folder / f"files-{number}"
        source.mkdir()
        for name, data in files.items():
            (source / f"{name}.csv").write_bytes(data)
        await measure(f"command, {title}, --check", street, partial(type_in, street, str(source), "--check"))
        await measure(f"command, {title}", street, partial(type_in, street, str(source)))
    await street.database.close()


def renamed(files: Files) -> Files:
    """Give every device another name."""
    header, *rows = csv.reader(io.StringIO(files["devices"].decode("utf-8-sig")))
    place = header.index("name")
    out = io.StringIO()
    for row in rows:
        row[place] += "新"
    csv.writer(out).writerows([header, *rows])
    return {**files, "devices": out.getvalue().encode()}


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=("page", "line"))
    wanted = parser.parse_args()
    ways = {"page": page, "line": line}
    with tempfile.TemporaryDirectory() as name, Path(os.devnull).open("w") as nowhere:
        with redirect_stdout(nowhere):
            configure_logs()
        folder = Path(name)
        write_street(folder / "street", SIZES["full"], 7)
        files = read_folder(folder / "street")
        cases = {"first time": files, "unchanged": files, "every device renamed": renamed(files)}
        streets = {way: Street(folder / way) for way in ways}
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            for way in [wanted.only] if wanted.only else ways:
                runner.run(ways[way](streets[way], cases))


if __name__ == "__main__":
    main()
