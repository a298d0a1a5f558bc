"""What really happened in a rehearsal, as each part tells it by itself: what is judged. Pure once taken.

The gateway tells by its log, the server by its interface, the telephones by what lies on them. A message
counts where it lies on a telephone, not where the server says that it sent it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from firmware_sim.demo.children import Line
from firmware_sim.rehearsal.stage import RehearsalStage

Row = Mapping[str, Any]


class Part(StrEnum):
    """What can be asked for; the logs are always at hand."""

    ITEMS = "items"
    STORIES = "stories"
    """Of every item: its alarms, moves and notices."""
    MESSAGES = "messages"
    DEVICES = "devices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known at one moment.

    Attributes:
        gateway, server: what they logged, in all their lives.
        items: the server's, open and closed.
        stories: by item, as the server tells them.
        messages: what lies on the telephones, the oldest first.
        devices: by name, what is measured.
    """

    gateway: Sequence[Line] = ()
    server: Sequence[Line] = ()
    items: Sequence[Row] = ()
    stories: Mapping[str, Row] = field(default_factory=dict)
    messages: Sequence[Row] = ()
    devices: Mapping[str, Row] = field(default_factory=dict)

    def children_of(self, item: Row) -> list[Row]:
        """Return what an item speaks for."""
        return [one for one in self.items if one["parent"] == item["id"]]

    def told_of(self, item: Row) -> dict[str, datetime]:
        """Return who has a message about an item on the telephone, and since when."""
        arrived = {(one["id"], one["person"]): at(one["received_at"]) for one in reversed(self.messages)}
        told: dict[str, datetime] = {}
        for notice in self.stories[item["id"]]["notices"]:
            person = notice["person"]
            came = arrived.get((notice["bundle"] or notice["id"], person))
            if came is not None:
                told[person] = min(came, told.get(person, came))
        return told

    def raised(self) -> Iterator[Line]:
        """Yield every alarm that the gateway put on its disk in earnest."""
        for line in self.gateway:
            if line.get("event") == "alarm_journalled" and line["change"] == "raised":
                yield line


def at(text: str) -> datetime:
    """Read a time of the interface."""
    return datetime.fromisoformat(text)


async def take(stage: RehearsalStage, parts: Collection[Part]) -> Record:
    """Ask the parts what happened."""
    items: list[Row] = []
    stories: dict[str, Row] = {}
    if {Part.ITEMS, Part.STORIES} & set(parts):
        items += await stage.desk.items()
    for item in items:
        # The list leaves out what another item speaks for; that one's story has it, and is read on here.
        if Part.STORIES in parts or item["grouping"] is not None:
            stories[item["id"]] = story = await stage.desk.story(item["id"])
            items += story["children"]
    return Record(
        gateway=stage.gateway_lines,
        server=stage.server_lines,
        items=items,
        stories=stories,
        messages=await stage.phones.get("/api/messages") if Part.MESSAGES in parts else (),
        devices=await stage.world.get("/devices") if Part.DEVICES in parts else {},
    )
