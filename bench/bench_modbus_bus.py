"""What the planner asks, what silent units cost the living, how soon a valve write leaves.

The peer of the planner is a small model of Telegraf's `inputs.modbus` with `optimization = "max_insert"`, as
its documentation and source describe it: fields of one register kind sorted by address, joined while the gap
is at most `optimization_max_register_fill` (50) and the request at most 125 registers or 2,000 bits.
"""

import asyncio
import time
from itertools import pairwise
from statistics import mean

from edge.clock import machine_clock
from edge.drivers.modbus import ModbusDriver, TcpTransport
from edge.drivers.modbusprofile import BIT_FUNCTIONS, ModbusProfile
from edge.drivers.planner import plan_reads
from edge.drivers.profile import shipped_profiles
from edge.model import Snapshot
from edge.poller import BusPoller, build_devices
from firmware_sim.devices.modbus import Fault, FaultKind, ModbusServer
from firmware_sim.devices.models import MODELS

TELEGRAF_FILL = 50
UNITS, SILENT = 32, 8
PERIOD_S = 0.5
WINDOW_S = 30.0
LIMIT_PERIOD = 1.1
WRITES = 200


def telegraf_max_insert(profile: ModbusProfile) -> int:
    """How many requests the peer's published algorithm makes for the same points."""
    requests = 0
    for fc in {point.fc for point in profile.points}:
        cap = 2000 if fc in BIT_FUNCTIONS else 125
        spans = sorted((p.address, p.address + p.registers) for p in profile.points if p.fc == fc)
        first, end = spans[0]
        requests += 1
        for begin, stop in spans[1:]:
            if begin - end > TELEGRAF_FILL or max(stop, end) - first > cap:
                requests, first = requests + 1, begin
            end = max(stop, end)
    return requests


def compare_planners() -> None:
    ours = theirs = worse = 0
    for model in shipped_profiles().values():
        if isinstance(model, ModbusProfile):
            mine, peer = len(plan_reads(model)), telegraf_max_insert(model)
            ours, theirs = ours + mine, theirs + peer
            if mine > peer:
                worse += 1
                print(f"  {model.model}: {mine} requests, the peer {peer}")
    print(
        f"requests to read every shipped model once: {ours}, Telegraf max_insert {theirs}; worse on {worse}"
    )


class Times:
    def __init__(self) -> None:
        self.at: dict[str, list[float]] = {}

    def take(self, snapshot: Snapshot) -> None:
        if snapshot.answered:
            self.at.setdefault(snapshot.device, []).append(time.monotonic())

    def period_s(self) -> float:
        return mean(mean(b - a for a, b in pairwise(times)) for times in self.at.values() if len(times) > 2)


async def living_period_s(silent: int, *, settle_s: float) -> float:
    """The mean period of the units that answer, over a window after the pauses of the others have grown."""
    model = shipped_profiles()["acrel-asj"]
    assert isinstance(model, ModbusProfile)
    units = {
        n: MODELS["acrel-asj"](read_points=lambda: {"residual_current_ma": 20.0}) for n in range(1, UNITS + 1)
    }
    server = ModbusServer(host="127.0.0.1", port=0, units=units)
    await server.start()
    for unit in range(1, silent * 4, 4):
        server.misbehave(unit, Fault(FaultKind.MUTE))
    devices = {f"d{n}": (n, model) for n in units}
    driver = ModbusDriver(TcpTransport(host="127.0.0.1", port=server.port), timeout_s=1.0, devices=devices)
    times = Times()
    points = dict.fromkeys(devices, (model.named_points, PERIOD_S))
    poller = BusPoller(
        bus="b",
        driver=driver,
        devices=build_devices(points, safety=frozenset()),
        sink=times,
        clock=machine_clock(),
    )
    task = asyncio.create_task(poller.run())
    await asyncio.sleep(settle_s)
    times.at.clear()
    await asyncio.sleep(WINDOW_S)
    task.cancel()
    await asyncio.wait([task])
    await server.stop()
    return times.period_s()


async def write_waits() -> int:
    """The most transactions that left between the order to close a valve and its write."""
    profiles = shipped_profiles()
    meter, valve = profiles["eastron-sdm630"], profiles["coil-relay"]
    assert isinstance(meter, ModbusProfile)
    assert isinstance(valve, ModbusProfile)
    units = {1: MODELS["eastron-sdm630"](read_points=dict), 2: MODELS["coil-relay"](read_points=dict)}
    server = ModbusServer(host="127.0.0.1", port=0, units=units)
    await server.start()
    seen: list[int] = []
    answer = server._answer

    async def noting(writer: asyncio.StreamWriter, transaction: int, unit: int, request: bytes) -> bool:
        seen.append(request[0])
        return await answer(writer, transaction, unit, request)

    server._answer = noting
    driver = ModbusDriver(
        TcpTransport(host="127.0.0.1", port=server.port),
        timeout_s=1.0,
        devices={"meter": (1, meter), "valve": (2, valve)},
    )
    await driver.connect()

    async def poll() -> None:
        while True:
            await driver.read("meter")

    polling = asyncio.create_task(poll())
    worst = 0
    for turn in range(WRITES):
        await asyncio.sleep(0.002 + turn % 7 / 1000)
        seen.clear()
        await driver.link.write(2, driver._devices["valve"].pacing, 5, 0, 1)
        worst = max(worst, seen.index(5))
    polling.cancel()
    await asyncio.wait([polling])
    await driver.close()
    await server.stop()
    return worst


async def main() -> None:
    compare_planners()
    ahead = await write_waits()
    print(f"valve write under full polling, {WRITES} times: at most {ahead} transaction ahead (limit 1)")
    alive = await living_period_s(0, settle_s=3.0)
    some = await living_period_s(SILENT, settle_s=30.0)
    print(
        f"{UNITS} units every {PERIOD_S:g} s, {SILENT} silent: the living every {some * 1000:.0f} ms, "
        f"all alive every {alive * 1000:.0f} ms, ratio {some / alive:.3f} (limit {LIMIT_PERIOD})"
    )


if __name__ == "__main__":
    asyncio.run(main())
