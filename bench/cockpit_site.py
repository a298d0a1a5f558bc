"""The server's side of `bench_cockpit.py`: a street with boundaries, a burst of alarms, a day in minutes.

It runs in a process of its own and does what it is told over a line: `burst` commits one alarm in each grid
through the real intake; `day` replaces only the board's reading of the database, and tells what a day of a
street brings through the real board, its event numbers, its stream and its HTTP server.
"""

import asyncio
import logging
import math
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import structlog
from street_database import COMMUNITIES, DEVICES_EACH, GATEWAYS, GRIDS, NOW, grid_of

from server.app import _loop_factory
from server.clock import ManualClock, SystemClock
from server.cockpit.board import BEAT_S, Board
from server.cockpit.figures import PANELS
from server.db.session import Database
from tests.server.web import running_site
from tests.server.web.running_site import Site, open_site_over
from wire.vocabulary import AlarmClass, Kind, Mode

DAY_S: Final = 86_400
ITEMS_A_DAY: Final = 3_000
"""Two in each grid, most of them faults and advice; a busy day."""
STORM_AT_S: Final = DAY_S // 2
RESTARTS_AT_S: Final = (DAY_S // 4, 3 * DAY_S // 4)
FIRST_NUMBER: Final = 2**32 - 5_000
"""Of the day's events: their number passes the 32-bit boundary early in each third of the day."""
_MIX: Final = (
    (Kind.CONTACT, AlarmClass.FAULT),
    (Kind.FIRE, AlarmClass.ADVICE),
    (Kind.ELECTRIC, AlarmClass.HAZARD),
    (Kind.GAS, AlarmClass.LIFE_SAFETY),
)
_STAGES: Final = ((0, "new"), (40, "accepted"), (600, "on_site"), (2_000, "done"))
_GONE_AFTER_S: Final = 3_000
_SIDE: Final = 5
"""A community's grids stand five by five."""


def give_boundaries(url: str) -> None:
    """Draw every grid as the owner would, with twenty corners; and let each have a device."""
    covered = {grid_of(g, d) for g in range(GATEWAYS) for d in range(DEVICES_EACH)}
    bare = [n for n in range(GRIDS) if n not in covered]
    with closing(sqlite3.connect(url.partition("///")[2])) as connection, connection:
        connection.executemany(
            "UPDATE grid SET polygon = ? WHERE code = ?", [(_boundary(n), f"g{n}") for n in range(GRIDS)]
        )
        connection.executemany(
            "UPDATE device SET building = ? WHERE gateway = ? AND device = 'd2'",
            [(f"b{n}", f"gw-{at:03}") for at, n in enumerate(bare)],
        )


def _boundary(grid: int) -> str:
    community, place = grid % COMMUNITIES, grid // COMMUNITIES
    column, row = community % 8 * _SIDE + place % _SIDE, community // 8 * _SIDE + place // _SIDE
    corners = [(column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1)]
    ring: list[tuple[float, float]] = []
    for (x, y), (to_x, to_y) in zip(corners, [*corners[1:], corners[0]], strict=True):
        ring += [_bent(x + (to_x - x) * part / 5, y + (to_y - y) * part / 5) for part in range(5)]
    ring.append(ring[0])
    return f"POLYGON(({','.join(f'{x:.6f} {y:.6f}' for x, y in ring)}))"


def _bent(x: float, y: float) -> tuple[float, float]:
    """Return where a corner of the drawing board lies on earth; the same for both neighbours."""
    bend_x, bend_y = math.sin(x * 1.7 + y * 2.3) * 0.15, math.cos(x * 2.1 - y * 1.3) * 0.15
    return 120.0 + (x + bend_x) * 0.003, 30.0 + (y + bend_y) * 0.0026


def serve(url: str, folder: str, line: Connection) -> None:
    """Run the site until told to stop."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)  # a page that leaves with its stream open is no news
    for name in ("now", "boot_s", "pause_s"):  # with a clock that stands still, loops would not rest
        setattr(ManualClock, name, getattr(SystemClock, name))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:  # as in service
        runner.run(_serve(url, Path(folder), line))


async def _serve(url: str, folder: Path, line: Connection) -> None:
    boards: list[Board] = []
    build = running_site.build_app

    def build_and_keep(context: Any) -> Any:
        app = build(context)
        boards.append(app.state.board)
        return app

    running_site.build_app = build_and_keep
    async with open_site_over(Database(url), folder, now=NOW) as site:
        client = await site.operator()
        line.send((site.url, client.cookies["session"]))
        while (told := await asyncio.to_thread(line.recv)) is not None:
            spent = time.process_time()
            if told[0] == "burst":
                line.send("goes")
                found: Any = await _burst(site, seconds=told[1])
            else:
                await Day(site, boards, line, pace=told[1], points=told[2]).run()
                found = len(boards)
            line.send({"told": found, "server_cpu_s": round(time.process_time() - spent, 1)})


async def _burst(site: Site, *, seconds: float) -> int:
    """Commit one life-safety alarm in each grid, evenly over so many seconds; returns how many."""
    world = site.world
    where: dict[int, tuple[int, int]] = {}
    for gateway in range(GATEWAYS):
        for device in (0, 1):
            where.setdefault(grid_of(gateway, device), (gateway, device))
    bare = [n for n in range(GRIDS) if n not in where]
    where |= {n: (at, 2) for at, n in enumerate(bare)}
    begin, told = time.monotonic(), 0
    while told < GRIDS:
        due = min(GRIDS, math.ceil((time.monotonic() - begin) / seconds * GRIDS))
        received = []
        for n in range(told, due):
            gateway, device = where[n]
            kind, class_ = _MIX[n % len(_MIX)]
            state = world.state(f"burst-{n}", f"d{device}", kind=kind, class_=class_)
            received.append(
                world.alarm_message(state, gateway=f"gw-{gateway:03}", run=f"run-{gateway}", seq=n + 1)
            )
        if received:
            await world.take(*received)
            told = due
        await asyncio.sleep(0.05)
    return told


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one item of the day at a second: a state, or None when it leaves the board."""

    item: int
    state: str | None
    storm: bool


def changes_of_a_day() -> dict[int, list[Change]]:
    """Return a day's changes by the second they happen; the same every time."""
    chance = random.Random(7)
    found: dict[int, list[Change]] = {}

    def live(item: int, opened: int, *, storm: bool) -> None:
        haste = chance.uniform(0.5, 1.5)
        for after, state in (*_STAGES, (_GONE_AFTER_S, None)):
            at = opened + round(after * haste)
            found.setdefault(at, []).append(Change(item, state, storm))

    for number in range(ITEMS_A_DAY):
        live(number, round(number * DAY_S / ITEMS_A_DAY), storm=False)
    for grid in range(GRIDS):
        live(ITEMS_A_DAY + grid, STORM_AT_S + grid * 60 // GRIDS, storm=True)
    return found


@dataclass
class DayClock:
    """Where the day stands."""

    second: float = 0.0

    def now(self) -> Any:
        return NOW + timedelta(seconds=self.second)

    def boot_s(self) -> float:
        return self.second

    def pause_s(self, wanted_s: float) -> float:
        return wanted_s


@dataclass
class Day:
    """A street's day, told at `pace` seconds to the second; it stops at points for the heap to be read."""

    site: Site
    boards: list[Board]
    line: Connection
    pace: float
    points: int
    clock: DayClock = field(default_factory=DayClock)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    panels: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def run(self) -> None:
        self.panels = dict(self.boards[-1]._panels)
        changes = changes_of_a_day()
        await self._restart()
        self.line.send("goes")
        every = DAY_S // self.points
        for second in self._seconds():
            self._tell_second(second, changes.get(second, []))
            if second in RESTARTS_AT_S:
                await self._restart()
            if second % every == every - 1:
                self.line.send((second + 1, len(self.rows), self.boards[-1].seq))
                await asyncio.to_thread(self.line.recv)
            behind = self._began + (second - self._from) / self.pace - time.monotonic()
            if behind > 0:
                await asyncio.sleep(behind)
            else:
                await asyncio.sleep(0)
                self._from, self._began = second, time.monotonic()

    def _seconds(self) -> Iterator[int]:
        self._from, self._began = 0, time.monotonic()
        yield from range(DAY_S)

    def _tell_second(self, second: int, changes: list[Change]) -> None:
        board, self.clock.second = self.boards[-1], float(second)
        now = self.clock.now().isoformat()
        changed, gone = [], []
        for change in changes:
            which = f"day-{change.item}"
            if change.state is None:
                if self.rows.pop(which, None):
                    gone.append(which)
            else:
                self.rows[which] = self._row(change)
                changed.append(self.rows[which])
        if changed or gone:
            board._tell("items", {"rows": changed, "gone": gone, "now": now})
        due = {name for name, panel in PANELS.items() if second % round(panel.every_s) == 0}
        if due:
            told = {name: {**self.panels[name], "at": now} for name in sorted(due)}
            self.panels |= told
            board._tell("panels", {"panels": told, "now": now})
        if second % round(BEAT_S) == 0:
            board._beat += 1
            board._wake()

    def _row(self, change: Change) -> dict[str, Any]:
        grid = change.item * 7 % GRIDS
        kind, class_ = _MIX[3] if change.storm else _MIX[change.item % 40 % 11 % 4 if change.item % 9 else 0]
        now = self.clock.now().isoformat()
        taken = change.state != "new"
        kept = self.rows.get(f"day-{change.item}", {"opened": now})
        return {
            "id": f"day-{change.item}",
            "class": class_.value,
            "kind": kind.value,
            "mode": Mode.LIVE.value,
            "state": change.state,
            "where": f"小区{grid % COMMUNITIES} {grid}号楼 2 201",
            "device": "厨房探测器",
            "community": f"c{grid % COMMUNITIES}",
            "grid": f"g{grid}",
            "building": f"b{grid}",
            "owner": f"人l{grid}",
            "accepted": taken,
            "inside": 0,
            "help": False,
            "claimed": False,
            "shelved": None,
            "held": None,
            "over": change.state == "done",
            "opened": kept["opened"],
            "next": None if taken else "reach",
            "next_at": None if taken else now,
            "concerns": [] if taken or change.item % 5 else ["unreached"],
        }

    async def _restart(self) -> None:
        """Begin anew, as after an update; the new board is told by us alone."""
        Board.turn = _nothing  # type: ignore[method-assign] # what it would read is told by the day
        await self.site.restart()
        board = self.boards[-1]
        board.seq = FIRST_NUMBER
        board._rows, board._panels, board._clock = self.rows, self.panels, self.clock  # type: ignore[assignment] # a day's
        await asyncio.sleep(2)


async def _nothing(board: Board) -> None:
    del board
