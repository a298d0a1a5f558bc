"""Carrying a transition out in a process of its own, which dies where it is told to."""

import asyncio
import json
import multiprocessing
import os
import shutil
from collections.abc import Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from server.db.session import Database
from server.failpoints import VARIABLE
from server.items.tables import Item, ItemMove
from server.notify.channels import Message, Outcome, Verdict
from tests.harness import postgres_suite
from tests.harness.copied_sqlite import copy_filled
from tests.server.escalation.transitions import SCENARIOS, answers_of
from tests.server.world import fill, running_parts

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.server.escalation.transitions"])
_LONGEST_S = 60.0
_URL = "postgres.url"
"""In a folder: where its database is, if that is not a file beside it."""


@dataclass(frozen=True)
class Moment:
    """Where a world's clocks stand, handed from one process to the next."""

    now: datetime
    boot: float


class LastingPhone:
    """A provider that keeps what it was given in a file, whatever becomes of the server."""

    def __init__(self, path: Path, answers: dict[str, Outcome]) -> None:
        self._path = path
        self.answers = answers

    async def send(self, message: Message) -> Outcome:
        with self._path.open("a") as file:
            file.write(json.dumps([message.id, message.person, message.attempt]) + "\n")
        return self.answers.get(message.person, Outcome(verdict=Verdict.SENT))


@asynccontextmanager
async def world_of(folder: Path, transition: str, moment: Moment | None):
    """The server's parts over a folder's database: what a process has after its start."""
    elsewhere = folder / _URL
    url = elsewhere.read_text() if elsewhere.exists() else f"sqlite+aiosqlite:///{folder}/gridwarden.db"
    async with running_parts(Database(url)) as world:
        if moment is not None:
            world.clock.time, world.clock.boot = moment.now, moment.boot
        phone = LastingPhone(folder / "phone.jsonl", answers_of(SCENARIOS[transition]))
        world.worker._channels = {"webhook": phone}
        yield world


def received(folder: Path) -> list[list[Any]]:
    path = folder / "phone.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def die_in(folder: Path, transition: str, place: str, moment: Moment) -> int:
    """Let a process carry out a transition and die at a place; returns what it ended with."""
    process = _PROCESSES.Process(target=_carry_out, args=(folder, transition, place, moment))
    process.start()
    await asyncio.to_thread(process.join, _LONGEST_S)
    code = process.exitcode
    if code is None:
        process.kill()
        raise AssertionError(f"{transition} hangs at {place}")
    process.close()
    return code


def _carry_out(folder: Path, transition: str, place: str, moment: Moment) -> None:
    os.environ[VARIABLE] = place
    asyncio.run(_act(folder, transition, moment))


async def _act(folder: Path, transition: str, moment: Moment) -> None:
    async with world_of(folder, transition, moment) as world:
        await SCENARIOS[transition].act(world)


async def begin(folder: Path) -> None:
    """Put a filled database into a folder, on the PostgreSQL that the whole suite runs on, if it does."""
    server = os.environ.get(postgres_suite.VARIABLE)
    if server is None:
        await copy_filled(folder, fill)
    else:
        (folder / _URL).write_text(await postgres_suite.copied_url(server, fill))


async def copied(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    if (to / _URL).exists():
        (to / _URL).write_text(await postgres_suite.copy((folder / _URL).read_text()))
    return to


async def forget(folders: Iterable[Path]) -> None:
    """Drop the databases that stand beside folders."""
    for elsewhere in (folder / _URL for folder in folders):
        if elsewhere.exists():
            await postgres_suite.drop(elsewhere.read_text())


async def picture(folder: Path, transition: str) -> dict[str, Any]:
    """Everything that is known, without the numbers that chance gives."""
    async with world_of(folder, transition, None) as world:
        items: list[Item] = await world.items()
        names = {item.id: f"{item.grouping or item.device}/{item.kind.value}" for item in items}
        async with world.database.read() as session:
            moves = list(await session.scalars(select(ItemMove).order_by(ItemMove.id)))
        return {
            "items": sorted(
                (
                    names[item.id], item.state, item.owner or "", item.accepted, item.step, item.help_wanted,
                    item.false_alarm_claimed, item.alarm_over, item.outcome or "",
                    names.get(item.parent or "", ""), str(item.shelved_until), item.shelf_asked_by,
                )
                for item in items
            ),
            "moves": sorted(
                (names[row.item], row.move, row.actor, row.from_state or "", row.to_state, row.undone)
                for row in moves
            ),
            "dues": sorted(
                (names[due.item], due.kind, due.step, due.due_at, due.settled_as)
                for due in await world.rows_of_time()
            ),
            "notices": sorted(
                (names[one.item], one.person, one.step, one.content["occasion"], one.state, one.attempts)
                for one in await world.notices()
            ),
            "alarms": sorted(
                (row.alarm, row.condition, row.seq, row.cleared_at is None, row.superseded_at is None)
                for row in await world.alarms()
            ),
        }  # fmt: skip
