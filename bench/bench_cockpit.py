"""The cockpit at street size in a real browser: its first paint, a burst, and the heap over a day.

    python bench/bench_cockpit.py [--pace 300] [--no-day]

1,414 grids with boundaries of twenty corners, 600 gateways, 120,000 devices. The server runs in a process of
its own; Chromium runs headless on the same two cores and draws in software, so that a frame costs here what
a wall's graphics card would do beside: the figures are an upper bound.

The burst commits one alarm in each grid within ten seconds through the real intake. Frame times are the
differences of `requestAnimationFrame` from its begin until every item is shown. The day is told through the
real board and stream (3,000 items, a storm of 1,414 at noon, two restarts of the server, every panel at its
pace) to a page whose clock and timers run faster by as much; the heap is read after forced collection at
24 points, and compared between the second hour (caches are filled by then) and the last, when about as many
items are open.

Bars: first paint and whole picture ≤ 2 s; 95 of 100 frames ≤ 50 ms; heap +5 % at most.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
from playwright.async_api import Browser, CDPSession, Page, async_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from cockpit_site import DAY_S, give_boundaries, serve
from street_database import GRIDS, street_database

from tests.browser.chromium import open_chromium

WALL = {"width": 1920, "height": 1080}
BURST_S = 10.0
POINTS = 24
LIMITS = {"first_paint_ms": 2_000, "frame_p95_ms": 50, "heap_growth_percent": 5}
WATCH_PAINT = """() => {
  const note = () => {
    if (!document.querySelector('#map[data-drawn=yes]') || !document.querySelector('.card .figure')) return;
    watcher.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => { window.wholeAt = performance.now(); }));
  };
  const watcher = new MutationObserver(note);
  watcher.observe(document, { subtree: true, childList: true, attributes: true });
}"""
PAINTED = """() => ({
  first: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null,
  whole: window.wholeAt ?? null })"""
WATCH_FRAMES = """() => {
  const kept = window.frames_ = { gaps: [], long: [] };
  let last = performance.now();
  const step = (at) => { kept.gaps.push(at - last); last = at; requestAnimationFrame(step); };
  requestAnimationFrame(step);
  new PerformanceObserver((list) => kept.long.push(...list.getEntries().map((one) => one.duration)))
    .observe({ type: 'longtask' });
}"""
SHOWN = """() => Number(document.querySelector('#stream-count').textContent)"""
FASTER = """(() => {
  const pace = %s, begin = Date.now(), real = Date.now.bind(Date);
  Date.now = () => begin + (real() - begin) * pace;
  const interval = window.setInterval.bind(window), timeout = window.setTimeout.bind(window);
  window.setInterval = (call, ms, ...more) => interval(call, ms / pace, ...more);
  window.setTimeout = (call, ms, ...more) => timeout(call, ms / pace, ...more);
  const frame = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (call) => frame((at) => call(at * pace));
})()"""


async def open_page(browser: Browser, url: str, session: str, *scripts: str) -> tuple[Page, CDPSession]:
    """Open the cockpit; returns it with a probe that counts its CPU seconds from its begin."""
    context = await browser.new_context(viewport=WALL, locale="zh-CN")
    await context.add_cookies([{"name": "session", "value": session, "url": url, "httpOnly": True}])
    page = await context.new_page()
    for script in scripts:
        await page.add_init_script(script)
    probe = await page.context.new_cdp_session(page)
    await probe.send("Performance.enable", {"timeDomain": "threadTicks"})
    await page.goto(f"{url}/cockpit", wait_until="commit")
    return page, probe


async def until(page: Page, condition: str, *, within_s: float = 60) -> None:
    """Wait for a condition; the page's policy forbids the browser driver's own way, which evaluates text."""
    async with asyncio.timeout(within_s):
        while not await page.evaluate(condition):  # noqa: ASYNC110 - the page has no event for it
            await asyncio.sleep(0.1)


async def first_paint(browser: Browser, url: str, session: str, rounds: int = 5) -> dict[str, Any]:
    """Open the cockpit anew, its cache empty each time; the first round warms the server, uncounted."""
    first, whole, spent = [], [], []
    for number in range(rounds + 1):
        page, probe = await open_page(browser, url, session, f"({WATCH_PAINT})()")
        await until(page, "window.wholeAt > 0")
        painted = await page.evaluate(PAINTED)
        if number:
            first.append(painted["first"])
            whole.append(painted["whole"])
            spent.append((await spent_by(probe))["all_tasks"])
        await page.context.close()
    return {
        "page_cpu_ms": round(statistics.median(spent) * 1000),
        "first_paint_ms": [round(statistics.median(first)), round(max(first))],
        "whole_picture_ms": [round(statistics.median(whole)), round(max(whole))],
    }


async def burst(browser: Browser, url: str, session: str, line: Connection) -> dict[str, Any]:
    page, probe = await open_page(browser, url, session)
    await page.locator("#map[data-drawn=yes]").wait_for()
    await asyncio.sleep(3)
    await page.evaluate(WATCH_FRAMES)
    before = await spent_by(probe)
    line.send(("burst", BURST_S))
    await asyncio.to_thread(line.recv)
    began = time.monotonic()
    answer = asyncio.create_task(asyncio.to_thread(line.recv), name="burst")
    await until(page, f"({SHOWN})() === {GRIDS}")
    shown_s = time.monotonic() - began
    after, kept = await spent_by(probe), await page.evaluate("window.frames_")
    gaps = sorted(kept["gaps"])
    found = {
        "state_changes": GRIDS,
        "shown_after_s": round(shown_s, 1),
        "frames": len(gaps),
        "frame_ms": {
            name: round(gaps[min(int(len(gaps) * share), len(gaps) - 1)], 1)
            for name, share in (("median", 0.5), ("p95", 0.95), ("p99", 0.99), ("worst", 1.0))
        },
        "long_tasks": [len(kept["long"]), round(max(kept["long"], default=0))],
        "page_cpu_s": {name: round(after[name] - before[name], 2) for name in before},
        **await answer,
    }
    if folder := os.environ.get("PICTURES"):
        await page.screenshot(path=f"{folder}/cockpit-burst.png")
    await page.context.close()
    return found


async def spent_by(probe: CDPSession) -> dict[str, float]:
    """Return the CPU seconds of the page's main thread, by what they were for."""
    metrics = (await probe.send("Performance.getMetrics"))["metrics"]
    wanted = {"ScriptDuration": "script", "LayoutDuration": "layout", "TaskDuration": "all_tasks"}
    return {wanted[one["name"]]: one["value"] for one in metrics if one["name"] in wanted}


async def day(browser: Browser, url: str, session: str, line: Connection, pace: float) -> dict[str, Any]:
    page, probe = await open_page(browser, url, session, FASTER % pace)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.locator("#map[data-drawn=yes]").wait_for()
    await page.evaluate("window.stayed = true")
    line.send(("day", pace, POINTS))
    await asyncio.to_thread(line.recv)
    began, points = time.monotonic(), []
    for _ in range(POINTS):
        second, open_items, seq = await asyncio.to_thread(line.recv)
        await until(page, f"({SHOWN})() === {open_items}")
        point = {"hour": round(second / 3600, 1), "open": open_items, **await memory(probe)}
        points.append(note(point))
        line.send("on")
    answer = await asyncio.to_thread(line.recv)
    stayed = await page.evaluate("window.stayed === true")
    await page.context.close()
    first, last = points[1], points[-1]
    return {
        "day_in_s": round(time.monotonic() - began),
        "newest_number": seq,
        "without_reload": stayed,
        "errors": problems,
        "heap_growth_percent": round((last["heap_mb"] / first["heap_mb"] - 1) * 100, 1),
        "points": points,
        **answer,
    }


async def memory(probe: CDPSession) -> dict[str, float]:
    """Return the page's heap after a forced collection, its nodes and listeners, and its process's size."""
    for _ in range(2):
        await probe.send("HeapProfiler.collectGarbage")
    heap = await probe.send("Runtime.getHeapUsage")
    dom = await probe.send("Memory.getDOMCounters")
    children = psutil.Process().children(recursive=True)
    pages = [one for one in children if "--type=renderer" in " ".join(one.cmdline())]
    return {
        "heap_mb": round(heap["usedSize"] / 1e6, 2),
        "nodes": dom["nodes"],
        "listeners": dom["jsEventListeners"],
        "process_mb": round(max(one.memory_info().rss for one in pages) / 1e6),
    }


def note(found: dict[str, Any]) -> dict[str, Any]:
    """Say what was found so far; a day takes minutes."""
    print(found, file=sys.stderr, flush=True)
    return found


async def measure(line: Connection, pace: float, *, with_day: bool) -> dict[str, Any]:
    url, session = await asyncio.to_thread(line.recv)
    async with async_playwright() as playwright:
        browser = await open_chromium(playwright)
        found: dict[str, Any] = {"load": os.getloadavg()[0], "limits": LIMITS}
        found |= note(await first_paint(browser, url, session))
        found["burst"] = note(await burst(browser, url, session, line))
        found["full_street"] = note(await first_paint(browser, url, session))
        await browser.close()
        if with_day:
            browser = await open_chromium(playwright)  # a process of its own
            found["day"] = await day(browser, url, session, line, pace)
            await browser.close()
    line.send(None)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pace", type=float, default=300.0, help=f"a day of {DAY_S} s, so many times faster")
    parser.add_argument("--no-day", action="store_true")
    given = parser.parse_args()
    with street_database() as url, tempfile.TemporaryDirectory() as folder:
        give_boundaries(url)
        spawning = multiprocessing.get_context("spawn")
        ours, theirs = spawning.Pipe()
        server = spawning.Process(target=serve, args=(url, folder, theirs), name="site", daemon=True)
        server.start()
        found = asyncio.run(measure(ours, given.pace, with_day=not given.no_day))
        server.join(20)
    print(json.dumps(found, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
