"""Whatever people press in whatever order, an urgent item that is open waits for something: a row says when
it will be looked at again. Nothing is left to anybody's memory."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from server.items.model import ActorKind, ItemState, Move
from server.items.queries import open_moves
from server.items.tables import Item
from tests.server.world import PEOPLE, World
from wire.vocabulary import AlarmClass

_TURNS = 30
_PAUSES_S = (1, 15, 45, 60, 200, 700, 2_000)
_DESK = ("op-li", "op-wang")


async def press_something(world: World, chance: Random, item: Item) -> str:
    """Somebody presses one of the buttons that their page shows."""
    who = chance.choice((*PEOPLE, *_DESK))
    kind = ActorKind.OPERATOR if who in _DESK else ActorKind.PERSON
    async with world.database.read() as session:
        shown = await open_moves(session, item, kind, who)
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


async def something_happens(world: World, chance: Random) -> str:
    (item,) = [item for item in await world.items() if item.closed_at is None][-1:] or [None]
    match chance.choices(("press", "time", "clear", "raise"), weights=(12, 5, 1, 2))[0]:
        case "press" if item is not None:
            return await press_something(world, chance, item)
        case "time":
            pause_s = chance.choice(_PAUSES_S)
            await world.pass_time(pause_s)
            return f"{pause_s} s pass"
        case "clear":
            await world.clear_alarm()
            return "the sensor is quiet"
    await world.raise_alarm()
    return "the sensor sounds"


@pytest.mark.parametrize("seed", range(14))
async def test_an_open_urgent_item_always_waits_for_something(world, seed):
    chance = Random(seed)
    story = ["raised"]
    await world.raise_alarm(class_=chance.choice((AlarmClass.LIFE_SAFETY, AlarmClass.HAZARD)))
    for _ in range(_TURNS):
        story.append(await something_happens(world, chance))
        waiting = {due.item for due in await world.waiting()}
        for item in await world.items():
            ended = item.closed_at is not None or item.parent is not None
            assert ended or item.id in waiting, (item.state, item.accepted, item.owner, story)
    assert ItemState.NEW in {move for _, move in await world.moves()}
