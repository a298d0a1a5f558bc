"""What must hold at the end of every rehearsal, whatever its scenario expects. Pure.

A scenario says what it shows; these say what no scenario may show. Each takes what really happened and
yields a sentence for every place where it does not hold.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from firmware_sim.rehearsal.judge import is_meant
from firmware_sim.rehearsal.record import Record, Row, at
from firmware_sim.scenario import Scenario
from firmware_sim.steps import ItemExpectation, ToldExpectation

GRAVE: Final = frozenset({"life_safety", "hazard"})
DESK: Final = "desk"
"""Whose is what has no other owner; the code of its duty person in a rehearsal's street."""
HANDED_OVER_S: Final = 15.0
"""From an item's opening to the first telephone, at most (GB/T 45839-2025)."""
_GATEWAY_ITSELF: Final = "gateway"
_CRASHED: Final = frozenset({"error", "critical"})


@dataclass(frozen=True, slots=True)
class Judged:
    """What happened, and the scenario that was played."""

    record: Record
    scenario: Scenario

    def standing(self) -> Iterator[Row]:
        """Yield items that speak for themselves, and are not held back for a moment to be gathered."""
        for item in self.record.items:
            if item["parent"] is None and item["held_until"] is None:
                yield item


def nothing_is_lost(judged: Judged) -> Iterator[str]:
    """Every alarm on the gateway's disk belongs to one item, and to one only."""
    record = judged.record
    held = Counter(
        alarm["alarm"]
        for item in record.items
        if item["grouping"] is None
        for alarm in record.stories[item["id"]]["alarms"]
    )
    for line in record.raised():
        if held[line["alarm"]] != 1:
            yield f"{line['rule']} of {line['device']} is in {held[line['alarm']]} items"


def server_knows_how_it_stands(judged: Judged) -> Iterator[str]:
    """Of every alarm the server holds what the gateway last put on its disk."""
    record = judged.record
    last = {line["alarm"]: line for line in record.gateway if line.get("event") == "alarm_journalled"}
    for item in record.items:
        for alarm in record.stories[item["id"]]["alarms"] if item["grouping"] is None else ():
            line = last.get(alarm["alarm"])
            if line is not None and _standing_of(line) != _standing_of(alarm):
                yield (
                    f"{line['rule']} of {line['device']} is {_standing_of(line)} on the gateway "
                    f"and {_standing_of(alarm)} on the server"
                )


def nothing_is_doubled(judged: Judged) -> Iterator[str]:
    """No two items are open for one device and kind."""
    single = (one for one in judged.record.items if one["grouping"] is None and one["closed_at"] is None)
    for (device, kind), many in Counter((one["device"], one["kind"]) for one in single).items():
        if many > 1:
            yield f"{many} open items for {device} and {kind}"


def grave_stands_alone(judged: Judged) -> Iterator[str]:
    """Danger to life is in no visit and no storm, and is not held back."""
    groups = {item["id"] for item in judged.record.items if item["grouping"] is not None}
    for item in judged.record.items:
        if item["class"] == "life_safety" and (item["held_until"] or item["parent"] in groups):
            yield f"{_name(item)} is hidden in something else"


def grave_is_told_in_time(judged: Judged) -> Iterator[str]:
    """Of whatever may hurt somebody a telephone knows within 15 s, and its owner does."""
    for item in judged.standing():
        if item["class"] not in GRAVE or item["outcome"] == "lapsed":
            continue
        told = judged.record.told_of(item)
        if not told:
            yield f"{_name(item)} was told to nobody"
            continue
        waited_s = (min(told.values()) - at(item["opened_at"])).total_seconds()
        if waited_s > HANDED_OVER_S:
            yield f"{_name(item)} was told after {waited_s:.1f} s"
        if (item["owner"] or DESK) not in told:
            yield f"{_name(item)} belongs to {item['owner'] or DESK}, who does not know"


def grave_is_ended_by_somebody(judged: Judged) -> Iterator[str]:
    """Danger to life ends by a person's hand, and not before the sensor agrees or the desk signs."""
    for item in judged.record.items:
        if item["class"] != "life_safety" or item["closed_at"] is None:
            continue
        moves = judged.record.stories[item["id"]]["moves"]
        if not any(m["actor_kind"] in {"person", "operator"} for m in moves):
            yield f"{_name(item)} ended without anybody"
        if item["outcome"] == "handled" and not item["alarm_over"]:
            yield f"{_name(item)} ended while the alarm stands"


def messages_are_about_something(judged: Judged) -> Iterator[str]:
    """No telephone has a message that no item sent to that person."""
    record = judged.record
    sent = {(n["id"], n["person"]) for story in record.stories.values() for n in story["notices"]}
    for message in record.messages:
        if (message["id"], message["person"]) not in sent:
            yield f"{message['person']} has a message that nothing sent: {message['title']}"


def everything_was_expected(judged: Judged) -> Iterator[str]:
    """The scenario names every item, and of the grave ones who must know.

    What a gateway says of itself (memory, disk, clock, silence) follows this machine rather than the story.
    """
    for item in judged.standing():
        if item["device"] == _GATEWAY_ITSELF and item["class"] not in GRAVE:
            continue
        named = ToldExpectation if item["class"] in GRAVE else ItemExpectation | ToldExpectation
        if not any(
            isinstance(one, named) and one.times > 0 and is_meant(one, judged.record, item)
            for one in judged.scenario.expect
        ):
            yield f"{_name(item)} is not expected by any {'`told`' if item['class'] in GRAVE else 'line'}"


def nothing_crashed(judged: Judged) -> Iterator[str]:
    """Gateway and server logged no error."""
    for part, lines in (("gateway", judged.record.gateway), ("server", judged.record.server)):
        for line in lines:
            if line.get("level") in _CRASHED:
                told = {name: text for name, text in line.items() if name not in {"level", "timestamp"}}
                yield f"the {part} logged {told}"


PROMISES: Final[Mapping[str, Callable[[Judged], Iterator[str]]]] = MappingProxyType(
    {
        promise.__name__: promise
        for promise in (
            nothing_is_lost,
            server_knows_how_it_stands,
            nothing_is_doubled,
            grave_stands_alone,
            grave_is_told_in_time,
            grave_is_ended_by_somebody,
            messages_are_about_something,
            everything_was_expected,
            nothing_crashed,
        )
    }
)
NOT_LOOKED_AT: Final = (
    "what a page shows and how it looks",
    "cards, short messages and calls: the people of a rehearsal are told by webhook alone",
    "when a visit is told: faults keep quiet hours by this machine's time of day",
    "readings on their way to history, and what is kept of them",
    "the audit and its seal; canaries, which are switched off because the clock jumps",
    "how fast things are: only that whatever may hurt somebody is told within 15 s",
)
"""What a rehearsal says nothing about."""


def broken(record: Record, scenario: Scenario) -> list[str]:
    """Return every promise that does not hold, with where."""
    judged = Judged(record, scenario)
    return [f"{name}: {text}" for name, promise in PROMISES.items() for text in promise(judged)]


def _name(item: Row) -> str:
    return f"{item['grouping'] or item['device']} ({item['kind']}, {item['class']})"


def _standing_of(alarm: Row) -> str:
    return f"{alarm['condition']} ×{alarm['count']}"
