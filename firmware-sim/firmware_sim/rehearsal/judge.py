"""Whether what must follow has followed: how each expectation is counted, and what is enough. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from firmware_sim.rehearsal.record import Part, Record, Row, at
from firmware_sim.steps import (
    ActionExpectation,
    AlarmExpectation,
    BaseExpectation,
    ItemExpectation,
    MessageExpectation,
    PointExpectation,
    ToldExpectation,
    WhichItem,
)

NEEDS: Final[Mapping[type[BaseExpectation], frozenset[Part]]] = {
    AlarmExpectation: frozenset(),
    ActionExpectation: frozenset(),
    ItemExpectation: frozenset({Part.ITEMS}),
    ToldExpectation: frozenset({Part.STORIES, Part.MESSAGES}),
    MessageExpectation: frozenset({Part.MESSAGES}),
    PointExpectation: frozenset({Part.DEVICES}),
}
"""What must be asked for to judge an expectation."""


def is_enough(expectation: BaseExpectation, found: int) -> bool:
    """Tell whether so many are what is expected."""
    if expectation.exactly or expectation.times == 0:
        return found == expectation.times
    return found >= expectation.times


def waits(expectation: BaseExpectation) -> bool:
    """Tell whether it is worth waiting for: more may come, fewer cannot."""
    return not expectation.exactly and expectation.times > 0


def count(record: Record, expectation: BaseExpectation) -> int:
    """Count what there is of something expected."""
    return _COUNTERS[type(expectation)](record, expectation)


def describe(expectation: BaseExpectation) -> str:
    """Return an expectation in a line."""
    told = expectation.model_dump(
        by_alias=True, mode="json", exclude={"by", "times", "exactly"}, exclude_defaults=True
    )
    told = {"expect": told.pop("expect"), **told}
    words = " ".join(f"{name}={_plain(value)}" for name, value in told.items())
    many = f" {'exactly ' if expectation.exactly else ''}×{expectation.times}"
    return f"{words}{many if expectation.times != 1 or expectation.exactly else ''}"


def is_meant(wanted: WhichItem, record: Record, item: Row) -> bool:
    """Tell whether an item is one that an expectation speaks of."""
    asked = {
        "device": wanted.device,
        "kind": wanted.kind,
        "class": wanted.class_,
        "grouping": wanted.grouping,
        "building": wanted.building,
    }
    return _matches(item, asked) and wanted.devices in (None, len(record.children_of(item)))


def _plain(value: Any) -> str:
    return ",".join(value) or "nobody" if isinstance(value, list) else str(value)


def _matches(found: Row, wanted: Row) -> bool:
    return all(value is None or found.get(name) == value for name, value in wanted.items())


def _alarms(record: Record, wanted: AlarmExpectation) -> int:
    asked = {"rule": wanted.rule, "device": wanted.device, "change": wanted.change}
    return sum(line.get("event") == "alarm_journalled" and _matches(line, asked) for line in record.gateway)


def _actions(record: Record, wanted: ActionExpectation) -> int:
    asked = {"device": wanted.device, "state": wanted.state}
    return sum(line.get("event") == "action_settled" and _matches(line, asked) for line in record.gateway)


def _items(record: Record, wanted: ItemExpectation) -> int:
    asked = {"state": wanted.state, "owner": wanted.owner, "outcome": wanted.outcome}
    return sum(is_meant(wanted, record, item) and _matches(item, asked) for item in record.items)


def _told(record: Record, wanted: ToldExpectation) -> int:
    """Count items of which exactly these people know in time; none where of one of them others do."""
    meant = [item for item in record.items if is_meant(wanted, record, item)]
    right = [item for item in meant if _is_told(record, item, wanted)]
    return len(right) if len(right) == len(meant) else 0


def _is_told(record: Record, item: Row, wanted: ToldExpectation) -> bool:
    told = record.told_of(item)
    waited = ((came - at(item["opened_at"])).total_seconds() for came in told.values())
    return set(told) == set(wanted.people) and all(s <= wanted.within_s for s in waited)


def _messages(record: Record, wanted: MessageExpectation) -> int:
    return sum(
        message["person"] == wanted.person
        and wanted.contains in f"{message['title']} {message['text']}"
        and (wanted.channel is None or message["channel"] == wanted.channel.value)
        for message in record.messages
    )


def _points(record: Record, wanted: PointExpectation) -> int:
    value = record.devices[wanted.device]["points"][wanted.point]
    above = wanted.above is None or value > wanted.above
    below = wanted.below is None or value < wanted.below
    return int(above and below)


_COUNTERS: Final[dict[type, Callable[[Record, Any], int]]] = {
    AlarmExpectation: _alarms,
    ActionExpectation: _actions,
    ItemExpectation: _items,
    ToldExpectation: _told,
    MessageExpectation: _messages,
    PointExpectation: _points,
}
