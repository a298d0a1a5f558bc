"""What the phones received, kept in memory, and who wants to hear of the next one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class PhoneMode(StrEnum):
    """How a phone's provider behaves."""

    OK = "ok"
    FAIL = "fail"
    """Answers 503."""
    HANG = "hang"
    """Takes the connection and never answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message on one phone."""

    id: str
    person: str
    received_at: datetime
    payload: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return it as the JSON interface shows it."""
        return {
            "id": self.id,
            "person": self.person,
            "received_at": self.received_at.isoformat(),
            "payload": self.payload,
        }


@dataclass(slots=True)
class Inbox:
    """All phones."""

    messages: list[Received] = field(default_factory=list)
    modes: dict[str, PhoneMode] = field(default_factory=dict)
    _listeners: set[asyncio.Queue[Received]] = field(default_factory=set)

    def receive(self, person: str, message_id: str, payload: dict[str, Any]) -> Received:
        """Put a message on a phone and tell whoever watches."""
        message = Received(id=message_id, person=person, received_at=datetime.now(UTC), payload=payload)
        self.messages.append(message)
        for queue in self._listeners:
            queue.put_nowait(message)
        return message

    def of(self, person: str | None) -> list[Received]:
        """Return one person's messages, or everybody's, the oldest first."""
        return [m for m in self.messages if person is None or m.person == person]

    def people(self) -> list[str]:
        """Return who has a message, in order of the first."""
        return list(dict.fromkeys(message.person for message in self.messages))

    async def follow(self) -> AsyncIterator[Received]:
        """Yield messages as they come."""
        queue: asyncio.Queue[Received] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)
