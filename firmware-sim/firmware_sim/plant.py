"""A running scenario: the world, its devices on their buses, the script."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog

from firmware_sim.devices.modbus import Fault, FaultKind
from firmware_sim.devices.model import SimulatedDevice
from firmware_sim.devices.models import CoilSwitch, FanRelay, SirenRelay
from firmware_sim.performing import PERFORM, UnknownNameError
from firmware_sim.physics import Hydrant, Room, World
from firmware_sim.scenario import DevicePart, Scenario
from firmware_sim.sources import HYDRANT_MODELS, source_of, wear_of
from firmware_sim.wiring import MISBEHAVIOURS, Bus, build_bus, build_device

__all__ = ["SimulatedPlant", "UnknownNameError", "override_ports"]

_TICK_S: Final = 0.05

log = structlog.get_logger(__name__)


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
        self.parts = {part.name: part for part in scenario.each_device()}
        self.ages = {name: part.wear.age_days for name, part in self.parts.items()}
        """How old each device was when the world began, in days."""
        self.world = World(
            seed=scenario.seed,
            rooms={name: Room(**room.model_dump()) for name, room in scenario.rooms.items()},
            hydrants={n: Hydrant() for n, part in self.parts.items() if part.model in HYDRANT_MODELS},
        )
        for name, part in self.parts.items():
            if part.feeder is not None:
                self.world.feeders.connect(name, part.feeder)
        self.devices: dict[str, SimulatedDevice] = {
            name: build_device(
                part.model, source_of(self.world, part, self.ages), address=part.address, key=part.key
            )
            for name, part in self.parts.items()
        }
        self.servers: dict[str, Bus] = {
            bus: build_bus(
                place.technique,
                host=place.host,
                port=place.port,
                period_s=place.period_s,
                transmitter=place.transmitter,
                udp=place.udp,
                units={p.unit: self.devices[p.name] for p in self.parts.values() if p.bus == bus},
            )
            for bus, place in scenario.buses.items()
        }
        self._wanted: dict[str, Fault] = {name: Fault() for name in self.parts}

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
        return {name: self.servers[part.bus].port for name, part in self.parts.items()}

    def perform(self, step: Any) -> None:
        """Do one step of a script.

        Raises:
            UnknownNameError: it names what is not there.
            ValueError: it asks for what cannot be.
        """
        log.info("step", do=step.do, **step.model_dump(exclude={"do", "at"}, mode="json"))
        if type(step) not in PERFORM:
            raise ValueError(f"{step.do} is done by a rehearsal, not by the devices")
        PERFORM[type(step)](self, step)

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
            ValueError: a device of its technique cannot do that; the text says what one can.
        """
        part = self.part_of(device)
        technique = self.scenario.buses[part.bus].technique
        if fault.kind not in MISBEHAVIOURS[technique]:
            allowed = ", ".join(kind.value for kind in MISBEHAVIOURS[technique])
            raise ValueError(f"found fault {fault.kind.value} on {technique}, allowed {allowed}")
        self._wanted[part.name] = fault
        self.settle_powers()

    def pin(self, device: str, values: Mapping[str, float | None]) -> None:
        """Hold points of a device at values; None lets them go.

        Raises:
            UnknownNameError: there is no such device.
        """
        pinned = self.devices[self.part_of(device).name].pinned
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
                "powered": self.is_powered(name),
                "misbehaviours": [k.value for k in MISBEHAVIOURS[self.scenario.buses[part.bus].technique]],
            }
            for name, part in self.parts.items()
        }

    def is_powered(self, name: str) -> bool:
        """Tell whether a device has power: its feeder's, or its battery's."""
        part = self.parts[name]
        age_days = self.ages[name] + self.world.age_days
        return part.feeder not in self.world.feeders.dead and not wear_of(part).is_dead(age_days)

    def settle_powers(self) -> None:
        """A device without power is mute, whatever else is wrong with it."""
        for name, part in self.parts.items():
            server, wanted = self.servers[part.bus], self._wanted[name]
            fault = wanted if self.is_powered(name) else Fault(FaultKind.MUTE)
            if server.faults[part.unit] != fault:
                server.misbehave(part.unit, fault)

    def part_of(self, device: str) -> DevicePart:
        """Return what the scenario says of a device.

        Raises:
            UnknownNameError: there is no such device.
        """
        try:
            return self.parts[device]
        except KeyError as error:
            raise UnknownNameError(device) from error

    def link_actuators(self) -> None:
        """Valves, fans and sirens act on the rooms they stand in."""
        for name, device in self.devices.items():
            part = self.parts[name]
            if part.room is None or not isinstance(device, CoilSwitch):
                continue
            room = self.world.rooms[part.room]
            if isinstance(device, SirenRelay):
                room.siren_on = device.closed
            elif not isinstance(device, FanRelay):
                room.valve_closed = device.closed
            elif device.writes:
                room.fan_on = device.closed

    async def _run(self, *, scripted: bool) -> None:
        steps = sorted(self.scenario.script, key=lambda step: step.at) if scripted else []
        steps = [step for step in steps if type(step) in PERFORM]
        began = before = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            self.link_actuators()
            self.world.advance((now - before) * self.speed)
            self.settle_powers()
            before = now
            while steps and steps[0].at <= (now - began) * self.speed:
                self.perform(steps.pop(0))


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
