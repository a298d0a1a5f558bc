"""Many incidents at once through the real rows, with bad luck of every kind; a judge looks at the rows after each stride.

`bench/bench_silent_ends.py` plays ten thousand.
"""

import math
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

from sqlalchemy import select

from server.devices.tables import Device
from server.escalation.service import next_due_at
from server.items.model import ActorKind, Move
from server.items.service import Actor, press
from server.items.tables import Item, ItemParty
from server.notify.claims import next_send_at
from server.people.model import ChannelKind
from tests.server.escalation.judge import GRAIN_S, URGENT, Judge
from tests.server.escalation.luck import BadLuck, Comings, Texts, give_telephones
from tests.server.world import GATEWAY, PEOPLE, World, open_world
from wire.vocabulary import Condition, Kind

SHORT_S: Final = (20, 25, 10, 5, 60, 60, 120, 300, 600, 600)
"""Half an hour, in strides that stop where a minute ends: the steps of both classes, and every acceptance."""
LONG_S: Final = (*SHORT_S, 900, 3000)
"""Until a hazard's silence on site has come to the desk."""


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


@dataclass
class Play:
    """So many incidents in one street, and what people do with them."""

    world: World
    seed: int
    incidents: int
    never: Sequence[str] | None = None
    """Whom the provider never reaches; null: chance says."""
    presses: Sequence[Move] = PRESSES
    restless: float | None = None
    """How likely somebody's duty changes between two strides; null: chance says."""
    telephones: Sequence[str] | None = None
    """Who can be sent text messages; null: half of the people, by chance."""
    complaints: list[str] = field(default_factory=list)

    async def run(self, pauses_s: Sequence[float] = SHORT_S) -> list[str]:
        """Play to the end; returns everything that the judge ever complained about."""
        chance = Random(self.seed)
        drawn = chance.sample([*PEOPLE], k=chance.choice((0, 0, 3, len(PEOPLE))))
        never = drawn if self.never is None else self.never
        restless = chance.choice((0.2, 0.5, 1.0)) if self.restless is None else self.restless
        self.comings = Comings(Random(f"{self.seed} who is on duty"), restless)
        luck = BadLuck(self.seed, never)
        self.texts = Texts(luck, self.world.clock)
        self.world.worker._channels = {ChannelKind.WEBHOOK: luck, ChannelKind.SMS: self.texts}
        half = chance.sample([*PEOPLE], k=len(PEOPLE) // 2)
        await give_telephones(self.world, half if self.telephones is None else self.telephones)
        await self._raise_all(chance)
        await self.world.settle()
        for pause_s in pauses_s:
            await self._act(chance)
            await self._pass(pause_s)
            judge = await Judge.look(self.world, self.comings)
            self.complaints += [f"seed {self.seed}: {item} {what}" for item, what in judge.complaints()]
        return self.complaints

    async def _pass(self, pause_s: float) -> None:
        """Let time pass from one moment in which something is due to the next."""
        end = self.world.clock.now() + timedelta(seconds=pause_s)
        await self.world.settle()
        while (left_s := (end - self.world.clock.now()).total_seconds()) > 0:
            async with self.world.database.read() as session:
                times = [await next_due_at(session), await next_send_at(session), self.texts.next_at]
            next_at = min((time for time in times if time is not None), default=end)
            until_s = (next_at - self.world.clock.now()).total_seconds()
            self.world.clock.advance(seconds=min(max(math.ceil(until_s / GRAIN_S), 1) * GRAIN_S, left_s))
            await self.texts.say(self.world)
            await self.world.settle()

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
        await self.comings.happen(self.world)

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
    restless: float | None = None,
    telephones: Sequence[str] | None = None,
) -> list[str]:
    """Play one street of incidents over a database of its own; returns every complaint."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_world(Path(folder)) as world:
            play = Play(world, seed, incidents, never, presses, restless, telephones)
            return await play.run(pauses_s)
