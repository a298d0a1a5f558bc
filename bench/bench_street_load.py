"""The whole street against one server: 600 gateways, 2,000 readings a second, an outage of a third of them.

The limit is one core for the load mode, and a report that agrees with the server's databases.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.harness.loaded import LoadedServer, open_loaded_server


def cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


async def measure(loaded: LoadedServer, arguments: list[str]) -> None:
    assert loaded.broker.process is not None
    others = {"server": loaded.server.process.pid, "broker": loaded.broker.process.process.pid}
    before = {name: cpu_s(pid) for name, pid in others.items()}
    load = await loaded.start_load(*arguments)
    began, most_kb = time.monotonic(), 0
    while load.process.returncode is None:
        if psutil.pid_exists(load.process.pid):
            most_kb = max(most_kb, psutil.Process(load.process.pid).memory_info().rss // 1024)
        await asyncio.sleep(1)
    wall_s = time.monotonic() - began
    report = await loaded.finished(load)
    after = {name: cpu_s(pid) for name, pid in others.items()}
    counts = loaded.counts()
    print("\n".join(load.raw))
    print(json.dumps(counts, indent=2))
    print(f"load mode: {report['cpu_seconds'] / report['seconds']:.0%} of one core, {most_kb // 1024} MB")
    for name in others:
        print(f"{name}: {after[name] - before[name]:.1f} s CPU in {wall_s:.0f} s")
    agreed = {
        "alarms": report["alarms_committed"] == counts["alarms"],
        "readings": report["readings"]["rows_committed"] == counts["rows"],
        "batches": report["readings"]["committed"] == counts["batches"],
    }
    print("agrees with the server's databases:", agreed)
    print("nothing lost:", report["exit"] == 0)


async def work(arguments: list[str], size: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.monotonic(), os.times()
        async with open_loaded_server(Path(folder), size, 7) as loaded:
            used = os.times()
            own, children = used.user - cpu.user, used.children_user - cpu.children_user
            print(f"street {size}: made in {own:.1f} s CPU, imported in {children:.1f} s CPU,", end=" ")
            print(f"ready after {time.monotonic() - began:.0f} s")
            await measure(loaded, arguments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", default="60")
    parser.add_argument("--readings", default="2000")
    parser.add_argument("--alarms", default="2")
    parser.add_argument("--outage", default="20+10:0.33")
    parser.add_argument("--size", default="full")
    chosen = parser.parse_args()
    wanted = ("seconds", "readings", "alarms", "outage")
    arguments = [part for name in wanted for part in (f"--{name}", getattr(chosen, name))]
    asyncio.run(work(arguments, chosen.size))


if __name__ == "__main__":
    main()
