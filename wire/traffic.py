"""Bytes on a bus, as a gateway reports them for a while after a `raw_traffic` order."""

from wire.fields import Count, Id, Instant, Message, Text, check_instant
from wire.vocabulary import FrameDirection


class RawFrame(Message, frozen=True, kw_only=True):
    """Bytes on a bus, as they were."""

    at: Instant
    direction: FrameDirection
    hex: Text
    """Two hexadecimal digits a byte."""
    text: Text = ""
    """What they mean, for people."""

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        check_instant(self.at)


class RawTrafficReport(Message, frozen=True, kw_only=True, tag="raw_traffic", tag_field="type"):
    """What was on a bus since the last such report, after a `raw_traffic` order."""

    bus: Id
    frames: tuple[RawFrame, ...] = ()
    dropped: Count = 0
    """Frames that were left out because there were too many."""
