"""Builds whoever keeps each bus going, from the site file and the profiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.drivers.modbus import (
    ModbusDriver,
    RtuOverTcpTransport,
    SerialTransport,
    TcpTransport,
    Transport,
)
from edge.drivers.modbusprofile import ModbusProfile
from edge.drivers.profile import Profile
from edge.poller import BusPoller, build_devices
from edge.ports import Actor, BusWorker, Clock, CounterStore, FrameSource, SnapshotSink
from edge.reception import HeardDevice, HeardPoint, Reception
from edge.site.busconfig import (
    BleBusSettings,
    BusSettings,
    Gb26875BusSettings,
    Hj212BusSettings,
    ModbusBusSettings,
    ModbusRtuBusSettings,
    ModbusRtuOverTcpBusSettings,
    ModbusTcpBusSettings,
    MqttBusSettings,
)
from edge.site.config import DeviceSettings, SiteSettings
from edge.site.periods import period_s_of
from wire.vocabulary import AlarmClass

if TYPE_CHECKING:
    from edge.drivers.listening import ListeningBus

ListeningBusSettings = Hj212BusSettings | Gb26875BusSettings | MqttBusSettings
"""A bus whose devices speak by themselves over the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltBus:
    """One bus, ready to run.

    Attributes:
        worker: keeps it going.
        actor: carries out actions on its devices; None where none can act.
        frames: where its raw frames can be listened to.
    """

    worker: BusWorker
    actor: Actor | None
    frames: FrameSource


def build_bus(
    bus: BusSettings,
    *,
    settings: SiteSettings,
    profiles: Mapping[str, Profile],
    sink: SnapshotSink,
    clock: Clock,
    folder: Path,
    counters: CounterStore,
) -> BuiltBus | None:
    """Build one bus; None when no device is on it.

    Args:
        bus: its settings.
        settings: the whole site.
        profiles: every device model, by name.
        sink: where its snapshots go.
        clock: the machine's clocks.
        folder: where the site file lies; keys and passwords are named relative to it.
        counters: where the counters of devices are kept.
    """
    mine = [device for device in settings.devices if device.bus == bus.id]
    if not mine:
        return None
    if isinstance(bus, ModbusBusSettings):
        return _build_modbus(bus, mine, settings=settings, profiles=profiles, sink=sink, clock=clock)
    reception = Reception(
        bus=bus.id,
        devices=heard_devices(mine, profiles),
        sink=sink,
        clock=clock,
        technique=bus.technique,
    )
    if isinstance(bus, BleBusSettings):
        from edge.blebuses import build_ble  # noqa: PLC0415 - only Bluetooth needs bleak and D-Bus

        ble = build_ble(
            bus, mine, profiles=profiles, reception=reception, clock=clock, folder=folder, counters=counters
        )
        return BuiltBus(worker=ble, actor=ble, frames=ble.tap)
    listener = _build_listener(
        bus, mine, settings=settings, profiles=profiles, reception=reception, clock=clock, folder=folder
    )
    return BuiltBus(worker=listener, actor=None, frames=listener.tap)


def _build_listener(
    bus: ListeningBusSettings,
    mine: Sequence[DeviceSettings],
    *,
    settings: SiteSettings,
    profiles: Mapping[str, Profile],
    reception: Reception,
    clock: Clock,
    folder: Path,
) -> "ListeningBus":
    from edge.listeners import build_gb26875, build_hj212, build_mqtt  # noqa: PLC0415 - Modbus needs none

    match bus:
        case Hj212BusSettings():
            return build_hj212(bus, mine, profiles=profiles, reception=reception, clock=clock, folder=folder)
        case Gb26875BusSettings():
            return build_gb26875(bus, mine, profiles=profiles, reception=reception, clock=clock)
        case MqttBusSettings():
            return build_mqtt(
                bus,
                mine,
                gateway=settings.gateway,
                profiles=profiles,
                reception=reception,
                clock=clock,
                folder=folder,
            )


def heard_devices(
    devices: Sequence[DeviceSettings], profiles: Mapping[str, Profile]
) -> tuple[HeardDevice, ...]:
    """Return what a listening driver needs to know of its devices."""
    return tuple(
        HeardDevice(
            id=device.id,
            points=tuple(
                HeardPoint(point=named, min=part.min, max=part.max)
                for named, part in zip(
                    profiles[device.profile].named_points, profiles[device.profile].points, strict=True
                )
            ),
            period_ms=round(period_s_of(device, profiles[device.profile]) * 1000),
        )
        for device in devices
    )


def safety_devices(settings: SiteSettings) -> frozenset[str]:
    """Return the devices that a life-safety rule watches."""
    return frozenset(
        device for rule in settings.rules if rule.class_ is AlarmClass.LIFE_SAFETY for device in rule.devices
    )


def _build_modbus(
    bus: ModbusBusSettings,
    mine: Sequence[DeviceSettings],
    *,
    settings: SiteSettings,
    profiles: Mapping[str, Profile],
    sink: SnapshotSink,
    clock: Clock,
) -> BuiltBus:
    models: dict[str, tuple[int, ModbusProfile]] = {}
    for device in mine:
        profile = profiles[device.profile]
        assert isinstance(profile, ModbusProfile), "the site file was checked"
        models[device.id] = (device.unit, profile)
    driver = ModbusDriver(
        _transport_of(bus), timeout_s=bus.timeout_s, gap_s=bus.gap_ms / 1000, devices=models
    )
    points = {d.id: (profiles[d.profile].named_points, period_s_of(d, profiles[d.profile])) for d in mine}
    poller = BusPoller(
        bus=bus.id,
        driver=driver,
        devices=build_devices(points, safety=safety_devices(settings)),
        sink=sink,
        clock=clock,
    )
    return BuiltBus(worker=poller, actor=driver, frames=driver.tap)


def _transport_of(bus: ModbusBusSettings) -> Transport:
    match bus:
        case ModbusTcpBusSettings():
            return TcpTransport(host=bus.host, port=bus.port)
        case ModbusRtuOverTcpBusSettings():
            return RtuOverTcpTransport(host=bus.host, port=bus.port)
        case ModbusRtuBusSettings():
            return SerialTransport(
                device=bus.device, baud=bus.baud, parity=bus.parity, stop_bits=bus.stop_bits
            )
