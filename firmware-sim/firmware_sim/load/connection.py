"""One of the two connections of a played gateway: what it sends, and whether it stands."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from firmware_sim.load.lane import Outgoing, SendingLane
from firmware_sim.load.link import Link


@dataclass(slots=True, kw_only=True)
class Connection:
    """One connection.

    Attributes:
        name: for people.
        lane: what is sent over it.
        link, group: while it stands: the link, and who owns what is being sent.
        up: set while it stands.
        build: makes topic and bytes of a message.
    """

    name: str
    lane: SendingLane
    link: Link | None = None
    group: asyncio.TaskGroup | None = None
    up: asyncio.Event = field(default_factory=asyncio.Event)
    build: Callable[[Outgoing], tuple[str, bytes]] = field(repr=False)

    def stand(self, link: Link, group: asyncio.TaskGroup) -> None:
        """Note that it is open, and who owns what is sent over it."""
        self.link, self.group = link, group
        self.up.set()

    def fall(self) -> None:
        """Note that it is gone."""
        self.link = self.group = None
        self.up.clear()
        self.lane.lose_connection()

    def pump(self) -> None:
        """Send what is due, if it stands."""
        if self.link is None or self.group is None:
            return
        for message in self.lane.due(monotonic()):
            topic, payload = self.build(message)
            self.group.create_task(self.link.publish(topic, payload))
