"""`probe`: what the devices of a site say now, in values and in frames.

Where the gateway runs, it is asked, and its buses are listened to: the lines are its. Where none runs, the
buses are opened here, each Modbus device is read once, and at everything that speaks by itself is listened
for a while.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from edge.buses import BuiltBus, build_bus
from edge.clock import SystemClock
from edge.drivers.modbus import ModbusDriver
from edge.drivers.profile import Profile, shipped_profiles
from edge.errors import DriverError
from edge.model import RawFrame
from edge.ports import SnapshotSink, StoredCounter
from edge.site.busconfig import BusSettings, ModbusBusSettings, ModbusRtuBusSettings
from edge.site.config import DeviceSettings, LoadedSite
from edge.tools.occupancy import OccupiedError, port_users
from edge.tools.overhearing import Overheard, Probed, frame_lines
from wire.vocabulary import Quality

_TAP_S: Final = 3600.0


def choose_devices(site: LoadedSite, *, device: str | None, bus: str | None) -> tuple[DeviceSettings, ...]:
    """Return the devices that are meant; none for an id that the site does not have."""
    return tuple(
        one
        for one in site.settings.devices
        if (device is None or one.id == device) and (bus is None or one.bus == bus)
    )


async def probe(
    site: LoadedSite,
    devices: tuple[DeviceSettings, ...],
    *,
    listen_s: float,
    show: Callable[[Probed], None],
    advance: Callable[[str], None] = lambda _: None,
) -> int:
    """Ask devices, or listen to them; returns how many said nothing.

    Args:
        site: the site.
        devices: those that are meant.
        listen_s: how long is listened to devices that speak by themselves.
        show: told of each answer as it comes.
        advance: told after each device that was asked or waited for.

    Raises:
        OccupiedError: another process has a serial port open.
    """
    work = _Work(site=site, devices=devices, listen_s=listen_s, show=show, advance=advance)
    buses = [bus for bus in site.settings.buses if any(one.bus == bus.id for one in devices)]
    _check_free(buses)
    silent = await asyncio.gather(
        *(
            _ask_bus(work, bus) if isinstance(bus, ModbusBusSettings) else _listen_to_bus(work, bus)
            for bus in buses
        )
    )
    return sum(silent)


class _NoCounters:
    """Remembers nothing: looking at devices must not change what the gateway believes of them."""

    async def load(self) -> Mapping[str, StoredCounter]:
        return {}

    async def save(self, counters: Mapping[str, StoredCounter], forget: Iterable[str] = ()) -> None:
        del counters, forget


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What a probe is about."""

    site: LoadedSite
    devices: tuple[DeviceSettings, ...]
    listen_s: float
    show: Callable[[Probed], None]
    advance: Callable[[str], None]

    def on(self, bus: BusSettings) -> tuple[DeviceSettings, ...]:
        return tuple(device for device in self.devices if device.bus == bus.id)

    def build(self, bus: BusSettings, sink: SnapshotSink) -> BuiltBus:
        built = build_bus(
            bus,
            settings=self.site.settings,
            profiles=shipped_profiles(),
            sink=sink,
            clock=SystemClock(),
            folder=self.site.path.absolute().parent,
            counters=_NoCounters(),
        )
        assert built is not None, "a device is on it"
        return built


def _check_free(buses: Iterable[BusSettings]) -> None:
    for bus in buses:
        users = port_users(bus.device) if isinstance(bus, ModbusRtuBusSettings) else []
        if users:
            assert isinstance(bus, ModbusRtuBusSettings), "only those were asked for"
            raise OccupiedError(f"{bus.device} is open in {', '.join(users)}; one line has one master")


async def _ask_bus(work: _Work, bus: ModbusBusSettings) -> int:
    driver = work.build(bus, Overheard(frozenset(), bus.id, work.show)).actor
    assert isinstance(driver, ModbusDriver), "a Modbus bus has this one"
    silent = 0
    try:
        for device in work.on(bus):
            answer = await _ask_device(driver, device, shipped_profiles()[device.profile], bus)
            silent += bool(answer.error)
            work.show(answer)
            work.advance(device.id)
    finally:
        await driver.close()
    return silent


async def _ask_device(
    driver: ModbusDriver, device: DeviceSettings, profile: Profile, bus: ModbusBusSettings
) -> Probed:
    frames: list[RawFrame] = []
    end = driver.tap.tap_frames(frames.append, for_s=_TAP_S)
    values: Iterable[float | None] = ()
    qualities: Iterable[Quality] | None = None
    error = ""
    try:
        await driver.connect()
        values, qualities = await driver.read(device.id)
    except DriverError as caught:
        error = str(caught) or type(caught).__name__
    finally:
        end()
    shown = tuple(values)
    marks = [Quality.GOOD] * len(shown) if qualities is None else list(qualities)
    return Probed(
        device=device.id,
        bus=bus.id,
        error=error,
        points=tuple(
            (point.name, point.unit, value, mark.value)
            for point, value, mark in zip(profile.named_points, shown, marks, strict=False)
        ),
        frames=frame_lines(frames),
    )


async def _listen_to_bus(work: _Work, bus: BusSettings) -> int:
    overheard = Overheard(frozenset(device.id for device in work.on(bus)), bus.id, work.show)
    built = work.build(bus, overheard)
    end = built.frames.tap_frames(overheard.take_frame, for_s=_TAP_S)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(work.listen_s):
                await built.worker.run()
    finally:
        end()
    return overheard.end(work.listen_s)
