"""How each step of a script is done to the world: one small function a step, and the table of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from firmware_sim.devices.modbus import Fault
from firmware_sim.devices.models import CoilRelay
from firmware_sim.physics import Room
from firmware_sim.steps import (
    AgeStep,
    FanStep,
    FaultStep,
    HydrantStep,
    LeakStep,
    LoadStep,
    OpenValveStep,
    PassTimeStep,
    PowerStep,
    SpillStep,
    ValueStep,
)

if TYPE_CHECKING:
    from firmware_sim.plant import SimulatedPlant


class UnknownNameError(KeyError):
    """There is no such device, room or event in this scenario."""


def _room(plant: "SimulatedPlant", name: str) -> Room:
    try:
        return plant.world.rooms[name]
    except KeyError as error:
        raise UnknownNameError(name) from error


def _leak(plant: "SimulatedPlant", step: LeakStep) -> None:
    _room(plant, step.room).leak_m3_s = step.leak_m3_s


def _fan(plant: "SimulatedPlant", step: FanStep) -> None:
    _room(plant, step.room).fan_on = step.on


def _open_valve(plant: "SimulatedPlant", step: OpenValveStep) -> None:
    valve = plant.devices[plant.part_of(step.device).name]
    if not isinstance(valve, CoilRelay):
        raise ValueError(f"{step.device} is no valve")  # noqa: TRY004 - the step is wrong, not a type
    valve.closed = False


def _hydrant(plant: "SimulatedPlant", step: HydrantStep) -> None:
    try:
        plant.world.hydrants[step.device].opened = step.opened
    except KeyError as error:
        raise ValueError(f"{step.device} is no hydrant") from error


def _load(plant: "SimulatedPlant", step: LoadStep) -> None:
    plant.world.mains.current_a = step.current_a
    plant.world.cable.joint = step.joint


def _spill(plant: "SimulatedPlant", step: SpillStep) -> None:
    plant.world.river.spill_mg_l = step.spill_mg_l


def _power(plant: "SimulatedPlant", step: PowerStep) -> None:
    plant.world.feeders.switch(step.feeder, on=step.on)
    plant.settle_powers()


def _age(plant: "SimulatedPlant", step: AgeStep) -> None:
    plant.ages[plant.part_of(step.device).name] += step.days
    plant.settle_powers()


def _fault(plant: "SimulatedPlant", step: FaultStep) -> None:
    plant.misbehave(step.device, Fault(step.fault, delay_s=step.delay_s, code=step.code))


def _value(plant: "SimulatedPlant", step: ValueStep) -> None:
    plant.pin(step.device, {step.point: step.value})


def _pass_time(plant: "SimulatedPlant", step: PassTimeStep) -> None:
    plant.link_actuators()
    plant.world.advance(step.seconds)
    plant.settle_powers()


PERFORM: Final[dict[type, Callable[..., None]]] = {
    LeakStep: _leak,
    FanStep: _fan,
    OpenValveStep: _open_valve,
    HydrantStep: _hydrant,
    LoadStep: _load,
    SpillStep: _spill,
    PowerStep: _power,
    AgeStep: _age,
    FaultStep: _fault,
    ValueStep: _value,
    PassTimeStep: _pass_time,
}
