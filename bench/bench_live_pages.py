"""How soon 1,500 live pages are told of one item after its commit.

The server runs in a process of its own, as in service, with one alarm committed there every second; the
pages are event streams of one client process. Both ends read the same monotonic clock. The peer is a
bare loop that writes the same bytes to as many sockets: what the machine allows.

Usage: python bench/bench_live_pages.py [--pages 1500] [--rounds 10]
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import structlog

sys.path.insert(0, str(Path(__file__).parents[1]))

from server.app import _loop_factory
from server.clock import ManualClock, SystemClock
from tests.server.web.running_site import open_site

LIMIT_MS = 100.0
SETTLE_S = 1.2


def serve(folder: str, line: Connection, rounds: int) -> None:
    """Run the site; commit an alarm when told to, and say when it was committed."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for name in ("now", "boot_s", "pause_s"):  # with a clock that stands still, loops would not rest
        setattr(ManualClock, name, getattr(SystemClock, name))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:  # as in service
        runner.run(_serve(Path(folder), line, rounds))


async def _serve(folder: Path, line: Connection, rounds: int) -> None:
    async with open_site(folder) as site:
        client = await site.operator()
        begin = (await client.get("/api/v1/cockpit")).json()
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        line.send((site.url, cookies, f"{begin['epoch']}.{begin['seq']}"))
        await asyncio.to_thread(line.recv)
        spent = time.process_time()
        for number in range(rounds):
            await asyncio.sleep(SETTLE_S)
            committed: list[float] = []
            undo = site.world.database.listen(lambda _, kept=committed: kept.append(time.monotonic()))
            await site.world.raise_alarm(f"a{number}", f"bench-{number}")
            undo()
            line.send(committed[0])
        await asyncio.sleep(SETTLE_S)
        line.send(time.process_time() - spent)
        await asyncio.to_thread(line.recv)


async def watch(host: str, port: int, cookies: str, after: str, heard: list[float]) -> None:
    """Open one page's stream and note when each event with items came."""
    reader, writer = await asyncio.open_connection(host, port)
    request = (
        f"GET /api/v1/cockpit/stream?after={after} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Cookie: {cookies}\r\nAccept: text/event-stream\r\n\r\n"
    )
    writer.write(request.encode())
    try:
        while True:
            line = await reader.readline()
            if not line:
                return
            if line.startswith(b"event: items"):
                heard.append(time.monotonic())
    finally:
        writer.close()


async def measure(line: Connection, pages: int, rounds: int) -> dict[str, Any]:
    url, cookies, after = await asyncio.to_thread(line.recv)
    host, port = url.removeprefix("http://").split(":")
    heard: list[list[float]] = [[] for _ in range(pages)]
    watching = []
    for own in heard:
        watching.append(asyncio.create_task(watch(host, int(port), cookies, after, own), name="page"))
        if len(watching) % 50 == 0:
            # All are one account's, which may ask 1,200 times at once and then 20 times a second.
            await asyncio.sleep(0.6)
    await asyncio.sleep(12)  # all are signed in and wait
    line.send("all there")
    commits = [await asyncio.to_thread(line.recv) for _ in range(rounds)]
    spent = await asyncio.to_thread(line.recv)
    delays, last, lost = [], [], 0
    for at, following in zip(commits, [*commits[1:], float("inf")], strict=True):
        found = [next((when for when in own if at <= when < following), None) for own in heard]
        lost += found.count(None)
        took = sorted((when - at) * 1000 for when in found if when is not None)
        delays += took
        last.append(took[-1] if took else float("inf"))
    line.send("done")
    for task in watching:
        task.cancel()
    await asyncio.wait(watching)
    return {
        "pages": pages,
        "rounds": rounds,
        "median_ms": round(statistics.median(delays), 1),
        "p95_ms": round(sorted(delays)[int(len(delays) * 0.95)], 1),
        "last_page_median_ms": round(statistics.median(last), 1),
        "last_page_worst_ms": round(max(last), 1),
        "lost": lost,
        "limit_ms": LIMIT_MS,
        "server_cpu_s": round(spent, 2),
        "server_cpu_us_per_page_and_item": round(spent / pages / rounds * 1e6, 1),
    }


async def peer(pages: int, rounds: int) -> dict[str, float]:
    """Write the same to as many sockets of one loop, without any server."""
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    ends = [await asyncio.open_connection("127.0.0.1", port) for _ in range(pages)]
    body = b"event: items\ndata: " + b"x" * 700 + b"\n\n"
    took = []
    for _ in range(rounds):
        begin = time.process_time()
        for writer in writers:
            writer.write(body)
        await asyncio.gather(*(writer.drain() for writer in writers))
        took.append(time.process_time() - begin)
    for _, writer in ends:
        writer.close()
    server.close()
    return {"bare_loop_cpu_us_per_page_and_item": round(statistics.median(took) / pages * 1e6, 1)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        server = multiprocessing.get_context("spawn").Process(
            target=serve, args=(folder, theirs, given.rounds), name="site"
        )
        server.start()
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            found = runner.run(measure(ours, given.pages, given.rounds))
        server.join(20)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        found |= runner.run(peer(given.pages, given.rounds))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
