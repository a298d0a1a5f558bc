"""What can be done in a scenario: each step has the time at which it is done and its own words."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from firmware_sim.devices.modbus import FaultKind
from firmware_sim.phone.behaviour import Misbehaviour, Provider
from firmware_sim.phone.people import Habit


class Part(BaseModel):
    """A part of a scenario file: nothing unknown, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BaseStep(Part):
    """Something that is done."""

    at: Annotated[float, Field(ge=0)] = 0.0
    """Seconds after the start, by the scenario's clock."""


class LeakStep(BaseStep):
    """Gas begins to leak, or with 0 stops."""

    do: Literal["leak"]
    room: str
    leak_m3_s: Annotated[float, Field(ge=0)]


class FanStep(BaseStep):
    """A fan or an open window clears the air."""

    do: Literal["fan"]
    room: str
    on: bool = True


class OpenValveStep(BaseStep):
    """Somebody opens the gas valve by hand, at the valve."""

    do: Literal["open_valve"]
    device: str


class HydrantStep(BaseStep):
    """Somebody opens a hydrant, wholly (1) or partly, or shuts it (0)."""

    do: Literal["hydrant"]
    device: str
    opened: Annotated[float, Field(ge=0, le=1)] = 1.0


class LoadStep(BaseStep):
    """The flat draws another current; its cable has a joint that is so many times worse than a sound one."""

    do: Literal["load"]
    current_a: Annotated[float, Field(ge=0)]
    joint: Annotated[float, Field(ge=1)] = 1.0


class SpillStep(BaseStep):
    """Something is spilt into the river above the station."""

    do: Literal["spill"]
    spill_mg_l: Annotated[float, Field(ge=0)]


class PowerStep(BaseStep):
    """A feeder loses its power or has it again: what hangs on it falls silent."""

    do: Literal["power"]
    feeder: str
    on: bool = False


class AgeStep(BaseStep):
    """A device grows older by so many days at once."""

    do: Literal["age"]
    device: str
    days: Annotated[float, Field(ge=0)]


class FaultStep(BaseStep):
    """A device misbehaves; see `firmware_sim.devices.modbus.FaultKind`."""

    do: Literal["fault"]
    device: str
    fault: FaultKind
    delay_s: float = 0.0
    code: int = 4


class ValueStep(BaseStep):
    """Somebody holds a point at a value, or with null lets it go."""

    do: Literal["value"]
    device: str
    point: str
    value: float | None


class PassTimeStep(BaseStep):
    """Time passes at once: for the world, and in a rehearsal for server and phones too."""

    do: Literal["pass_time"]
    seconds: Annotated[float, Field(gt=0)]


class LineStep(BaseStep):
    """The gateway's line to the server goes dead or comes back (rehearsals only)."""

    do: Literal["line"]
    up: bool


class PersonStep(BaseStep):
    """What a person does about messages from now on (rehearsals only)."""

    do: Literal["person"]
    person: str
    does: Habit
    after_s: float | None = None
    button: str | None = None


class ProviderStep(BaseStep):
    """A provider of messages misbehaves from now on, or with null behaves (rehearsals only)."""

    do: Literal["provider"]
    provider: Provider
    kind: Misbehaviour | None
    person: str | None = None
    code: str = ""
    seconds: float = 0.0


class PressStep(BaseStep):
    """A person opens the link of their newest message and presses a button of the page (rehearsals only)."""

    do: Literal["press"]
    person: str
    move: str


class PartStep(BaseStep):
    """A part of the installation is killed as by a power cut, or started again (rehearsals only)."""

    do: Literal["part"]
    part: Literal["gateway", "server"]
    up: bool


WorldStep = (
    LeakStep
    | FanStep
    | OpenValveStep
    | HydrantStep
    | LoadStep
    | SpillStep
    | PowerStep
    | AgeStep
    | FaultStep
    | ValueStep
    | PassTimeStep
)
StageStep = LineStep | PersonStep | ProviderStep | PressStep | PartStep
Step = Annotated[WorldStep | StageStep, Field(discriminator="do")]


class BaseExpectation(Part):
    """Something that must be so, at the latest at `by`."""

    by: Annotated[float, Field(gt=0)]
    """Seconds after the start, by the scenario's clock. With `times: 0` it must not have been so by then."""
    times: Annotated[int, Field(ge=0)] = 1
    """How many there must be at least; with `exactly`, neither more nor less; 0 is none."""
    exactly: bool = False
    """Judged at `by`, not as soon as there are enough."""


class AlarmExpectation(BaseExpectation):
    """The gateway has journalled a change of an alarm."""

    expect: Literal["alarm"]
    rule: str
    device: str | None = None
    change: str = "raised"


class ActionExpectation(BaseExpectation):
    """The gateway has done something on the spot, and it was read back."""

    expect: Literal["action"]
    device: str
    state: str = "confirmed"


class WhichItem(BaseExpectation):
    """Which of the server's items are meant; what is left out may be anything."""

    device: str | None = None
    kind: str | None = None
    class_: Annotated[str | None, Field(alias="class")] = None
    building: str | None = None
    grouping: Literal["visit", "storm"] | None = None
    devices: Annotated[int, Field(ge=1)] | None = None
    """How many it speaks for: a visit's matters, a storm's devices."""


class ItemExpectation(WhichItem):
    """The server shows an item."""

    expect: Literal["item"]
    state: str | None = None
    owner: str | None = None
    """Whose it is."""
    outcome: str | None = None
    """What it turned out to be, once it is closed."""


class ToldExpectation(WhichItem):
    """These people have a message about an item on their telephones, and nobody else has.

    Of several items that are meant it must hold for each.
    """

    expect: Literal["told"]
    people: tuple[str, ...]
    """Everybody who was told so far."""
    within_s: Annotated[float, Field(gt=0)] = 15.0
    """From the item's opening to the last of them, by the server's and the telephones' clocks."""


class MessageExpectation(BaseExpectation):
    """A person's phone has a message."""

    expect: Literal["message"]
    person: str
    contains: str = ""
    channel: Provider | None = None


class PointExpectation(BaseExpectation):
    """A simulated device measures so much: the physics, not what anybody reads."""

    expect: Literal["point"]
    device: str
    point: str
    above: float | None = None
    below: float | None = None


Expectation = Annotated[
    AlarmExpectation
    | ActionExpectation
    | ItemExpectation
    | ToldExpectation
    | MessageExpectation
    | PointExpectation,
    Field(discriminator="expect"),
]
RuleText = dict[str, Any]
"""A rule as it stands in a gateway's site file, which judges it."""
