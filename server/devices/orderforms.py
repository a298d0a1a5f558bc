"""The orders that a program of the desk can give to a gateway, as they come over the interface."""

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from wire.orders import (
    MAX_RAW_TRAFFIC_S,
    BackInServiceOrder,
    CloseValveOrder,
    Order,
    OutOfServiceOrder,
    RawTrafficOrder,
    ReEnrolOrder,
    ResetOrder,
    ResyncOrder,
    ShelveOrder,
    SilenceOrder,
    TestOrder,
    UnshelveOrder,
)
from wire.vocabulary import Mode

_Name = Annotated[str, Field(min_length=1, max_length=128)]
_Reason = Annotated[str, Field(min_length=1, max_length=500)]
_ONE_OF_BOTH: Final = "name an alarm, or a device and a rule"


class _OrderIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: _Reason
    """Why, for the audit."""
    item: _Name | None = None
    """The item for which it is given, one of this gateway's: it is shown there."""


class ResetIn(_OrderIn):
    """Reset the latch of an alarm; the gateway refuses while its condition is not normal."""

    order: Literal["reset"]
    alarm: _Name

    def as_order(self) -> Order:
        """Return it as the gateway reads it."""
        return ResetOrder(alarm=self.alarm)


class TestIn(_OrderIn):
    """Raise and clear a test alarm, marked as one, without actions on the spot."""

    order: Literal["test"]
    device: _Name
    rule: _Name
    mode: Literal["test", "drill"] = "test"
    """`drill`: an announced exercise, marked as one on every page, in every notice and figure."""

    def as_order(self) -> Order:
        """Return it as the gateway reads it."""
        return TestOrder(device=self.device, rule=self.rule, mode=Mode(self.mode))


class ResyncIn(_OrderIn):
    """Send every open alarm again, then the list of them."""

    order: Literal["resync"]

    def as_order(self) -> Order:
        """Return it as the gateway reads it."""
        return ResyncOrder()


class _NamedIn(_OrderIn):
    """Names an open alarm, or a rule on a device."""

    alarm: _Name | None = None
    device: _Name | None = None
    rule: _Name | None = None

    @model_validator(mode="after")
    def _check(self) -> "_NamedIn":
        both = self.device is not None and self.rule is not None
        neither = self.device is None and self.rule is None
        if (self.alarm is None) is neither or not (both or neither):
            raise ValueError(_ONE_OF_BOTH)
        return self


class ShelveIn(_NamedIn):
    """Keep an alarm, or a rule on a device, from people until a time. It goes on being judged."""

    order: Literal["shelve"]
    until: AwareDatetime
    ask_second: bool = False
    """Wait for a second account's agreement even where the server sees no need: the gateway knows its
    rules better, and refuses what one person alone may not hide."""

    def as_order(self) -> Order:
        """Return it as the gateway reads it; who agrees is written into it when they do."""
        return ShelveOrder(alarm=self.alarm, device=self.device, rule=self.rule, until=self.until)


class UnshelveIn(_NamedIn):
    """Show again what was shelved, named as it was for shelving."""

    order: Literal["unshelve"]

    def as_order(self) -> Order:
        """Return it as the gateway reads it."""
        return UnshelveOrder(alarm=self.alarm, device=self.device, rule=self.rule)


class OutOfServiceIn(_OrderIn):
    """Take a device out of service until a time: its alarms are marked and do nothing."""

    order: Literal["out_of_service"]
    device: _Name
    until: AwareDatetime
    ask_second: bool = False
    """As for shelving."""

    def as_order(self) -> Order:
        """Return it as the gateway reads it; who agrees is written into it when they do."""
        return OutOfServiceOrder(device=self.device, until=self.until)


class BackInServiceIn(_OrderIn):
    """Put a device back into service: what is still active acts now."""

    order: Literal["back_in_service"]
    device: _Name

    def as_order(self) -> Order:
        """Return it as the gateway reads it."""
        return BackInServiceOrder(device=self.device)


class SilenceIn(_OrderIn):
    """Silence the sirens on the spot; the next alarm that asks for one sounds them again."""

    order: Literal["silence"]
    alarm: _Name | None = None
    """Only what sounds for this alarm; absent for all."""

    def as_order(self) -> Order:
        """Return it as the gateway reads it."""
        return SilenceOrder(alarm=self.alarm)


class CloseValveIn(_OrderIn):
    """Close a gas valve; answered when it was read back. It is opened by hand, at the valve."""

    order: Literal["close_valve"]
    device: _Name

    def as_order(self) -> Order:
        """Return it as the gateway reads it."""
        return CloseValveOrder(device=self.device)


class ReEnrolIn(_OrderIn):
    """Believe a radio device's counter anew, after its battery was changed by a person on site."""

    order: Literal["re_enrol"]
    device: _Name

    def as_order(self) -> Order:
        """Return it as the gateway reads it."""
        return ReEnrolOrder(device=self.device)


class RawTrafficIn(_OrderIn):
    """Report what is on a bus, as bytes, for so many seconds; 0 ends it."""

    order: Literal["raw_traffic"]
    bus: _Name
    seconds: Annotated[int, Field(ge=0, le=MAX_RAW_TRAFFIC_S)]

    def as_order(self) -> Order:
        """Return it as the gateway reads it."""
        return RawTrafficOrder(bus=self.bus, seconds=self.seconds)


OrderIn = Annotated[
    ResetIn
    | TestIn
    | ResyncIn
    | ShelveIn
    | UnshelveIn
    | OutOfServiceIn
    | BackInServiceIn
    | SilenceIn
    | CloseValveIn
    | ReEnrolIn
    | RawTrafficIn,
    Field(discriminator="order"),
]


def asks_second(wanted: OrderIn) -> bool:
    """Tell whether whoever orders wants a second person's agreement of their own accord."""
    return getattr(wanted, "ask_second", False)
