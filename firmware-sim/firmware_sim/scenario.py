"""Scenario files: what there is, and what happens when. YAML, validated, every error with its line."""

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

    @model_validator(mode="after")
    def _joined(self) -> "Scenario":
        units: set[tuple[str, int]] = set()
        for device in self.devices:
            if device.bus not in self.buses:
                raise ValueError(f"device {device.name}: bus {device.bus!r} is not listed")
            if device.room is not None and device.room not in self.rooms:
                raise ValueError(f"device {device.name}: room {device.room!r} is not listed")
            if (device.bus, device.unit) in units:
                raise ValueError(f"unit {device.unit} of bus {device.bus!r} stands twice")
            units.add((device.bus, device.unit))
        return self


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
        return Scenario.model_validate(_plain(tree))
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            line, column = _place(tree, problem["loc"])
            lines.append(f"{path}:{line}:{column}: {problem['msg']}")
        raise ScenarioError("\n".join(lines)) from error


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
