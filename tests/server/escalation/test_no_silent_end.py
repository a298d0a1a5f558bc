"""A hundred incidents at once through the real rows, with bad luck of every kind: none ends in silence."""

from random import Random
from typing import Any, Final

import pytest
from sqlalchemy import select

from server.devices.tables import Device
from server.escalation.tables import Due
from server.items.model import ItemState, Move
from server.items.tables import Item, ItemMove, ItemParty
from server.items.telling import NOBODY_REACHED, NOT_YET_REACHED
from server.notify.channels import Message, Outcome, Verdict
from server.notify.tables import Notice
from tests.server.world import GATEWAY, PEOPLE, World
from wire.vocabulary import AlarmClass, Kind

INCIDENTS: Final = 100
_PAUSES_S: Final = (45, 15, 60, 60, 120, 600, 900)
"""Half an hour and more, in strides that stop at the defaults' steps."""
_UNLUCKY: Final = 0.35
_SAID: Final = (NOBODY_REACHED, NOT_YET_REACHED)
_URGENT: Final = (AlarmClass.LIFE_SAFETY, AlarmClass.HAZARD)


class BadLuck:
    """A provider that fails as often as it works, and of each message decides by its seed alone."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    async def send(self, message: Message) -> Outcome:
        chance = Random(f"{self.seed} {message.id} {message.attempt}")
        if chance.random() > _UNLUCKY:
            return Outcome(verdict=Verdict.SENT)
        return Outcome(verdict=chance.choice((Verdict.TEMPORARY, Verdict.PERMANENT)), reason="bad luck")


async def silent_ends(world: World) -> list[str]:
    """What is open, has nobody on site, waits for nothing, and neither reached the desk nor says so."""
    async with world.database.read() as session:
        waiting = set(await session.scalars(select(Due.item).where(Due.settled_at.is_(None))))
        at_desk = set(
            await session.scalars(
                select(Notice.item).where(Notice.person == "desk", Notice.sent_at.is_not(None))
            )
        )
        said = set(await session.scalars(select(ItemMove.item).where(ItemMove.reason.in_(_SAID))))
        unattended = select(Item.id).where(Item.state.in_((ItemState.NEW, ItemState.ACCEPTED)))
        return [one for one in await session.scalars(unattended) if one not in waiting | at_desk | said]


async def act(world: World, chance: Random) -> None:
    """Some people take what they were told of, some of those never come, some go away."""
    parties: list[ItemParty] = await world.rows(ItemParty)
    for item in await world.items():
        told = [party.person for party in parties if party.item == item.id]
        if item.state is ItemState.NEW and told and chance.random() < 0.15:
            await world.press(chance.choice(told), Move.ACCEPT, item=item.id)
        elif item.state is ItemState.ACCEPTED and item.owner and chance.random() < 0.3:
            await world.press(item.owner, chance.choice((Move.ARRIVE, Move.NEED_HELP)), item=item.id)
    away: Any = chance.choice([person for person in PEOPLE if person != "desk"])
    await world.set_person(away, active=chance.random() < 0.5)


@pytest.mark.parametrize("seed", [1])
async def test_none_of_a_hundred_incidents_ends_in_silence(world, seed):
    chance = Random(seed)
    world.worker._channels = {"webhook": BadLuck(seed)}
    async with world.database.write() as session:
        session.add_all(
            Device(gateway=GATEWAY, device=f"d{number}", name="探测器", building="b1", floor="2", door="1")
            for number in range(INCIDENTS)
        )
    states = [
        world.state(f"a{number}", f"d{number}", class_=chance.choice(_URGENT), kind=Kind.GAS)
        for number in range(INCIDENTS)
    ]
    await world.take(*(world.alarm_message(state) for state in states))
    assert len(await world.items()) == INCIDENTS
    for pause_s in _PAUSES_S:
        await act(world, chance)
        await world.pass_time(pause_s)
        assert await silent_ends(world) == [], f"seed {seed}, {pause_s} s on"
    async with world.database.read() as session:
        untold = select(Item.id).where(
            Item.state == ItemState.NEW,
            Item.id.not_in(select(Notice.item).where(Notice.person == "desk")),
            # Whoever took it and let it lie began the steps anew.
            Item.id.not_in(select(ItemMove.item).where(ItemMove.move == Move.ACCEPT)),
        )
        assert list(await session.scalars(untold)) == [], "what nobody took in half an hour is the desk's"
