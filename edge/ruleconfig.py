"""The rules of the site file; `edge.rules.model` says what each means."""

from typing import Annotated, Literal

from pydantic import Field

from edge.settings import Name, Settings
from wire.vocabulary import AlarmClass, Kind


class RuleActionSettings(Settings):
    """What to do on the spot."""

    do: Name
    device: Name


class ThresholdRuleSettings(Settings):
    """A limit on one point; see `edge.rules.model.ThresholdRule`."""

    id: Name
    type: Literal["threshold"]
    devices: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)]
    point: Name
    above: float | None = None
    below: float | None = None
    hysteresis: Annotated[float, Field(ge=0)] = 0.0
    on_delay_s: Annotated[float, Field(ge=0, le=86400)] = 0.0
    off_delay_s: Annotated[float, Field(ge=0, le=86400)] = 0.0
    latching: bool = False
    kind: Kind = Field(strict=False)
    class_: AlarmClass = Field(alias="class", strict=False)
    actions: Annotated[tuple[RuleActionSettings, ...], Field(strict=False)] = ()


RuleSettings = ThresholdRuleSettings
