"""Channels: one file each, one verb. A channel says whether it worked and whether to try again."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from server.notify.render import Rendered
from wire.vocabulary import AlarmClass, Kind, Mode


class Verdict(StrEnum):
    """What became of one attempt."""

    SENT = "sent"
    """The provider took it."""
    TEMPORARY = "temporary"
    """It did not work; it may later."""
    PERMANENT = "permanent"
    """It did not work and never will like this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer of a channel: the verdict and the reason in a few words."""

    verdict: Verdict
    reason: str = ""
    provider: str = ""
    """Who took it, where a channel has several."""
    receipt: str | None = None
    """The provider's id of the message, which its receipts quote."""
    update_code: str = ""
    """What rewrites the message later, where the provider can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a channel hands over."""

    id: str
    """The notice's id: the same on every attempt, so that a receiver drops repeats."""
    person: str
    address: str
    """Where the person is reached on this channel; a secret, never logged."""
    item: str
    rendered: Rendered
    kind: Kind
    class_: AlarmClass
    mode: Mode
    where: str
    link: str
    step: int
    sent_at: datetime
    items: int = 1
    """How many items it tells of; buttons act on one, so a message of several has none."""
    attempt: int = 1
    """Which attempt this is, from 1: another provider may be tried first."""


class Channel(Protocol):
    """One way to reach people."""

    async def send(self, message: Message) -> Outcome:
        """Hand a message over. Never raises for what the other side does."""
