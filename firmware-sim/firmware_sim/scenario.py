"""Scenario files: what there is, what happens when, what must follow. YAML, every error with its line."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from firmware_sim.steps import Expectation, Part, RuleText, Step
from firmware_sim.wiring import TECHNIQUES


class ScenarioError(ValueError):
    """A scenario file cannot be used; each line of the text is one problem with its place."""


class RoomPart(Part):
    """A room; see `firmware_sim.physics.Room`."""

    volume_m3: Annotated[float, Field(gt=0)] = 20.0
    ventilation_m3_s: Annotated[float, Field(ge=0)] = 0.02
    opens_after_s: Annotated[float, Field(ge=0)] | None = None


class BusPart(Part):
    """A bus. Devices that are asked listen there (port 0 picks a free one); devices that speak call there."""

    technique: Literal["modbus_tcp", "modbus_rtu_over_tcp", "hj212", "gb26875", "mqtt", "ble"] = "modbus_tcp"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    period_s: Annotated[float, Field(gt=0)] = 1.0
    """How often devices that speak by themselves do."""
    transmitter: Annotated[int, Field(ge=0, le=0xFFFF_FFFF_FFFF)] = 3456
    """Address of the transmission device that a bus of technique gb26875 is."""
    udp: bool = False
    """Whether that one calls by UDP."""
    timeout_s: Annotated[float, Field(gt=0)] = 0.5
    """How long the gateway of a rehearsal waits for an answer."""


class PlacePart(Part):
    """Where a device hangs, in the words of the import files."""

    building: str = ""
    floor: str = ""
    door: str = ""
    longitude: float | None = None
    latitude: float | None = None


class WearPart(Part):
    """How a device ages; see `firmware_sim.wear.Wear`."""

    age_days: Annotated[float, Field(ge=0)] = 0.0
    life_days: Annotated[float, Field(gt=0)] | None = None
    battery_days: Annotated[float, Field(gt=0)] | None = None
    loss_per_year: Annotated[float, Field(ge=0, lt=1)] = 0.0
    drift_per_day: float = 0.0


class DevicePart(Part):
    """A simulated device, or `copies` of it: NAME-1, NAME-2 … at the units from `unit` on."""

    name: str
    model: str
    bus: str
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    address: str = ""
    """Of a device that speaks: an MN, `2.1/11.7` behind a transmission device, a topic, a radio address."""
    key: Annotated[str, Field(pattern=r"^([0-9a-fA-F]{32})?$")] = ""
    """Of a Bluetooth device that encrypts."""
    room: str | None = None
    feeder: str | None = None
    wear: WearPart = WearPart()
    copies: Annotated[int, Field(ge=1, le=247)] | None = None
    label: str = ""
    kind: str = ""
    """Its kind in the register of a rehearsal; empty leaves it out of the register."""
    places: tuple[PlacePart, ...] = ()
    """Copies go round them."""
    site: dict[str, Any] = Field(default={})
    """What else stands about it in a rehearsal's site file: `period_s`, `contact` …"""

    @model_validator(mode="after")
    def _known(self) -> "DevicePart":
        known = sorted({model for models in TECHNIQUES.values() for model in models})
        if self.model not in known:
            raise ValueError(f"model {self.model!r}, allowed {', '.join(known)}")
        return self

    def spread(self) -> Iterator["DevicePart"]:
        """Yield each single device."""
        if self.copies is None:
            yield self
            return
        for number in range(1, self.copies + 1):
            place = (self.places[(number - 1) % len(self.places)],) if self.places else ()
            changes = {
                "name": f"{self.name}-{number}",
                "unit": self.unit + number - 1,
                "label": f"{self.label}{number}",
                "places": place,
                "copies": None,
            }
            yield self.model_copy(update=changes)


class Scenario(Part):
    """A whole scenario."""

    name: str
    about: str = ""
    """What it shows, in a sentence."""
    seed: int = 1
    speed: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """How much faster than real time the world runs in a rehearsal."""
    rooms: dict[str, RoomPart] = Field(default={})
    buses: Annotated[dict[str, BusPart], Field(min_length=1)]
    devices: Annotated[tuple[DevicePart, ...], Field(min_length=1)]
    script: tuple[Step, ...] = ()
    events: dict[str, tuple[Step, ...]] = Field(default={})
    """Named steps that a person or a test can start at any time."""
    rules: tuple[RuleText, ...] = ()
    """Rules of a rehearsal's gateway."""
    expect: tuple[Expectation, ...] = ()
    """What must follow."""

    def each_device(self) -> tuple[DevicePart, ...]:
        """Return every single device, copies spread."""
        return tuple(one for part in self.devices for one in part.spread())


Found = tuple[tuple[str | int, ...], str]
"""Where in the file, and what was found there."""


def _joins(scenario: Scenario) -> Iterator[Found]:
    """Yield what does not fit between the parts."""
    units: set[tuple[str, int]] = set()
    for index, part in enumerate(scenario.devices):
        if part.bus not in scenario.buses:
            yield ("devices", index, "bus"), _unknown("bus", part.bus, scenario.buses)
        elif part.model not in TECHNIQUES[scenario.buses[part.bus].technique]:
            allowed = TECHNIQUES[scenario.buses[part.bus].technique]
            yield ("devices", index, "model"), _unknown(f"on bus {part.bus!r} the model", part.model, allowed)
        if part.room is not None and part.room not in scenario.rooms:
            yield ("devices", index, "room"), _unknown("room", part.room, scenario.rooms)
        for device in part.spread():
            if (device.bus, device.unit) in units:
                text = f"found unit {device.unit} of bus {device.bus!r} a second time"
                yield ("devices", index, "unit"), text
            units.add((device.bus, device.unit))
    yield from _names(scenario, ("script",), scenario.script)
    yield from _names(scenario, ("expect",), scenario.expect)
    for name, steps in scenario.events.items():
        yield from _names(scenario, ("events", name), steps)


def _names(scenario: Scenario, where: tuple[str | int, ...], steps: Iterable[Part]) -> Iterator[Found]:
    """Yield names in steps that nothing has."""
    devices = {device.name for device in scenario.each_device()}
    feeders = {device.feeder for device in scenario.devices if device.feeder}
    known: dict[str, Iterable[str]] = {"device": devices, "room": scenario.rooms, "feeder": feeders}
    for index, step in enumerate(steps):
        for field, names in known.items():
            named = getattr(step, field, None)
            if named is not None and named not in names:
                yield (*where, index, field), _unknown(field, named, names)


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    return f"found {what} {name!r}, allowed {', '.join(sorted(known)) or 'none'}"


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        ScenarioError: every problem as `file:line:column: text`.
    """
    try:
        tree = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise ScenarioError(f"{path}:{place}: no YAML: {error.problem}") from error
    except OSError as error:
        raise ScenarioError(f"{path}:1:1: {error.strerror}") from error
    try:
        scenario = Scenario.model_validate(_plain(tree))
    except ValidationError as error:
        problems = [(one["loc"], _explain(one)) for one in error.errors()]
        raise ScenarioError(_describe(path, tree, problems)) from error
    wrong = list(_joins(scenario))
    if wrong:
        raise ScenarioError(_describe(path, tree, wrong))
    return scenario


def _explain(error: ErrorDetails) -> str:
    if error["type"] == "missing":
        return f"{error['loc'][-1]} is missing"
    return f"found {error['input']!r:.60}: {error['msg']}"


def _describe(path: Path, tree: Any, problems: list[Found]) -> str:
    places = [(_place(tree, where), text) for where, text in problems]
    return "\n".join(f"{path}:{line}:{column}: {text}" for (line, column), text in places)


def _plain(node: Any) -> Any:
    if isinstance(node, CommentedMap):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    return node


def _place(tree: Any, loc: tuple[str | int, ...]) -> tuple[int, int]:
    line, column, node = 0, 0, tree
    for step in loc:
        if isinstance(node, CommentedMap) and step in node:
            line, column = node.lc.value(step)
            node = node[step]
        elif isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node):
            line, column = node.lc.item(step)
            node = node[step]
    return line + 1, column + 1
