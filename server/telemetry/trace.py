"""Follows one alarm through the logs of gateways and server by its id, from the detector to the phone. Pure.

The lines may come from several files in any order: what ties them together is the alarm's id, the item
that the server gave it and the notices of that item.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

Line = Mapping[str, Any]

STEPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "alarm_journalled": "gateway: the alarm's state is on its disk",
        "alarm_sent": "gateway: handed to the broker",
        "server_silent": "gateway: no acknowledgement; it goes the second way",
        "second_way_failed": "gateway: a second way did not work",
        "second_way_ended": "gateway: the second way is over",
        "alarm_received": "server: taken up",
        "alarm_committed": "server: in the database, with its item",
        "item_routed": "server: whose it is",
        "item_moved": "server: the item moved",
        "nobody_reached": "server: a step reached nobody",
        "due_settled": "server: a step whose time had come",
        "notice_attempted": "server: a message was handed to its channel",
        "receipt": "server: what became of the message",
        "pressed_by_phone": "server: a button was pressed on a phone",
        "alarms_acknowledged": "gateway: the server holds the state",
    }
)
"""The stations of an alarm, each with its sentence; other lines that name it are shown without one."""
_FRAME: Final = frozenset({"timestamp", "level", "event"})


def read_lines(texts: Iterable[str]) -> Iterator[Line]:
    """Read log lines; what stands before the JSON (a container's name) and what is none is left out."""
    for text in texts:
        begin = text.find("{")
        if begin < 0:
            continue
        try:
            line = json.loads(text[begin:])
        except ValueError:
            continue
        if isinstance(line, dict) and "timestamp" in line and "event" in line:
            yield line


def follow(lines: Iterable[Line], alarm: str) -> list[Line]:
    """Return the lines of an alarm, its item and its messages, in order of time.

    Args:
        lines: of gateways and server, in any order.
        alarm: the alarm's id, as the gateway gave it.
    """
    known = list(lines)
    items = {line["item"] for line in known if _is_of(line, alarm) and line.get("item")}
    notices = {line["notice"] for line in known if line.get("item") in items and line.get("notice")}
    found = [
        line
        for line in known
        if _is_of(line, alarm)
        or (
            # What names another alarm of the same item is that one's.
            line.get("alarm") is None and (line.get("item") in items or line.get("notice") in notices)
        )
    ]
    return sorted(found, key=lambda line: str(line["timestamp"]))


def describe(line: Line, *, since: Line) -> str:
    """Return a line as a person reads it: when, how long after the first, the station, what it says."""
    passed_s = (_at(line) - _at(since)).total_seconds()
    event = str(line["event"])
    fields = ", ".join(f"{name}={_shown(value)}" for name, value in line.items() if name not in _FRAME)
    station = STEPS.get(event, line.get("level", ""))
    return f"{line['timestamp']}  {passed_s:+9.3f} s  {event:<20} {station} ({fields})"


def _is_of(line: Line, alarm: str) -> bool:
    return line.get("alarm") == alarm or alarm in _listed(line.get("alarms"))


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _at(line: Line) -> datetime:
    return datetime.fromisoformat(str(line["timestamp"]))


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
