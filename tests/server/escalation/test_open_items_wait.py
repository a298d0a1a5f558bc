"""Whatever people press in whatever order, an item that is open waits for something: a row says when it will be
looked at again. Nothing is left to anybody's memory, of whichever class, alone or on a visit list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from server.items.model import ActorKind, ItemState, Move
from server.items.queries import open_moves
from server.items.tables import Item
from tests.server.world import PEOPLE, World
from wire.vocabulary import AlarmClass, Kind

_TURNS = 30
_DAY_S = 24 * 3600
_PAUSES_S = (1, 15, 45, 60, 200, 700, 2_000)
_PAUSES_OF_VISITS_S = (60, 400, _DAY_S, 3 * _DAY_S, 7 * _DAY_S)
_URGENT = (AlarmClass.LIFE_SAFETY, AlarmClass.HAZARD)
_VISITS = (AlarmClass.FAULT, AlarmClass.ADVICE)
_DESK = ("op-li", "op-wang")


async def press_something(world: World, chance: Random, item: Item) -> str:
    """Somebody presses one of the buttons that their page shows."""
    who = chance.choice((*PEOPLE, *_DESK))
    kind = ActorKind.OPERATOR if who in _DESK else ActorKind.PERSON
    async with world.database.read() as session:
        shown = await open_moves(session, item, kind, who, now=world.clock.now())
    moves = [move for move, refusal in shown.items() if refusal is None and move is not Move.CLOSE_EXCEPTION]
    if not moves:
        return f"{who} may do nothing"
    move = chance.choice(moves)
    more: dict[str, Any] = {}
    if move is Move.REASSIGN:
        more["to"] = chance.choice(sorted(PEOPLE))
    if move is Move.SHELVE:
        more["until"] = world.clock.now() + timedelta(minutes=30)
    outcome = await world.press(who, move, item=item.id, reason="因为", **more)
    return f"{who} {move.value} {more}: {outcome.verdict.value}"


@dataclass
class Chances:
    """What may happen in a story, by its seed."""

    chance: Random
    classes: Sequence[AlarmClass]
    pauses_s: Sequence[float]
    devices: Sequence[str] = ("gas-1",)
    kind: Kind = Kind.GAS

    async def happens(self, world: World) -> str:
        chance = self.chance
        items = [item for item in await world.items() if item.closed_at is None]
        match chance.choices(("press", "time", "clear", "raise"), weights=(12, 5, 1, 2))[0]:
            case "press" if items:
                return await press_something(world, chance, chance.choice(items))
            case "time":
                pause_s = chance.choice(self.pauses_s)
                await world.pass_time(pause_s)
                return f"{pause_s} s pass"
            case "clear":
                device = chance.choice(self.devices)
                await world.clear_alarm(f"a-{device}", device, kind=self.kind, class_=self.classes[0])
                return f"{device} is quiet"
        return await self.raised(world)

    async def raised(self, world: World) -> str:
        device, class_ = self.chance.choice(self.devices), self.chance.choice(self.classes)
        await world.raise_alarm(f"a-{device}", device, kind=self.kind, class_=class_)
        return f"{device} sounds: {class_.value}"


async def every_open_item_waits(world: World, chances: Chances) -> None:
    story = [await chances.raised(world)]
    for _ in range(_TURNS):
        story.append(await chances.happens(world))
        waiting = {due.item for due in await world.waiting()}
        for item in await world.items():
            ended = item.closed_at is not None or item.parent is not None
            assert ended or item.id in waiting, (item.state, item.accepted, item.owner, story)
    assert ItemState.NEW in {move for _, move in await world.moves()}


@pytest.mark.parametrize("seed", range(14))
async def test_an_open_urgent_item_always_waits_for_something(world, seed):
    chance = Random(seed)
    await every_open_item_waits(world, Chances(chance, (chance.choice(_URGENT),), _PAUSES_S))


@pytest.mark.parametrize("seed", range(8))
async def test_so_do_a_visit_and_what_is_on_its_list(world, seed):
    devices = ("gas-1", "gas-2", "meter-1")
    await every_open_item_waits(world, Chances(Random(seed), _VISITS, _PAUSES_OF_VISITS_S, devices))


@pytest.mark.parametrize("seed", range(8))
async def test_so_does_a_storm_of_any_class(world, seed):
    """Three devices of one gateway fall silent together, and people tick them off one by one."""
    devices = ("gas-1", "gas-2", "meter-1")
    classes = (AlarmClass.HAZARD, AlarmClass.FAULT, AlarmClass.ADVICE)
    chances = Chances(Random(seed), classes, (*_PAUSES_S, *_PAUSES_OF_VISITS_S), devices, Kind.CONTACT)
    for device in devices:
        await world.raise_alarm(
            f"a-{device}", device, kind=Kind.CONTACT, class_=chances.chance.choice(classes)
        )
    await world.pass_time(60)
    await every_open_item_waits(world, chances)
