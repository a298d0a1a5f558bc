"""What providers allow, counted by us: some drop what exceeds it without a word. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from server.people.model import ChannelKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """At most so many messages to one address in any span of this length."""

    most: int
    span: timedelta
    most_not_urgent: int | None = None
    """For what is not life safety, so that the rest is left for gas and fire; null: the same."""


_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(hours=24)

QUOTAS: Final[Mapping[str, tuple[Window, ...]]] = MappingProxyType(
    {
        # developer.work.weixin.qq.com 90236: what exceeds it is dropped and answered with 0.
        ChannelKind.WECOM: (
            Window(most=30, span=_MINUTE, most_not_urgent=20),
            Window(most=1_000, span=_HOUR, most_not_urgent=900),
        ),
        # help.aliyun.com 2881383: for each template and number.
        ChannelKind.SMS: (Window(most=50, span=_DAY, most_not_urgent=35),),
        # help.aliyun.com 149826: for each called number, failed calls included.
        ChannelKind.VOICE: (
            Window(most=1, span=_MINUTE),
            Window(most=5, span=_HOUR, most_not_urgent=2),
            Window(most=20, span=_DAY, most_not_urgent=8),
        ),
        # developer.work.weixin.qq.com 91770 and DingTalk's robots: 20; DingTalk then blocks for ten minutes.
        ChannelKind.ROBOT: (Window(most=20, span=_MINUTE, most_not_urgent=15),),
    }
)


def longest_span(channel: str) -> timedelta | None:
    """Return how far back uses of a channel still count; nothing where nothing is counted."""
    return max((window.span for window in QUOTAS.get(channel, ())), default=None)


def free_at(channel: str, used: Sequence[datetime], now: datetime, *, urgent: bool) -> datetime | None:
    """Return when one more message to an address is allowed; nothing means now.

    Args:
        channel: a `ChannelKind`.
        used: when messages were sent to that address.
        now: the server's time.
        urgent: whether it is about life safety.
    """
    latest: datetime | None = None
    for window in QUOTAS.get(channel, ()):
        most = window.most if urgent or window.most_not_urgent is None else window.most_not_urgent
        inside = sorted(at for at in used if now - window.span < at <= now)
        if len(inside) >= most:
            free = inside[-most] + window.span
            latest = free if latest is None else max(latest, free)
    return latest
