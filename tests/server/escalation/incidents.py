"""Many incidents at once through the real rows, with bad luck of every kind, and a judge that reads rows alone.

The judge knows nothing of due handlers: it reads states, moves and notices, and asks of every open item the questions
of `Judge`. `bench/bench_silent_ends.py` plays ten thousand.
"""

import math
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

from sqlalchemy import Row, select

from server.devices.tables import Device
from server.escalation.plan import ATTEND_AFTER, RECHECK_AFTER, make_policies
from server.escalation.service import next_due_at
from server.escalation.tables import Due
from server.items.model import ActorKind, ItemState, Move
from server.items.service import Actor, press
from server.items.tables import Item, ItemMove, ItemParty
from server.items.telling import NOBODY_REACHED, NOT_YET_REACHED
from server.items.unreached import unreached_of
from server.notify.channels import Message, Outcome, Verdict
from server.notify.claims import next_send_at
from server.notify.render import Occasion
from server.notify.tables import Notice, NoticeState
from tests.server.world import GATEWAY, PEOPLE, World, open_world
from wire.vocabulary import AlarmClass, Condition, Kind

SHORT_S: Final = (20, 25, 10, 5, 60, 60, 120, 300, 600, 600)
"""Half an hour, in strides that stop where a minute ends: the steps of both classes, and every acceptance."""
LONG_S: Final = (*SHORT_S, 900, 3000)
"""Until a hazard's silence on site has come to the desk."""
URGENT: Final = (AlarmClass.LIFE_SAFETY, AlarmClass.HAZARD)
GRAIN_S: Final = 5
"""The loops look so often: what is due in between is done together."""
LATE: Final = timedelta(seconds=2 * GRAIN_S)
_UNLUCKY: Final = 0.35
_SAID: Final = (NOBODY_REACHED, NOT_YET_REACHED)
_REACHED: Final = (NoticeState.SENT, NoticeState.DELIVERED, NoticeState.READ)
_SAID_WITHIN: Final = timedelta(seconds=60)
_UNTAKEN: Final = {AlarmClass.LIFE_SAFETY: timedelta(seconds=180), AlarmClass.HAZARD: timedelta(minutes=30)}
"""So long nobody may have an item before the desk hears of it: the sum of the windows of its class."""
_ACCEPTANCE: Final = {class_: make_policies()[class_].acceptance or timedelta() for class_ in URGENT}


PRESSES: Final = (
    *(Move.ACCEPT,) * 5,
    *(Move.ARRIVE,) * 3,
    Move.FINISH,
    Move.NEED_HELP,
    Move.NOT_MINE,
    Move.FALSE_ALARM,
    Move.UNDO,
    Move.REASSIGN,
    Move.REJECT_FALSE_ALARM,
    Move.NOTE,
)


class BadLuck:
    """A provider that often fails, and decides by seed and message alone; some people it never reaches."""

    def __init__(self, seed: int, never: Sequence[str] = ()) -> None:
        self.seed = seed
        self.never = never

    async def send(self, message: Message) -> Outcome:
        chance = Random(f"{self.seed} {message.where} {message.person} {message.attempt} {message.step}")
        if message.person not in self.never and chance.random() > _UNLUCKY:
            return Outcome(verdict=Verdict.SENT)
        return Outcome(verdict=chance.choice((Verdict.TEMPORARY, Verdict.PERMANENT)), reason="bad luck")


@dataclass
class Judge:
    """What stands in the rows at one moment, and which items are about to end in silence."""

    now: datetime
    items: list[Item]
    unreached: set[str]
    """What the desk's page puts first."""
    waits: set[str]
    moves: dict[str, list[Row[Any]]] = field(default_factory=lambda: defaultdict(list))
    notices: dict[str, list[Row[Any]]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    async def look(cls, world: World) -> "Judge":
        now = world.clock.now()
        moves = select(
            ItemMove.item, ItemMove.move, ItemMove.at, ItemMove.actor_kind, ItemMove.from_state,
            ItemMove.to_state, ItemMove.reason, ItemMove.undone,
        ).order_by(ItemMove.id)  # fmt: skip
        notices = select(
            Notice.item, Notice.person, Notice.state, Notice.created_at, Notice.send_at, Notice.content
        )
        async with world.database.read() as session:
            standing = select(Item).where(Item.closed_at.is_(None), Item.parent.is_(None))
            items = list(await session.scalars(standing))
            waits = set(await session.scalars(select(Due.item).where(Due.settled_at.is_(None))))
            judge = cls(
                now=now, items=items, unreached=await unreached_of(session, items, now=now), waits=waits
            )
            for move in await session.execute(moves):
                judge.moves[move.item].append(move)
            for notice in await session.execute(notices):
                judge.notices[notice.item].append(notice)
        return judge

    def complaints(self) -> Iterator[tuple[str, str]]:
        """Yield each item that ends in silence with the question that it fails."""
        for item in self.items:
            for ask in self.questions:
                if not ask(item):
                    yield item.id, ask.__name__

    @property
    def questions(self) -> tuple[Callable[[Item], bool], ...]:
        """What is asked of every open item."""
        return (
            self.waits_for_something,
            self.says_so_if_nobody_was_reached,
            self.comes_to_the_desk,
            self.lets_no_acceptance_lie,
            self.misses_whoever_is_on_site,
            self.returns_what_is_not_over,
            self.tells_the_desk_of_help,
            self.keeps_an_owner_or_the_desk,
        )

    def waits_for_something(self, item: Item) -> bool:
        """Time will bring it up again."""
        return item.id in self.waits

    def says_so_if_nobody_was_reached(self, item: Item) -> bool:
        """Where nobody was reached, its history and the desk's page say so within a minute."""
        reached = any(notice.state in _REACHED for notice in self.notices[item.id])
        if item.state is not ItemState.NEW or reached or self.now - item.opened_at < _SAID_WITHIN + LATE:
            return True
        if item.id not in self.unreached:
            return False
        pressed = any(move.actor_kind is not ActorKind.SYSTEM for move in self.moves[item.id])
        said = [move.at for move in self.moves[item.id] if move.reason.endswith(_SAID)]
        return pressed or (bool(said) and said[0] <= item.opened_at + _SAID_WITHIN + LATE)

    def comes_to_the_desk(self, item: Item) -> bool:
        """Whenever nobody has it for longer than its steps take, the desk is told anew."""
        if item.state is not ItemState.NEW:
            return True
        since = self._new_since(item)
        given = any(move.move is Move.REASSIGN and move.at >= since for move in self.moves[item.id])
        patience = _UNTAKEN[item.class_] * (2 if given else 1) + LATE
        return self.now - since < patience or self._desk_told(item, since - LATE)

    def lets_no_acceptance_lie(self, item: Item) -> bool:
        """Who took it and does nothing loses it after the time of its class."""
        if item.state is not ItemState.ACCEPTED:
            return True
        return self.now - self._heard_at(item) < _ACCEPTANCE[item.class_] + LATE

    def misses_whoever_is_on_site(self, item: Item) -> bool:
        """Whoever is on site and presses nothing for long is asked, and then the desk is told."""
        if item.state is not ItemState.ON_SITE:
            return True
        heard = self._heard_at(item)
        lies, patience = self.now - heard, ATTEND_AFTER[item.class_]
        told = self._desk_told(item, heard) or (
            item.owner is not None and self._told(item, item.owner, heard)
        )
        return (told or lies < patience + LATE) and (
            lies < 2 * patience + LATE or self._desk_told(item, heard)
        )

    def returns_what_is_not_over(self, item: Item) -> bool:
        """Done while the sensor says alarm is not done for longer than a few minutes."""
        if item.state is not ItemState.DONE or item.alarm_over:
            return True
        return self.now - self._heard_at(item) < RECHECK_AFTER + LATE

    def tells_the_desk_of_help(self, item: Item) -> bool:
        """Help that is wanted is known at the desk."""
        asked = [move.at for move in self.moves[item.id] if move.move is Move.NEED_HELP and not move.undone]
        if not item.help_wanted or not asked or self._desk_told(item, asked[-1]):
            return True
        # A message that had not left yet took the call on.
        return any(
            n.person == "desk" and n.content["occasion"] == Occasion.HELP and n.send_at >= asked[-1]
            for n in self.notices[item.id]
        )

    def keeps_an_owner_or_the_desk(self, item: Item) -> bool:
        """Somebody is its owner, or it lies on the desk's own list."""
        return item.owner is None or item.owner in PEOPLE

    def _heard_at(self, item: Item) -> datetime:
        """When its time last began: a press, or the gateway's or the server's word that gave it back."""
        again = (Move.RAISE, Move.RETURN, Move.UNSHELVE)
        by_people = (ActorKind.PERSON, ActorKind.OPERATOR)
        return max(
            move.at
            for move in self.moves[item.id]
            if move.actor_kind in by_people or move.move in again or move.move in {Move.OPEN, Move.REOPEN}
        )

    def _new_since(self, item: Item) -> datetime:
        since = item.opened_at
        for move in self.moves[item.id]:
            became_new = move.to_state is ItemState.NEW and move.from_state not in {None, ItemState.NEW}
            if became_new or move.move in {Move.REASSIGN, Move.REOPEN, Move.UNDO}:
                since = move.at
        return since

    def _told(self, item: Item, person: str, since: datetime) -> bool:
        return any(n.person == person and n.created_at >= since for n in self.notices[item.id])

    def _desk_told(self, item: Item, since: datetime) -> bool:
        return self._told(item, "desk", since)


@dataclass
class Play:
    """So many incidents in one street, and what people do with them."""

    world: World
    seed: int
    incidents: int
    never: Sequence[str] | None = None
    """Whom the provider never reaches; null: chance says."""
    presses: Sequence[Move] = PRESSES
    complaints: list[str] = field(default_factory=list)

    async def run(self, pauses_s: Sequence[float] = SHORT_S) -> list[str]:
        """Play to the end; returns everything that the judge ever complained about."""
        chance = Random(self.seed)
        drawn = chance.sample([*PEOPLE], k=chance.choice((0, 0, 3, len(PEOPLE))))
        never = drawn if self.never is None else self.never
        self.world.worker._channels = {"webhook": BadLuck(self.seed, never)}
        await self._raise_all(chance)
        await self.world.settle()
        for pause_s in pauses_s:
            await self._act(chance)
            await self._pass(pause_s)
            judge = await Judge.look(self.world)
            self.complaints += [f"seed {self.seed}: {item} {what}" for item, what in judge.complaints()]
        return self.complaints

    async def _pass(self, pause_s: float) -> None:
        """Let time pass from one moment in which something is due to the next."""
        end = self.world.clock.now() + timedelta(seconds=pause_s)
        await self.world.settle()
        while (left_s := (end - self.world.clock.now()).total_seconds()) > 0:
            async with self.world.database.read() as session:
                times = [await next_due_at(session), await next_send_at(session)]
            next_at = min((time for time in times if time is not None), default=end)
            until_s = (next_at - self.world.clock.now()).total_seconds()
            await self.world.pass_time(min(max(math.ceil(until_s / GRAIN_S), 1) * GRAIN_S, left_s))

    async def _raise_all(self, chance: Random) -> None:
        async with self.world.database.write() as session:
            session.add_all(
                Device(gateway=GATEWAY, device=f"d{n}", name="探测器", building="b1", floor="2", door=f"{n}")
                for n in range(self.incidents)
            )
        self.classes = [chance.choice(URGENT) for _ in range(self.incidents)]
        await self._state(range(self.incidents))

    async def _state(self, numbers: Sequence[int], **changes: Any) -> None:
        states = [
            self.world.state(f"a{n}", f"d{n}", class_=self.classes[n], kind=Kind.GAS, **changes)
            for n in numbers
        ]
        await self.world.take(*(self.world.alarm_message(state) for state in states))

    async def _act(self, chance: Random) -> None:
        """Some take what they were told of, some of those never come, some go away, the desk gives things on."""
        told: dict[str, list[str]] = defaultdict(list)
        async with self.world.database.read() as session:
            for party in await session.execute(select(ItemParty.item, ItemParty.person)):
                told[party.item].append(party.person)
        items = sorted(await self.world.items(), key=lambda item: (int(item.device[1:]), item.opened_at))
        busy = [item for item in items if chance.random() < _BUSY]
        left = iter(busy)
        while some := list(islice(left, 25)):
            async with self.world.database.write() as session:
                for item in some:
                    await self._press(session, item, sorted(told[item.id]), chance)
        count = max(self.incidents // 40, 1)
        over = chance.sample(range(self.incidents), k=count)
        await self._state(over, condition=Condition.NORMAL, latched=False)
        await self._state(over[: count // 2], count=chance.randrange(2, 9))
        away: Any = chance.choice([person for person in PEOPLE if person != "desk"])
        await self.world.set_person(away, active=chance.random() < _BUSY)

    async def _press(self, session: Any, item: Item, told: Sequence[str], chance: Random) -> None:
        move = chance.choice(self.presses)
        to = chance.choice([*PEOPLE]) if move is Move.REASSIGN else None
        actor = Actor(kind=ActorKind.OPERATOR, id="op-li")
        if move not in {Move.REASSIGN, Move.REJECT_FALSE_ALARM, Move.NOTE}:
            if not told:
                return
            who = item.owner if item.owner and chance.random() < _MOSTLY else chance.choice(told)
            actor = Actor(kind=ActorKind.PERSON, id=who)
        await press(
            session, item.id, actor, move, f"press-{next(self.world.presses)}", "because",
            now=self.world.clock.now(), to=to, policies=self.world.policies,
        )  # fmt: skip


_BUSY: Final = 0.3
_MOSTLY: Final = 0.7


async def play_street(
    seed: int,
    incidents: int,
    *,
    pauses_s: Sequence[float] = SHORT_S,
    never: Sequence[str] | None = None,
    presses: Sequence[Move] = PRESSES,
) -> list[str]:
    """Play one street of incidents over a database of its own; returns every complaint."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_world(Path(folder)) as world:
            return await Play(world, seed, incidents, never, presses).run(pauses_s)
