"""How each transition of the server comes about: what came before it, and what carries it out.

Both are functions of a world, so that a process of its own can carry one out and be killed in the middle.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from server.alarms.machine import Change
from server.devices.tables import Device
from server.escalation.tables import DueKind
from server.items.machine import RULES
from server.items.model import ActorKind, Move
from server.items.service import Actor
from server.items.tables import Item
from server.items.widening import widen
from server.notify.channels import Outcome, Verdict
from server.notify.receipts import Receipt, apply_receipt
from server.notify.tables import Notice
from server.people.tables import Duty, DutyTime, Person, Role, Scope
from server.places.tables import Building, PlacesVersion
from tests.server.world import GATEWAY, World
from wire.vocabulary import AlarmClass, Condition, Kind, Suppression

Play = Callable[[World], Awaitable[Any]]

SILENT: Final = {"kind": Kind.CONTACT, "class_": AlarmClass.FAULT, "rule": "lost"}
FAULT: Final = {"class_": AlarmClass.FAULT, "rule": "worn-out"}
HAZARD: Final = {"class_": AlarmClass.HAZARD}
AGAIN_S: Final = 20
"""After so long whatever was claimed by a process that died is free again."""


@dataclass(frozen=True)
class Scenario:
    """One transition: what leads to it (done once), and what carries it out (killed, then done again).

    Attributes:
        before: leads to it.
        act: carries it out; done again by whoever comes after the killed process.
        answers: what the provider says to whom, where it is not "sent".
    """

    before: Play
    act: Play
    answers: Mapping[str, Verdict] = field(default_factory=dict)


def transitions() -> set[str]:
    """Every transition that there is, from the vocabularies themselves."""
    by_people = {move for move, by in RULES if by in {ActorKind.PERSON, ActorKind.OPERATOR}}
    without_effect = {Change.REPEATED, Change.OLDER}
    return {
        *(f"due/{kind.value}" for kind in DueKind),
        *(f"press/{move.value}" for move in by_people),
        *(f"receipt/{receipt.value}" for receipt in Receipt),
        *(f"alarm/{change.value}" for change in Change if change not in without_effect),
        "notice/claimed",
        "notice/recorded",
        "notice/doubted",
        "item/widened",
        "clock/set_back",
    }


# --- what leads to them -------------------------------------------------------------------------


def after(*parts: Play | float) -> Play:
    """One thing after another; numbers are seconds that pass, with the loops doing what is due."""

    async def play(world: World) -> None:
        for part in parts:
            if isinstance(part, int | float):
                await world.pass_time(part)
            else:
                await part(world)

    return play


def raised(alarm: str = "a1", device: str = "gas-1", **changes: Any) -> Play:
    async def play(world: World) -> None:
        await world.take(world.alarm_message(world.state(alarm, device, **changes), seq=_seq_of(world)))

    return play


def _seq_of(world: World) -> int:
    """A number of its own for each second: the same message when it is sent again."""
    return int(world.clock.boot * 10)


def cleared(alarm: str = "a1", device: str = "gas-1", **changes: Any) -> Play:
    return raised(alarm, device, **{"condition": Condition.NORMAL, "latched": False, **changes})


def pressed(who: str, move: Move, *, device: str = "gas-1", to_device: str = "", **options: Any) -> Play:
    """A press with a number of its own, on the newest item of a device."""

    async def play(world: World) -> None:
        more = dict(options)
        if to_device:
            more["to"] = await item_of(world, to_device)
        if "for_s" in more:
            more["until"] = world.clock.now() + timedelta(seconds=more.pop("for_s"))
        press_id = f"{who}-{move.value}-{device}"
        item = await item_of(world, device)
        outcome = await world.press(who, move, item=item, press_id=press_id, reason="因为", **more)
        assert outcome.refusal is None, (who, move, outcome.refusal)

    return play


async def item_of(world: World, device: str) -> str:
    return [item.id for item in await world.items() if item.device == device and not item.grouping][-1]


def passes(seconds: float) -> Play:
    """Time passes, and nothing is done yet of what becomes due."""

    async def play(world: World) -> None:
        world.clock.advance(seconds=seconds)

    return play


async def settle(world: World) -> None:
    await world.settle()


async def time_acts(world: World) -> None:
    await world.loop.turn()


async def notices_leave(world: World) -> None:
    await world.worker.send_due()


async def more_buildings(world: World) -> None:
    async with world.database.write() as session:
        for number in range(4):
            session.add(Building(code=f"x{number}", estate="e1", name=f"{number}栋", grid="g1"))
            await session.flush()
            session.add(Device(gateway=GATEWAY, device=f"v{number}", building=f"x{number}"))
        session.add(PlacesVersion(at=world.clock.now()))


async def take_turns(world: World, *, until: str = "08:00") -> None:
    """The leader has the day, somebody else the night from nine until an hour, in the street's time."""
    async with world.database.write() as session:
        session.add(Person(code="night", name="night某", webhook_url="https://phone.example/night"))
        await session.flush()
        session.add(Duty(person="night", role=Role.LEADER, scope=Scope.GRID, code="g1"))
        await session.flush()
        for person, begins, ends in (("leader", until, "21:00"), ("night", "21:00", until)):
            session.add(
                DutyTime(
                    person=person, role=Role.LEADER, scope=Scope.GRID, code="g1", days="1234567",
                    from_time=begins, until_time=ends,
                )
            )  # fmt: skip
        session.add(PlacesVersion(at=world.clock.now()))


async def a_duty_ends_in_the_night(world: World) -> None:
    await take_turns(world, until="06:00")


async def receipts_are_awaited(world: World) -> None:
    async with world.database.write() as session:
        for notice in await world.notices():
            held = await session.get_one(Notice, notice.id)
            held.receipt_due_at = world.clock.now() + timedelta(seconds=30)


def receipt(what: Receipt) -> Play:
    async def play(world: World) -> None:
        async with world.database.write() as session:
            for notice in sorted(await world.notices(), key=lambda one: one.person)[:1]:
                held = await session.get_one(Notice, notice.id)
                await apply_receipt(session, held, what, now=world.clock.now(), detail="busy")

    return play


async def widened(world: World) -> None:
    """As the desk's page does; a page that was shown again asks whether it happened already."""
    async with world.database.write() as session:
        item = await session.get_one(Item, await item_of(world, "gas-1"))
        if item.step == 0:
            by = Actor(kind=ActorKind.OPERATOR, id="op-li")
            await widen(session, item, by, "因为", now=world.clock.now(), policies=world.policies)


async def clock_is_set_back(world: World) -> None:
    world.clock.set_wall(seconds=-3600)


async def list_is_empty(world: World) -> None:
    await world.take(world.open_alarms())


_GAS = after(raised(), settle)
_HAZARD = after(raised(**HAZARD), settle)
_TWO = after(raised(), 1, raised("a2", "gas-2"), settle)
_ACCEPTED = after(_GAS, 5, pressed("leader", Move.ACCEPT))
_CLAIMED = after(_GAS, 5, pressed("leader", Move.FALSE_ALARM))
_DARK = tuple(raised(f"c{n}", device, **SILENT) for n, device in enumerate(("gas-1", "gas-2", "meter-1")))
_BACK = tuple(cleared(f"c{n}", device, **SILENT) for n, device in enumerate(("gas-1", "gas-2")))
_MERGE = pressed("op-li", Move.MERGE, device="gas-2", to_device="gas-1")
_SHELVE = pressed("op-li", Move.SHELVE, for_s=1800)
_FAILING = dict.fromkeys(("leader", "officer", "room"), Verdict.TEMPORARY)


def _spread(*parts: Play) -> tuple[Play | float, ...]:
    """Things a second apart, so that each message has a number of its own."""
    return tuple(one for part in parts for one in (part, 1))


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "due/step": Scenario(after(_GAS, 50, passes(11)), time_acts),
    "due/repeat": Scenario(after(_GAS, 61, 121, passes(181)), time_acts),
    "due/reach": Scenario(after(_GAS, passes(46)), time_acts, _FAILING),
    "due/acceptance": Scenario(after(_ACCEPTED, passes(301)), time_acts),
    "due/recheck": Scenario(after(_GAS, 5, pressed("leader", Move.FINISH), passes(301)), time_acts),
    "due/hold": Scenario(after(*_spread(*_DARK), passes(44)), time_acts),
    "due/split": Scenario(after(*_spread(*_DARK), 46, *_spread(*_BACK), passes(121)), time_acts),
    "due/unshelve": Scenario(after(_HAZARD, 5, _SHELVE, passes(1801)), time_acts),
    "due/digest": Scenario(
        after(more_buildings, *_spread(*(raised(f"v{n}", f"v{n}", **FAULT) for n in range(4))), passes(3700)),
        time_acts,
    ),
    "due/morning": Scenario(
        after(a_duty_ends_in_the_night, 7200, raised(**FAULT), 60, passes(34_200)), time_acts
    ),
    "due/attend": Scenario(after(_GAS, 5, pressed("leader", Move.ARRIVE), passes(901)), time_acts),
    "press/accept": Scenario(_GAS, pressed("leader", Move.ACCEPT)),
    "press/arrive": Scenario(_GAS, pressed("leader", Move.ARRIVE)),
    "press/finish": Scenario(_GAS, pressed("leader", Move.FINISH)),
    "press/need_help": Scenario(_GAS, pressed("leader", Move.NEED_HELP)),
    "press/not_mine": Scenario(_GAS, pressed("leader", Move.NOT_MINE)),
    "press/false_alarm": Scenario(_GAS, pressed("leader", Move.FALSE_ALARM)),
    "press/undo": Scenario(_ACCEPTED, pressed("leader", Move.UNDO)),
    "press/reassign": Scenario(_ACCEPTED, pressed("op-li", Move.REASSIGN, to="deputy")),
    "press/confirm_false_alarm": Scenario(_CLAIMED, pressed("op-li", Move.CONFIRM_FALSE_ALARM)),
    "press/reject_false_alarm": Scenario(_CLAIMED, pressed("op-li", Move.REJECT_FALSE_ALARM)),
    "press/close_exception": Scenario(_GAS, pressed("op-li", Move.CLOSE_EXCEPTION)),
    "press/note": Scenario(_GAS, pressed("op-li", Move.NOTE)),
    "press/merge": Scenario(_TWO, _MERGE),
    "press/unmerge": Scenario(after(_TWO, _MERGE, 1), pressed("op-li", Move.UNMERGE, device="gas-2")),
    "press/shelve": Scenario(_HAZARD, _SHELVE),
    "press/confirm_shelf": Scenario(after(_GAS, 1, _SHELVE), pressed("op-wang", Move.CONFIRM_SHELF)),
    "press/unshelve": Scenario(after(_HAZARD, 1, _SHELVE), pressed("op-li", Move.UNSHELVE)),
    "notice/claimed": Scenario(raised(), notices_leave),
    "notice/recorded": Scenario(raised(), notices_leave, {"leader": Verdict.PERMANENT}),
    "notice/doubted": Scenario(after(_GAS, receipts_are_awaited, passes(31)), notices_leave),
    "receipt/delivered": Scenario(_GAS, receipt(Receipt.DELIVERED)),
    "receipt/read": Scenario(_GAS, receipt(Receipt.READ)),
    "receipt/failed": Scenario(_GAS, receipt(Receipt.FAILED)),
    "alarm/raised": Scenario(after(), raised()),
    "alarm/reraised": Scenario(after(_GAS, 1, cleared(), 1), raised(count=2)),
    "alarm/changed": Scenario(after(_HAZARD, 1), raised()),
    "alarm/cleared": Scenario(after(_GAS, 1, pressed("leader", Move.FINISH)), cleared()),
    "alarm/withheld": Scenario(after(_GAS, 1), raised(suppression=Suppression.BY_DESIGN)),
    "alarm/superseded": Scenario(after(_GAS, 1), list_is_empty),
    "item/widened": Scenario(_GAS, widened),
    "clock/set_back": Scenario(after(_GAS, time_acts, 5, clock_is_set_back), time_acts),
}


def answers_of(scenario: Scenario) -> dict[str, Outcome]:
    return {person: Outcome(verdict=verdict, reason="test") for person, verdict in scenario.answers.items()}
