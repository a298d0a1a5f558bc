"""What a gateway can be told to do. `docs/asyncapi.json` is generated from this file too.

Whoever issues an order, and why, stands in the `CommandMessage` around it.
"""

from typing import Annotated, Final

from msgspec import Meta

from wire.fields import Id, Instant, Message, Text, check_instant
from wire.vocabulary import Mode

MAX_RAW_TRAFFIC_S: Final = 3_600


class ResetOrder(Message, frozen=True, kw_only=True, tag="reset", tag_field="order"):
    """Reset the latch of an alarm; refused while its condition is not normal."""

    alarm: Id


class TestOrder(Message, frozen=True, kw_only=True, tag="test", tag_field="order"):
    """Raise and clear an alarm of one rule on one device that is marked and has no actions.

    `mode` is `test` (somebody tests the device) or `drill` (an announced exercise); `live` is refused.
    """

    device: Id
    rule: Id | None = None
    """Absent: the rule of the gravest class that watches the device; refused where none does."""
    mode: Mode = Mode.TEST


class ResyncOrder(Message, frozen=True, kw_only=True, tag="resync", tag_field="order"):
    """Send every open alarm again, then the list of them."""


class ShelveOrder(Message, frozen=True, kw_only=True, tag="shelve", tag_field="order"):
    """Keep an alarm, or a rule on a device, from people until a time. It goes on being judged.

    Named by `alarm`, or by `device` and `rule`. Refused without a reason, without an issuer, for longer
    than the gateway allows, and for life safety without a second person.
    """

    alarm: Id | None = None
    device: Id | None = None
    rule: Id | None = None
    until: Instant
    agreed_by: Text = ""
    """The second person, not the issuer; needed for life safety."""

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        check_instant(self.until)


class UnshelveOrder(Message, frozen=True, kw_only=True, tag="unshelve", tag_field="order"):
    """Show again what was shelved. Named as it was for shelving."""

    alarm: Id | None = None
    device: Id | None = None
    rule: Id | None = None


class OutOfServiceOrder(Message, frozen=True, kw_only=True, tag="out_of_service", tag_field="order"):
    """Take a device out of service until a time: it is read, and its alarms are marked and do nothing.

    Refused without a reason, for longer than the gateway allows, and without a second person where a
    life-safety rule watches the device.
    """

    device: Id
    until: Instant
    agreed_by: Text = ""

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        check_instant(self.until)


class BackInServiceOrder(Message, frozen=True, kw_only=True, tag="back_in_service", tag_field="order"):
    """Put a device back into service."""

    device: Id


class SilenceOrder(Message, frozen=True, kw_only=True, tag="silence", tag_field="order"):
    """Silence the local sirens; the next alarm that asks for one makes them sound again.

    Refused when none sounds, and without a reason.
    """

    alarm: Id | None = None
    """Only what sounds for this alarm; absent for all."""


class CloseValveOrder(Message, frozen=True, kw_only=True, tag="close_valve", tag_field="order"):
    """Close a valve, ahead of every poll; answered when it was read back. No order opens one."""

    device: Id


class ReEnrolOrder(Message, frozen=True, kw_only=True, tag="re_enrol", tag_field="order"):
    """Take a radio device's counter as it now is, after its battery was changed: by a person on site."""

    device: Id


class RawTrafficOrder(Message, frozen=True, kw_only=True, tag="raw_traffic", tag_field="order"):
    """Report what is on a bus, as bytes, for a while; 0 seconds end it."""

    bus: Id
    seconds: Annotated[int, Meta(ge=0, le=MAX_RAW_TRAFFIC_S)]


Order = (
    ResetOrder
    | TestOrder
    | ResyncOrder
    | ShelveOrder
    | UnshelveOrder
    | OutOfServiceOrder
    | BackInServiceOrder
    | SilenceOrder
    | CloseValveOrder
    | ReEnrolOrder
    | RawTrafficOrder
)
