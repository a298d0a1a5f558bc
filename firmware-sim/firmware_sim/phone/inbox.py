"""What the phones received, kept in memory, and who wants to hear of the next one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from firmware_sim.phone.behaviour import Provider


class MessageState(StrEnum):
    """What became of a message on its phone."""

    ARRIVED = "arrived"
    RINGING = "ringing"
    """A call that nobody answered yet."""
    PRESSED = "pressed"
    ENDED = "ended"
    """A call that is over, or a card whose buttons were taken away."""
    RECALLED = "recalled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """Something to press: a card's button, a key of the telephone."""

    key: str
    text: str


@dataclass(slots=True, kw_only=True)
class Received:
    """One message on one phone."""

    id: str
    person: str
    channel: Provider
    address: str
    received_at: datetime
    title: str
    text: str
    where: str = ""
    link: str = ""
    class_: str = ""
    buttons: tuple[Button, ...] = ()
    state: MessageState = MessageState.ARRIVED
    pressed: list[str] = field(default_factory=list)
    note: str = ""
    """What the card says instead of its buttons, or how a call ended."""
    payload: dict[str, Any] = field(default_factory=dict)
    """What the sender sent, for whoever wants to look closer."""

    def as_json(self) -> dict[str, Any]:
        """Return it as the JSON interface shows it."""
        return {
            "id": self.id,
            "person": self.person,
            "channel": self.channel.value,
            "address": self.address,
            "received_at": self.received_at.isoformat(),
            "title": self.title,
            "text": self.text,
            "where": self.where,
            "link": self.link,
            "class": self.class_,
            "buttons": [{"key": button.key, "text": button.text} for button in self.buttons],
            "state": self.state.value,
            "pressed": list(self.pressed),
            "note": self.note,
            "payload": self.payload,
        }


@dataclass(slots=True)
class Inbox:
    """All phones."""

    messages: list[Received] = field(default_factory=list)
    _listeners: set["asyncio.Queue[Received]"] = field(default_factory=set)

    def receive(self, message: Received) -> None:
        """Put a message on a phone and tell whoever watches."""
        self.messages.append(message)
        self.tell(message)

    def tell(self, message: Received) -> None:
        """Tell whoever watches that a message is new or changed."""
        for queue in self._listeners:
            queue.put_nowait(message)

    def find(self, message_id: str, person: str | None = None) -> Received | None:
        """Return the newest message of that id."""
        return next(
            (m for m in reversed(self.messages) if m.id == message_id and person in (None, m.person)), None
        )

    def of(self, person: str | None) -> list[Received]:
        """Return one person's messages, or everybody's, the oldest first."""
        return [m for m in self.messages if person is None or m.person == person]

    def people(self) -> list[str]:
        """Return who has a message, in order of the first."""
        return list(dict.fromkeys(message.person for message in self.messages))

    async def follow(self) -> AsyncIterator[Received]:
        """Yield messages as they come and change."""
        queue: asyncio.Queue[Received] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)
