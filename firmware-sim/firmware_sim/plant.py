"""A running scenario: the world, its devices on their buses, the script."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog

from firmware_sim.devices.modbus import Fault, FaultKind, ModbusServer
from firmware_sim.devices.model import SimulatedDevice
from firmware_sim.devices.models import MODELS, CoilRelay
from firmware_sim.physics import Room, World
from firmware_sim.scenario import (
    DevicePart,
    FanStep,
    FaultStep,
    LeakStep,
    OpenValveStep,
    Scenario,
    ValueStep,
)

_TICK_S: Final = 0.05

log = structlog.get_logger(__name__)


class UnknownNameError(KeyError):
    """There is no such device, room or event in this scenario."""


class SimulatedPlant:
    """Everything of one scenario."""

    def __init__(self, scenario: Scenario, *, speed: float = 1.0) -> None:
        """Build the world and its devices; nothing listens yet.

        Args:
            scenario: what there is and what happens.
            speed: how much faster than the wall clock the physics and the script run.
        """
        self.scenario = scenario
        self.speed = speed
        self.world = World(
            seed=scenario.seed,
            rooms={
                name: Room(volume_m3=room.volume_m3, ventilation_m3_s=room.ventilation_m3_s)
                for name, room in scenario.rooms.items()
            },
        )
        self.devices: dict[str, SimulatedDevice] = {
            part.name: MODELS[part.model](read_points=self._source(part)) for part in scenario.devices
        }
        self._parts = {part.name: part for part in scenario.devices}
        self.servers = {
            bus: ModbusServer(
                host=place.host,
                port=place.port,
                units={p.unit: self.devices[p.name] for p in scenario.devices if p.bus == bus},
            )
            for bus, place in scenario.buses.items()
        }

    @classmethod
    @asynccontextmanager
    async def start(
        cls, scenario: Scenario, *, speed: float = 1.0, scripted: bool = False
    ) -> AsyncIterator["SimulatedPlant"]:
        """Run a scenario until the block ends.

        Args:
            scenario: what there is and what happens.
            speed: see `SimulatedPlant`.
            scripted: whether the script runs by itself.

        Raises:
            OSError: a port is taken.
        """
        plant = cls(scenario, speed=speed)
        for bus, server in plant.servers.items():
            try:
                await server.start()
            except OSError as error:
                place = scenario.buses[bus]
                raise OSError(
                    error.errno, f"bus {bus}: port {place.port} on {place.host} is taken"
                ) from error
        try:
            async with asyncio.TaskGroup() as group:
                clock = group.create_task(plant._run(scripted=scripted), name="plant")
                yield plant
                clock.cancel()
        finally:
            for server in plant.servers.values():
                await server.stop()

    @property
    def ports(self) -> dict[str, int]:
        """The port of each device, by its name."""
        return {name: self.servers[part.bus].port for name, part in self._parts.items()}

    def perform(self, step: Any) -> None:
        """Do one step of a script.

        Raises:
            UnknownNameError: it names what is not there.
            ValueError: it asks for what cannot be.
        """
        log.info("step", do=step.do, **step.model_dump(exclude={"do", "at"}))
        _PERFORM[type(step)](self, step)

    def perform_event(self, name: str) -> None:
        """Do every step of a named event, whatever its `at`.

        Raises:
            UnknownNameError: there is no such event.
        """
        if name not in self.scenario.events:
            raise UnknownNameError(name)
        for step in self.scenario.events[name]:
            self.perform(step)

    def misbehave(self, device: str, fault: Fault) -> None:
        """Let a device misbehave.

        Raises:
            UnknownNameError: there is no such device.
        """
        part = self._part(device)
        self.servers[part.bus].misbehave(part.unit, fault)

    def pin(self, device: str, values: Mapping[str, float | None]) -> None:
        """Hold points of a device at values; None lets them go.

        Raises:
            UnknownNameError: there is no such device.
        """
        pinned = self.devices[self._part(device).name].pinned
        for point, value in values.items():
            if value is None:
                pinned.pop(point, None)
            else:
                pinned[point] = value

    def describe(self) -> dict[str, Any]:
        """Return every device as it now stands."""
        return {
            name: {
                "model": part.model,
                "bus": part.bus,
                "unit": part.unit,
                "port": self.servers[part.bus].port,
                "points": self.devices[name].points(),
                "fault": self.servers[part.bus].faults[part.unit].kind.value,
                "requests": self.servers[part.bus].requests[part.unit],
            }
            for name, part in self._parts.items()
        }

    async def _run(self, *, scripted: bool) -> None:
        steps = sorted(self.scenario.script, key=lambda step: step.at) if scripted else []
        began = before = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            self._link_valves()
            self.world.advance((now - before) * self.speed)
            before = now
            while steps and steps[0].at <= (now - began) * self.speed:
                self.perform(steps.pop(0))

    def _link_valves(self) -> None:
        """A gas valve acts on the room it stands in."""
        for name, device in self.devices.items():
            room = self._parts[name].room
            if isinstance(device, CoilRelay) and room is not None:
                self.world.rooms[room].valve_closed = device.closed

    def _part(self, device: str) -> DevicePart:
        try:
            return self._parts[device]
        except KeyError as error:
            raise UnknownNameError(device) from error

    def _room(self, name: str) -> Room:
        try:
            return self.world.rooms[name]
        except KeyError as error:
            raise UnknownNameError(name) from error

    def _leak(self, step: LeakStep) -> None:
        self._room(step.room).leak_m3_s = step.leak_m3_s

    def _fan(self, step: FanStep) -> None:
        self._room(step.room).fan_on = step.on

    def _open_valve(self, step: OpenValveStep) -> None:
        valve = self.devices[self._part(step.device).name]
        if not isinstance(valve, CoilRelay):
            raise ValueError(f"{step.device} is no valve")  # noqa: TRY004 - the step is wrong, not a type
        valve.closed = False

    def _fault(self, step: FaultStep) -> None:
        fault = Fault(FaultKind(step.fault), delay_s=step.delay_s, code=step.code)
        self.misbehave(step.device, fault)

    def _value(self, step: ValueStep) -> None:
        self.pin(step.device, {step.point: step.value})

    def _source(self, part: DevicePart) -> Callable[[], Mapping[str, float]]:
        world = self.world
        sources: dict[str, Callable[[], Mapping[str, float]]] = {
            "honeywell-midas": lambda: {
                "gas_lel": world.rooms[part.room].gas_lel if part.room else 0.0,
                "temperature_c": 21.0,
            },
            "eastron-sdm120": lambda: {
                "voltage_v": world.mains.voltage_v,
                "current_a": world.mains.current_a,
                "power_w": world.mains.power_w,
                "power_factor": world.mains.power_factor,
                "frequency_hz": world.mains.frequency_hz,
                "energy_kwh": world.mains.energy_kwh,
            },
            "acrel-asj": lambda: {"residual_current_ma": world.leakage_ma},
            "keller-acculevel": lambda: {
                "pressure_kpa": world.hydrant.pressure_kpa,
                "temperature_c": world.hydrant.temperature_c,
            },
            "coil-relay": dict,
        }
        river: Callable[[], Mapping[str, float]] = lambda: {  # noqa: E731 - one of a table of sources
            "dissolved_oxygen_mg_l": world.river.dissolved_oxygen_mg_l,
            "turbidity_ntu": world.river.turbidity_ntu,
            "conductivity_ms_cm": world.river.conductivity_ms_cm,
            "ph": world.river.ph,
            "temperature_c": world.river.temperature_c,
            "redox_mv": 210.0,
            "chlorophyll_ug_l": 4.0,
        }
        return sources.get(part.model, river)


_PERFORM: Final[dict[type, Callable[..., None]]] = {
    LeakStep: SimulatedPlant._leak,  # noqa: SLF001 - the table belongs to the class
    FanStep: SimulatedPlant._fan,  # noqa: SLF001
    OpenValveStep: SimulatedPlant._open_valve,  # noqa: SLF001
    FaultStep: SimulatedPlant._fault,  # noqa: SLF001
    ValueStep: SimulatedPlant._value,  # noqa: SLF001
}


def override_ports(scenario: Scenario, ports: Iterable[str]) -> Scenario:
    """Return a scenario whose buses listen elsewhere.

    Args:
        scenario: the original.
        ports: entries of the form `bus=port`.

    Raises:
        ValueError: an entry is not of that form, or names no bus.
    """
    buses = dict(scenario.buses)
    for entry in ports:
        bus, _, port = entry.partition("=")
        if bus not in buses or not port.isdigit():
            raise ValueError(f"found {entry!r}, allowed BUS=PORT with a bus of {', '.join(buses)}")
        buses[bus] = buses[bus].model_copy(update={"port": int(port)})
    return scenario.model_copy(update={"buses": buses})
