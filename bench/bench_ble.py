"""What an advertisement costs the gateway: through bleak and D-Bus, decoded, judged, made a snapshot.

The simulated adapter and its message bus run in a process of their own and are not counted. Prints CPU
microseconds an advertisement and the resident memory. Beside it: the decoder alone.
"""

import asyncio
import multiprocessing
import os
import resource
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent / "firmware-sim")]

from edge.clock import SystemClock  # noqa: E402 - the tests are found only now
from edge.drivers.adverts import decode_bthome  # noqa: E402 - the tests are found only now
from firmware_sim.devices.ble import Detector, build_ble_device  # noqa: E402 - the tests are found only now
from firmware_sim.devices.bleadverts import encode_bthome, seal_bthome  # noqa: E402 - the tests are found only now
from firmware_sim.devices.bluez import SimulatedBluez  # noqa: E402 - the tests are found only now
from firmware_sim.devices.bluezbus import BUS_VARIABLE, private_bus  # noqa: E402 - the tests are found only now
from tests.sim.air import KEY, Ear, MemoryCounters, address_of, build_ble_bus  # noqa: E402 - the tests are found only now

MODELS = ("bthome-gas", "bthome-gas-encrypted")
COUNTS = {20: 200, 200: 2_000, 1_000: 10_000}
"""Advertisements a second, and how many."""


def send(bus: str, orders: Connection) -> None:
    """Be the adapter and its detectors."""

    async def run() -> None:
        bluez = SimulatedBluez(bus)
        devices = [
            build_ble_device(model, address=address_of(number), key=KEY if "enc" in model else None)
            for number, model in enumerate(MODELS, 1)
        ]
        for device in devices:
            assert isinstance(device, Detector)
            bluez.peripherals[device.peripheral.address] = device.peripheral
        await bluez.start()
        orders.send("ready")
        while (order := await asyncio.to_thread(orders.recv)) is not None:
            rate, count = order
            began = time.monotonic()
            for number in range(count):
                devices[number % len(devices)].speak(bluez)
                await asyncio.sleep(max(began + number / rate - time.monotonic(), 0))
            orders.send("sent")
        await bluez.stop()

    asyncio.run(run())


async def measure(orders: Connection) -> None:
    ear = Ear()
    bus = build_ble_bus(MODELS, ear=ear, clock=SystemClock(), counters=MemoryCounters())
    task = asyncio.create_task(bus.run())
    while not bus.state().connected:  # noqa: ASYNC110 - it offers no event
        await asyncio.sleep(0.05)
    for rate, count in COUNTS.items():
        ear.snapshots.clear()
        before = time.process_time()
        orders.send((rate, count))
        await asyncio.to_thread(orders.recv)
        await asyncio.sleep(0.5)
        spent = time.process_time() - before
        print(
            f"{rate:6} a second: {spent / count * 1e6:6.0f} us CPU each,"
            f" {spent * rate / count * 100:5.1f} % of a core, {len(ear.snapshots)} of {count} heard,"
            f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most"
        )
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def measure_decoder() -> None:
    raw = bytes.fromhex(address_of(1).replace(":", ""))
    values = {"gas_alarm": 1, "battery_percent": 90}
    plain = encode_bthome(values, packet=1)
    sealed = seal_bthome(values, address=address_of(1), key=KEY, counter=1)
    for name, data, key in (("plain", plain, None), ("encrypted", sealed, KEY)):
        before = time.process_time()
        for _ in range(20_000):
            decode_bthome(data, address=raw, key=key)
        print(f"decoder alone, {name}: {(time.process_time() - before) / 20_000 * 1e6:.1f} us")


if __name__ == "__main__":
    measure_decoder()
    with private_bus() as address:
        os.environ[BUS_VARIABLE] = address
        here, there = multiprocessing.get_context("spawn").Pipe()
        sender = multiprocessing.get_context("spawn").Process(target=send, args=(address, there))
        sender.start()
        here.recv()
        asyncio.run(measure(here))
        here.send(None)
        sender.join()
