"""`probe`: what the devices of a site say now, in values and in frames.

Where the gateway runs, it is asked: the lines are its. Where none runs, the buses are opened here, each
Modbus device is read once, and at everything that speaks by itself is listened for a while.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.buses import BuiltBus, build_bus
from edge.clock import SystemClock
from edge.drivers.modbus import ModbusDriver
from edge.drivers.profile import Profile, shipped_profiles
from edge.errors import DriverError
from edge.frametext import describe_frame
from edge.model import RawFrame, Snapshot
from edge.ports import StoredCounter
from edge.site.busconfig import BusSettings, ModbusBusSettings, ModbusRtuBusSettings, ModbusTcpBusSettings
from edge.site.config import DeviceSettings, LoadedSite
from edge.tools.occupancy import OccupiedError, port_users
from wire.vocabulary import Quality

_TAP_S: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What one device said.

    Attributes:
        device: its id.
        bus: the bus it is on.
        error: why there are no values; empty when there are.
        points: name, unit, value and quality of each.
        frames: the frames of its question and answer, in words.
        age_ms: how long ago a running gateway heard it; None where it was heard now.
    """

    device: str
    bus: str
    error: str = ""
    points: tuple[tuple[str, str, float | None, str], ...] = ()
    frames: tuple[str, ...] = ()
    age_ms: int | None = None


@dataclass(slots=True)
class _Collector:
    """Takes snapshots as the gateway's pipeline would."""

    wanted: frozenset[str]
    bus: str
    show: Callable[[Probed], None]
    heard: set[str] = field(default_factory=set)

    def take(self, snapshot: Snapshot) -> None:
        """Show a snapshot that holds something; silence is told at the end."""
        if snapshot.answered and snapshot.device in self.wanted:
            self.heard.add(snapshot.device)
            self.show(
                Probed(
                    device=snapshot.device,
                    bus=self.bus,
                    points=tuple(_points_of(snapshot)),
                )
            )


def _points_of(snapshot: Snapshot) -> Iterator[tuple[str, str, float | None, str]]:
    for index, point in enumerate(snapshot.points):
        yield point.name, point.unit, snapshot.values[index], snapshot.quality_at(index).value


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

    def build(self, bus: BusSettings, collector: _Collector) -> BuiltBus:
        built = build_bus(
            bus,
            settings=self.site.settings,
            profiles=shipped_profiles(),
            sink=collector,
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
    driver = work.build(bus, _Collector(frozenset(), "", work.show)).actor
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
    driver.tap_frames(frames.append, for_s=_TAP_S)
    values: Iterable[float | None] = ()
    qualities: Iterable[Quality] | None = None
    error = ""
    try:
        await driver.connect()
        values, qualities = await driver.read(device.id)
    except DriverError as caught:
        error = str(caught) or type(caught).__name__
    tcp = isinstance(bus, ModbusTcpBusSettings)
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
        frames=tuple(_frame_line(frame, tcp=tcp) for frame in frames),
    )


def _frame_line(frame: RawFrame, *, tcp: bool) -> str:
    arrow = "->" if frame.sent else "<-"
    return f"{arrow} {frame.data.hex(' ')}  {describe_frame(frame.data, tcp=tcp, sent=frame.sent)}"


async def _listen_to_bus(work: _Work, bus: BusSettings) -> int:
    mine = frozenset(device.id for device in work.on(bus))
    collector = _Collector(mine, bus.id, work.show)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(work.listen_s):
            await work.build(bus, collector).worker.run()
    for device in sorted(mine - collector.heard):
        work.show(Probed(device=device, bus=bus.id, error=f"said nothing for {work.listen_s:g} s"))
    return len(mine - collector.heard)
