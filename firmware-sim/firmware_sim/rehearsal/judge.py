"""Whether what must follow has followed: how each expectation is counted, and what is enough."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from firmware_sim.rehearsal.stage import RehearsalStage
from firmware_sim.steps import (
    ActionExpectation,
    AlarmExpectation,
    BaseExpectation,
    ItemExpectation,
    MessageExpectation,
    PointExpectation,
)


def is_enough(expectation: BaseExpectation, found: int) -> bool:
    """Tell whether so many are what is expected."""
    if expectation.exactly or expectation.times == 0:
        return found == expectation.times
    return found >= expectation.times


def waits(expectation: BaseExpectation) -> bool:
    """Tell whether it is worth waiting for: more may come, fewer cannot."""
    return not expectation.exactly and expectation.times > 0


async def count(stage: RehearsalStage, expectation: BaseExpectation) -> int:
    """Count what there is of something expected."""
    return await _COUNTERS[type(expectation)](stage, expectation)


def describe(expectation: BaseExpectation) -> str:
    """Return an expectation in a line."""
    told = expectation.model_dump(by_alias=True, mode="json", exclude={"by", "times", "exactly"})
    words = " ".join(f"{name}={value}" for name, value in told.items() if value not in (None, "", "alarm"))
    many = f" {'exactly ' if expectation.exactly else ''}×{expectation.times}"
    return f"{words}{many if expectation.times != 1 or expectation.exactly else ''}"


def _matches(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(value is None or found.get(name) == value for name, value in wanted.items())


async def _alarms(stage: RehearsalStage, wanted: AlarmExpectation) -> int:
    asked = {"rule": wanted.rule, "device": wanted.device, "change": wanted.change}
    return sum(
        line.get("event") == "alarm_journalled" and _matches(dict(line), asked)
        for line in stage.gateway_lines
    )


async def _actions(stage: RehearsalStage, wanted: ActionExpectation) -> int:
    asked = {"device": wanted.device, "state": wanted.state}
    return sum(
        line.get("event") == "action_settled" and _matches(dict(line), asked) for line in stage.gateway_lines
    )


async def _items(stage: RehearsalStage, wanted: ItemExpectation) -> int:
    asked = {"device": wanted.device, "kind": wanted.kind, "class": wanted.class_, "state": wanted.state}
    return sum(_matches(item, asked) for item in await stage.desk.items())


async def _messages(stage: RehearsalStage, wanted: MessageExpectation) -> int:
    found = await stage.phones.get("/api/messages", person=wanted.person)
    return sum(
        wanted.contains in f"{message['title']} {message['text']}"
        and (wanted.channel is None or message["channel"] == wanted.channel.value)
        for message in found
    )


async def _points(stage: RehearsalStage, wanted: PointExpectation) -> int:
    value = (await stage.world.get("/devices"))[wanted.device]["points"][wanted.point]
    above = wanted.above is None or value > wanted.above
    below = wanted.below is None or value < wanted.below
    return int(above and below)


_COUNTERS: Final[dict[type, Callable[[RehearsalStage, Any], Awaitable[int]]]] = {
    AlarmExpectation: _alarms,
    ActionExpectation: _actions,
    ItemExpectation: _items,
    MessageExpectation: _messages,
    PointExpectation: _points,
}
