"""The rules of the site file; `edge.rules.model` says what each means."""

from typing import Annotated, Final, Literal

from pydantic import Field

from edge.site.settings import Name, Settings
from wire.vocabulary import AlarmClass, Kind

CLOCK_PATTERN: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Devices = Annotated[tuple[Name, ...], Field(min_length=1, strict=False)]
Slack = Annotated[float, Field(ge=0)]
Delay = Annotated[float, Field(ge=0, le=86_400)]
Span = Annotated[float, Field(gt=0, le=7 * 86_400)]
ClockTime = Annotated[str, Field(pattern=CLOCK_PATTERN)]


class RuleActionSettings(Settings):
    """What to do on the spot."""

    do: Name
    device: Name
    undo: Name | None = None
    """What ends it when the alarm is over; nothing for a valve, which is opened by hand."""


class ScheduleSettings(Settings):
    """When a rule may raise an alarm, in the site's time zone."""

    days: Annotated[tuple[Day, ...], Field(min_length=1, strict=False)] = DAYS
    begin: ClockTime = Field(default="00:00", alias="from")
    end: ClockTime = Field(default="00:00", alias="to")


class StageSettings(Settings):
    """A further stage of a limit, beyond the one before."""

    limit: float
    class_: AlarmClass = Field(alias="class", strict=False)
    actions: Annotated[tuple[RuleActionSettings, ...], Field(strict=False)] = ()


class RuleBaseSettings(Settings):
    """What every rule has."""

    id: Name
    kind: Kind = Field(strict=False)
    class_: AlarmClass = Field(alias="class", strict=False)
    on_delay_s: Delay = 0.0
    off_delay_s: Delay = 0.0
    latching: bool = False
    actions: Annotated[tuple[RuleActionSettings, ...], Field(strict=False)] = ()
    active: ScheduleSettings | None = None
    explained_by: Annotated[tuple[Name, ...], Field(strict=False)] = ()


class PointRuleSettings(RuleBaseSettings):
    """A rule about one point of one or more devices."""

    devices: Devices
    point: Name


class LimitSettings(Settings):
    """One of above and below, or both for outside."""

    above: float | None = None
    below: float | None = None
    hysteresis: Slack = 0.0


class ThresholdRuleSettings(PointRuleSettings, LimitSettings):
    """A limit on a value; with both above and below, active outside of them."""

    type: Literal["threshold"]
    stages: Annotated[tuple[StageSettings, ...], Field(strict=False, max_length=4)] = ()


class RateRuleSettings(PointRuleSettings):
    """A limit on how fast a value changes."""

    type: Literal["rate"]
    window_s: Span
    rising_per_min: Annotated[float, Field(gt=0)] | None = None
    falling_per_min: Annotated[float, Field(gt=0)] | None = None
    hysteresis: Slack = 0.0


class StuckRuleSettings(PointRuleSettings):
    """A value that does not move although it should."""

    type: Literal["stuck"]
    for_s: Span
    tolerance: Slack = 0.0
    normal_at: Annotated[tuple[float, ...], Field(strict=False)] = ()


class NoDataRuleSettings(PointRuleSettings):
    """A point without a good value."""

    type: Literal["no_data"]
    after_s: Span


class BitsRuleSettings(PointRuleSettings):
    """Bits of a status word."""

    type: Literal["bits"]
    bits: Annotated[tuple[Annotated[int, Field(ge=0, le=31)], ...], Field(min_length=1, strict=False)]
    when: Literal["any_set", "all_set", "any_clear", "all_clear"] = "any_set"


class WindowRuleSettings(PointRuleSettings, LimitSettings):
    """A limit on what a window of values comes to."""

    type: Literal["window"]
    measure: Literal["mean", "min", "max", "sum", "count", "spread"]
    window_s: Span


class KOfNRuleSettings(PointRuleSettings, LimitSettings):
    """A limit that must be passed on at least so many devices."""

    type: Literal["k_of_n"]
    need: Annotated[int, Field(ge=1)]
    reported_on: Name
    """The device to which the alarm belongs."""


class ConditionSettings(Settings):
    """Another rule on a device."""

    rule: Name
    device: Name


class CombinedRuleSettings(RuleBaseSettings):
    """A rule about other rules' conditions."""

    of: Annotated[tuple[ConditionSettings, ...], Field(min_length=2, strict=False)]
    reported_on: Name

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices it listens to."""
        return tuple(dict.fromkeys((self.reported_on, *(one.device for one in self.of))))


class AllOfRuleSettings(CombinedRuleSettings):
    """Active while every one of other rules is."""

    type: Literal["all_of"]


class AnyOfRuleSettings(CombinedRuleSettings):
    """Active while one of other rules is."""

    type: Literal["any_of"]


RuleSettings = Annotated[
    ThresholdRuleSettings
    | RateRuleSettings
    | StuckRuleSettings
    | NoDataRuleSettings
    | BitsRuleSettings
    | WindowRuleSettings
    | KOfNRuleSettings
    | AllOfRuleSettings
    | AnyOfRuleSettings,
    Field(discriminator="type"),
]


class RuleOrigin(Settings):
    """Where a rule of a site comes from: one that ships with the gateway."""

    use: str
    """Its name."""
    departs: tuple[str, ...] = ()
    """What the site says otherwise, by the names of the site file, in order."""
