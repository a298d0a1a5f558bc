"""How soon lists answer with 100,000 items in the database: a leader's, the desk's, the cockpit's snapshot.

    python bench/bench_lists.py [--items 100000] [--asks 200]

The whole street's places, people and devices; one item in fifty is open, the rest was closed within two
years, each with its people, history, notices and due rows. The server answers over HTTP in a process of
its own.
Bar: the leader's list within 50 ms (95 of 100).
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx2
import structlog
from sqlalchemy import create_engine, insert

sys.path.insert(0, str(Path(__file__).parents[1]))

from street_database import COMMUNITIES, DEVICES_EACH, GATEWAYS, NOW, grid_of, street_database

from server.access.secrets import hash_secret
from server.access.tables import Phone
from server.app import _loop_factory
from server.clock import ManualClock, SystemClock
from server.db.session import Database
from server.escalation.tables import Due, DueKind
from server.items.model import ActorKind, ItemState, Move
from server.items.tables import Item, ItemMove, ItemParty
from server.notify.tables import Notice, NoticeState
from tests.server.web.running_site import open_site_over
from wire.vocabulary import AlarmClass, Kind, Mode

OPEN_OF = 50
LIMIT_MS = 50.0
PHONE = "the-phone-of-the-bench"
LEADER = "l7"
CLASSES = (AlarmClass.FAULT, AlarmClass.ADVICE, AlarmClass.HAZARD, AlarmClass.LIFE_SAFETY)
KINDS = (Kind.FIRE, Kind.GAS, Kind.ELECTRIC, Kind.WATER)


def items_of(count: int) -> Iterator[dict[str, Any]]:
    """Yield items over all grids; the leader who is asked has his share."""
    for n in range(count):
        gateway, device = n % GATEWAYS, n // GATEWAYS % DEVICES_EACH
        is_open = n % OPEN_OF == 0
        grid = grid_of(gateway, device) if n % (OPEN_OF * 100) else int(LEADER[1:])
        opened_at = NOW - (timedelta(minutes=n % 600) if is_open else timedelta(minutes=10 * n + 700))
        key = f"gw-{gateway:03}/d{device}/{KINDS[n % 4].value}/live"
        yield {
            "id": f"item-{n:07}",
            "open_key": f"{key}/{n}" if is_open else None,
            "key": key,
            "gateway": f"gw-{gateway:03}",
            "device": f"d{device}",
            "kind": KINDS[n % 4],
            "class": CLASSES[n // 7 % 4],
            "mode": Mode.LIVE,
            "state": ItemState.NEW if is_open else ItemState.CLOSED,
            "owner": f"l{grid}",
            "community": f"c{grid % COMMUNITIES}",
            "grid": f"g{grid}",
            "building": f"b{grid}",
            "where": f"小区{grid % COMMUNITIES} {grid}号楼 2 201",
            "device_name": "厨房探测器",
            "chain": [],
            "reason": "本楼栋属于该微网格",
            "opened_at": opened_at,
            "closed_at": None if is_open else opened_at + timedelta(hours=1),
            "version": 1,
        }


def rows_of(item: dict[str, Any]) -> dict[Any, list[dict[str, Any]]]:
    """Return what belongs to an item, by table."""
    people = (item["owner"], f"d{item['owner'][1:]}")
    at = item["opened_at"]
    is_open = item["closed_at"] is None
    moves = [
        {
            "item": item["id"],
            "at": at,
            "actor_kind": ActorKind.SYSTEM,
            "actor": "server",
            "move": move,
            "to_state": ItemState.NEW,
        }
        for move in (Move.OPEN, Move.ESCALATE)
    ]
    notices = [
        {
            "id": f"{item['id']}-{number}",
            "item": item["id"],
            "person": person,
            "channel": "webhook",
            "step": number,
            "urgency": 0,
            "state": NoticeState.SENT,
            "content": {},
            "created_at": at,
            "send_at": at,
            "sent_at": at,
        }
        for number, person in enumerate(people)
    ]
    due = {
        "item": item["id"],
        "kind": DueKind.STEP,
        "step": 1,
        "due_at": at + timedelta(days=400) if is_open else at,
        "settled_at": None if is_open else at,
        "settled_as": "" if is_open else "done",
    }
    parties = [
        {"item": item["id"], "person": person, "step": number, "told_at": at, "reason": ""}
        for number, person in enumerate(people)
    ]
    return {Item: [item], ItemMove: moves, ItemParty: parties, Notice: notices, Due: [due]}


def fill(url: str, count: int) -> None:
    """Write the items, past the server."""
    engine = create_engine(url.replace("+aiosqlite", ""))
    with engine.begin() as connection:
        rows: dict[Any, list[dict[str, Any]]] = {}
        for n, item in enumerate(items_of(count), 1):
            for table, some in rows_of(item).items():
                rows.setdefault(table, []).extend(some)
            if n % 5_000 == 0 or n == count:
                for table, some in rows.items():
                    connection.execute(insert(table), some)
                rows = {}
        phone = {"phone_hash": hash_secret(PHONE), "person": LEADER, "bound_at": NOW}
        connection.execute(insert(Phone), [phone])
    engine.dispose()


def serve(url: str, folder: str, line: Connection) -> None:
    """Run the site until told to stop; say its address, and at the end its CPU seconds by request."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for name in ("boot_s", "pause_s"):  # with a clock that stands still, loops would not rest
        setattr(ManualClock, name, getattr(SystemClock, name))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(url, Path(folder), line))


async def _serve(url: str, folder: Path, line: Connection) -> None:
    async with open_site_over(Database(url), folder, now=NOW) as site:
        client = await site.operator()
        line.send((site.url, dict(client.cookies)))
        while await asyncio.to_thread(line.recv) == "cpu":
            line.send(time.process_time())


async def ask(url: str, cookies: dict[str, str], path: str, asks: int, line: Connection) -> dict[str, Any]:
    """Ask for a page so many times, one after the other."""
    took: list[float] = []
    async with httpx2.AsyncClient(base_url=url, cookies=cookies, trust_env=False, timeout=30) as client:
        for _ in range(5):
            (await client.get(path)).raise_for_status()
        line.send("cpu")
        before = await asyncio.to_thread(line.recv)
        for _ in range(asks):
            began = time.perf_counter()
            answer = await client.get(path)
            took.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
        line.send("cpu")
        spent = await asyncio.to_thread(line.recv) - before
    return {
        "median_ms": round(statistics.median(took), 1),
        "p95_ms": round(sorted(took)[int(len(took) * 0.95)], 1),
        "cpu_ms": round(spent / asks * 1000, 1),
        "kilobytes": round(len(answer.content) / 1000),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--asks", type=int, default=200)
    given = parser.parse_args()
    found: dict[str, Any] = {"items": given.items, "limit_ms": LIMIT_MS}
    with street_database() as url, tempfile.TemporaryDirectory() as folder:
        fill(url, given.items)
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        server = multiprocessing.get_context("spawn").Process(
            target=serve, args=(url, folder, theirs), name="site"
        )
        server.start()
        address, cookies = ours.recv()
        for title, path, who in (
            ("a leader's list", "/my", {"phone": PHONE}),
            ("the desk's list", "/desk", cookies),
            ("the desk's list of closed ones", "/desk?show=closed", cookies),
            ("the items as JSON, a hundred", "/api/v1/items?limit=100", cookies),
            ("the cockpit's snapshot, all that is open", "/api/v1/cockpit", cookies),
        ):
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                found[title] = runner.run(ask(address, who, path, given.asks, ours))
        ours.send("done")
        server.join(20)
    print(json.dumps(found, indent=1, ensure_ascii=False))
    sys.exit(found["a leader's list"]["p95_ms"] > LIMIT_MS)


if __name__ == "__main__":
    main()
