"""Scenario files: what there is, and what happens when. YAML, validated, every error with its line."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from firmware_sim.devices.models import MODELS


class ScenarioError(ValueError):
    """A scenario file cannot be used; each line of the text is one problem with its place."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RoomPart(_Part):
    """A room; see `firmware_sim.physics.Room`."""

    volume_m3: Annotated[float, Field(gt=0)] = 20.0
    ventilation_m3_s: Annotated[float, Field(ge=0)] = 0.02


class BusPart(_Part):
    """Where a Modbus TCP bus listens; port 0 picks a free one."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0


class DevicePart(_Part):
    """A simulated device."""

    name: str
    model: str
    bus: str
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    room: str | None = None

    @model_validator(mode="after")
    def _known(self) -> "DevicePart":
        if self.model not in MODELS:
            raise ValueError(f"model {self.model!r}, allowed {', '.join(MODELS)}")
        return self


class LeakStep(_Part):
    """Gas begins to leak, or with 0 stops."""

    at: Annotated[float, Field(ge=0)] = 0.0
    do: Literal["leak"]
    room: str
    leak_m3_s: Annotated[float, Field(ge=0)]


class FanStep(_Part):
    """A fan or an open window clears the air."""

    at: Annotated[float, Field(ge=0)] = 0.0
    do: Literal["fan"]
    room: str
    on: bool = True


class OpenValveStep(_Part):
    """Somebody opens the gas valve by hand, at the valve."""

    at: Annotated[float, Field(ge=0)] = 0.0
    do: Literal["open_valve"]
    device: str


class FaultStep(_Part):
    """A device misbehaves; see `firmware_sim.devices.modbus.FaultKind`."""

    at: Annotated[float, Field(ge=0)] = 0.0
    do: Literal["fault"]
    device: str
    fault: str
    delay_s: float = 0.0
    code: int = 4


class ValueStep(_Part):
    """Somebody holds a point at a value, or with null lets it go."""

    at: Annotated[float, Field(ge=0)] = 0.0
    do: Literal["value"]
    device: str
    point: str
    value: float | None


Step = Annotated[LeakStep | FanStep | OpenValveStep | FaultStep | ValueStep, Field(discriminator="do")]


class Scenario(_Part):
    """A whole scenario."""

    name: str
    seed: int = 1
    rooms: dict[str, RoomPart] = {}
    buses: Annotated[dict[str, BusPart], Field(min_length=1)]
    devices: Annotated[tuple[DevicePart, ...], Field(min_length=1)]
    script: tuple[Step, ...] = ()
    events: dict[str, tuple[Step, ...]] = {}
    """Named steps that a person or a test can start at any time."""


Found = tuple[tuple[str | int, ...], str]
"""Where in the file, and what was found there."""


def _joins(scenario: Scenario) -> Iterator[Found]:
    """Yield what does not fit between the parts."""
    units: set[tuple[str, int]] = set()
    for index, device in enumerate(scenario.devices):
        if device.bus not in scenario.buses:
            yield ("devices", index, "bus"), _unknown("bus", device.bus, scenario.buses)
        if device.room is not None and device.room not in scenario.rooms:
            yield ("devices", index, "room"), _unknown("room", device.room, scenario.rooms)
        if (device.bus, device.unit) in units:
            yield ("devices", index, "unit"), f"found unit {device.unit} of bus {device.bus!r} a second time"
        units.add((device.bus, device.unit))


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
        problems = [(one["loc"], f"found {one['input']!r:.60}: {one['msg']}") for one in error.errors()]
        raise ScenarioError(_describe(path, tree, problems)) from error
    wrong = list(_joins(scenario))
    if wrong:
        raise ScenarioError(_describe(path, tree, wrong))
    return scenario


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
