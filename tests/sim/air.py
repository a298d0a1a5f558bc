"""A simulated adapter on a bus of its own, its devices, and the gateway's Bluetooth bus at the other end."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

from edge.clock import ManualClock
from edge.drivers.ble import BleBus
from edge.drivers.blehearing import AdvertisingDevice
from edge.drivers.gatt import GattDevice
from edge.drivers.listenedprofile import BleProfile
from edge.drivers.profile import shipped_profiles
from edge.model import Snapshot
from edge.ports import StoredCounter
from edge.reception import HeardDevice, HeardPoint, Reception
from firmware_sim.devices.ble import BleDevice, build_ble_device
from firmware_sim.devices.bluez import SimulatedBluez
from firmware_sim.devices.bluezbus import BUS_VARIABLE, private_bus
from tests.harness.waiting import until

KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
KEYED = ("bthome-gas-encrypted", "xiaomi-jtyjgd03mi")


def address_of(number: int) -> str:
    return f"A4:C1:38:00:00:{number:02X}"


@dataclass
class MemoryCounters:
    """Counters as a disk would hold them."""

    rows: dict[str, StoredCounter] = field(default_factory=dict)
    writes: int = 0

    async def load(self) -> Mapping[str, StoredCounter]:
        return dict(self.rows)

    async def save(self, counters: Mapping[str, StoredCounter], forget: Iterable[str] = ()) -> None:
        for device in forget:
            self.rows.pop(device, None)
        self.rows |= counters
        self.writes += 1


class AirClock(ManualClock):
    """Stands still until it is moved; loops look again after a moment instead of at once."""

    def pause_s(self, wanted_s: float) -> float:
        return min(wanted_s, 0.02)


@dataclass
class Ear:
    """Takes snapshots."""

    snapshots: list[Snapshot] = field(default_factory=list)

    def take(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def of(self, device: str) -> list[Snapshot]:
        return [one for one in self.snapshots if one.device == device]

    def value(self, device: str, point: str) -> float | None:
        """The newest value that was said with it."""
        for one in reversed(self.of(device)):
            names = [p.name for p in one.points]
            if (found := one.values[names.index(point)]) is not None:
                return found
        return None

    def lost(self, device: str) -> bool:
        """Whether the newest word is that it cannot be heard."""
        found = self.of(device)
        return bool(found) and not found[-1].answered

    def losses(self, device: str) -> int:
        return sum(not one.answered for one in self.of(device))


@dataclass
class Air:
    bluez: SimulatedBluez
    devices: dict[str, BleDevice]
    bus: BleBus
    ear: Ear
    clock: ManualClock
    counters: MemoryCounters

    def speak(self, *models: str) -> None:
        for model in models or self.devices:
            self.devices[model].speak(self.bluez)

    async def scanning(self) -> None:
        await until(lambda: self.bluez.sessions or self.bluez.monitors, what="a scan")

    async def hear(self, model: str, *, passing_s: float = 0.0) -> Snapshot:
        """Let a device speak, and time pass, until something of it is heard."""
        before = len(self.ear.of(model))

        def heard() -> bool:
            self.speak(model)
            self.clock.advance(seconds=passing_s)
            return len(self.ear.of(model)) > before and not self.ear.lost(model)

        await until(heard, what=f"a word of {model}")
        await self.settle()
        return self.ear.of(model)[-1]

    async def settle(self) -> None:
        """Wait until everything said so far has crossed the bus, and what follows is on the disk."""
        await asyncio.sleep(0.03)
        await until(lambda: not self.bus._hearing.unsaved, what="counters on the disk")


def build_ble_bus(
    models: tuple[str, ...], *, ear: Ear, clock: ManualClock, counters: MemoryCounters, passive: bool = False
) -> BleBus:
    profiles = shipped_profiles()
    heard, advertising, connected = [], [], []
    for number, model in enumerate(models, 1):
        profile = profiles[model]
        assert isinstance(profile, BleProfile)
        period_ms = round(profile.period_s * 1000)
        points = tuple(
            HeardPoint(point=named, min=part.min, max=part.max)
            for named, part in zip(profile.named_points, profile.points, strict=True)
        )
        heard.append(HeardDevice(id=model, points=points, period_ms=period_ms))
        if profile.format == "gatt":
            connected.append(
                GattDevice(id=model, address=address_of(number), profile=profile, period_ms=period_ms)
            )
        else:
            advertising.append(
                AdvertisingDevice(
                    id=model,
                    address=address_of(number),
                    format=profile.format,
                    names={point.measures or point.name: point.name for point in profile.points},
                    key=KEY if model in KEYED else None,
                )
            )
    return BleBus(
        bus="air",
        adapter="hci0",
        passive=passive,
        advertising=advertising,
        connected=connected,
        counters=counters,
        reception=Reception(bus="air", devices=heard, sink=ear, clock=clock),
        clock=clock,
    )


@asynccontextmanager
async def open_air(
    *models: str,
    passive: bool = False,
    experimental: bool = True,
    counters: MemoryCounters | None = None,
    running: bool = True,
) -> AsyncIterator[Air]:
    """Give an adapter with these devices at addresses 1, 2 …; each is named as its model."""
    counters = MemoryCounters() if counters is None else counters
    ear, clock = Ear(), AirClock()
    with private_bus() as address, patch.dict(os.environ, {BUS_VARIABLE: address}):
        bluez = SimulatedBluez(address, experimental=experimental)
        devices = {
            model: build_ble_device(model, address=address_of(number), key=KEY if model in KEYED else None)
            for number, model in enumerate(models, 1)
        }
        for device in devices.values():
            bluez.peripherals[device.peripheral.address] = device.peripheral
        if running:
            await bluez.start()
        bus = build_ble_bus(models, ear=ear, clock=clock, counters=counters, passive=passive)
        task = asyncio.create_task(bus.run(), name="bus")
        air = Air(bluez, devices, bus, ear, clock, counters)
        try:
            if running:
                await air.scanning()
            yield air
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await bluez.stop()
            await _close_bleak()


async def _close_bleak() -> None:
    """End the connection that bleak keeps for its loop."""
    from bleak.backends.bluezdbus import manager

    for one in manager._global_instances.values():
        if one._bus is not None:
            one._bus.disconnect()
    manager._global_instances.clear()
    await asyncio.sleep(0)
