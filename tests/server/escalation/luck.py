"""Bad luck of every kind: providers that fail, receipts that are late or lost, people who go while something burns."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from server.clock import Clock
from server.db.session import WriteSession
from server.notify.channels import Message, Outcome, Verdict
from server.notify.receipts import Receipt, apply_receipt, find_notice
from server.notify.tables import ChannelSetup
from server.people.model import ChannelKind
from server.people.tables import Absence, Person, Swap
from server.places.tables import PlacesVersion
from tests.server.world import PEOPLE, World

_UNLUCKY: Final = 0.35
_GO: Final = tuple(person for person in PEOPLE if person != "desk")
"""Somebody sits at the desk, always."""


class BadLuck:
    """A provider that often fails, and decides by seed and message alone; some people it never reaches."""

    def __init__(self, seed: int, never: Sequence[str] = ()) -> None:
        self.seed = seed
        self.never = never

    async def send(self, message: Message) -> Outcome:
        chance = self.chance_of(message)
        if message.person not in self.never and chance.random() > _UNLUCKY:
            return Outcome(verdict=Verdict.SENT)
        return Outcome(verdict=chance.choice((Verdict.TEMPORARY, Verdict.PERMANENT)), reason="bad luck")

    def chance_of(self, message: Message) -> Random:
        return Random(f"{self.seed} {message.where} {message.person} {message.attempt} {message.step}")


FATES: Final[Sequence[tuple[tuple[int, Receipt], ...]]] = (
    *(((10, Receipt.DELIVERED),),) * 4,
    ((30, Receipt.DELIVERED), (60, Receipt.READ), (90, Receipt.READ)),
    ((20, Receipt.FAILED),),
    ((60, Receipt.FAILED), (70, Receipt.FAILED)),
    ((100, Receipt.FAILED), (120, Receipt.DELIVERED)),
    ((300, Receipt.DELIVERED),),
    ((400, Receipt.FAILED),),
    (),
    (),
)
"""What a provider says later of a message that it took, and after how many seconds: the last four say it too late, or
never."""
_NEVER_ARRIVES: Final = (((20, Receipt.FAILED),), ((400, Receipt.FAILED),), ())


@dataclass
class Texts:
    """A provider of text messages: it takes more than it delivers, and says so later, if at all."""

    luck: BadLuck
    clock: Clock
    coming: list[tuple[datetime, str, Receipt]] = field(default_factory=list)

    async def send(self, message: Message) -> Outcome:
        chance = Random(f"text {self.luck.chance_of(message).random()}")
        if chance.random() < _UNLUCKY / 2:
            return Outcome(verdict=chance.choice((Verdict.TEMPORARY, Verdict.PERMANENT)), reason="bad luck")
        fates = _NEVER_ARRIVES if message.person in self.luck.never else FATES
        for after_s, receipt in chance.choice(fates):
            heapq.heappush(self.coming, (self.clock.now() + timedelta(seconds=after_s), message.id, receipt))
        return Outcome(verdict=Verdict.SENT, receipt=f"r-{message.id}")

    @property
    def next_at(self) -> datetime | None:
        """When the next receipt comes."""
        return self.coming[0][0] if self.coming else None

    async def say(self, world: World) -> None:
        """Hand over the receipts whose time has come."""
        now = self.clock.now()
        while self.coming and self.coming[0][0] <= now:
            _, notice_id, receipt = heapq.heappop(self.coming)
            async with world.database.write() as session:
                notice = await find_notice(session, notice=notice_id)
                if notice is not None:
                    await apply_receipt(session, notice, receipt, now=now, detail="bad luck")


@dataclass
class Comings:
    """Who goes and comes while the street has its incidents, and when each was not to be told."""

    chance: Random
    """Its own: what people press does not change who goes."""
    restless: float = 0.5
    """How likely somebody goes or comes between two strides."""
    gone: dict[str, list[tuple[datetime, datetime]]] = field(default_factory=dict)
    """By person: from when until when they are not on duty."""
    _acting: dict[str, datetime] = field(default_factory=dict)
    """Until when somebody stands in for another or has taken their duty over."""

    def is_gone(self, person: str, at: datetime) -> bool:
        return any(begins < at < ends for begins, ends in self.gone.get(person, ()))

    async def happen(self, world: World) -> None:
        """Somebody leaves or comes back, is away with or without somebody for them, or gives a duty away."""
        if self.chance.random() >= self.restless:
            return
        async with world.database.write() as session:
            await self._change(session, self.chance.choice(_GO), world.clock.now(), self.chance)
            session.add(PlacesVersion(at=world.clock.now()))

    async def _change(self, session: WriteSession, person: str, now: datetime, chance: Random) -> None:
        until = now + timedelta(seconds=chance.choice((120, 600, 3600)))
        free = [one for one in _GO if one != person and not self._goes(one, now)]
        other = chance.choice(free) if free and chance.random() < _STOOD_IN else None
        match chance.choice(_WAYS):
            case "come":
                (await session.get_one(Person, person)).active = True
                self._come_back(person, now)
            case _ if self._acts(person, now):
                return
            case "leave":
                (await session.get_one(Person, person)).active = False
                self._note(person, now, _FOR_EVER)
            case "away":
                session.add(Absence(person=person, from_at=now, until_at=until, stand_in=other))
                self._note(person, now, until, other)
            case "swap" if other is not None:
                role, scope, code = PEOPLE[person]
                duty: dict[str, Any] = {"person": person, "role": role, "scope": scope, "code": code}
                session.add(Swap(**duty, from_at=now, until_at=until, taken_by=other))
                self._note(person, now, until, other)

    def _goes(self, person: str, now: datetime) -> bool:
        return any(now < ends for _, ends in self.gone.get(person, ()))

    def _acts(self, person: str, now: datetime) -> bool:
        return now < self._acting.get(person, now)

    def _note(self, person: str, begins: datetime, ends: datetime, other: str | None = None) -> None:
        self.gone.setdefault(person, []).append((begins, ends))
        if other is not None:
            self._acting[other] = max(ends, self._acting.get(other, ends))

    def _come_back(self, person: str, now: datetime) -> None:
        """Whoever had left is there again; an absence or a swap that runs is not ended by it."""
        spans = self.gone.get(person, [])
        self.gone[person] = [(begins, now if ends == _FOR_EVER else ends) for begins, ends in spans]


_WAYS: Final = ("leave", "come", "come", "away", "away", "swap", "swap")
_STOOD_IN: Final = 0.5
_FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)


async def give_telephones(world: World, people: Sequence[str]) -> None:
    """Let people have a number for text messages, besides what they have."""
    async with world.database.write() as session:
        session.add(ChannelSetup(channel=ChannelKind.SMS, since=world.clock.now()))
        for number, person in enumerate(people):
            (await session.get_one(Person, person)).phone = f"1380000{number:04}"
        session.add(PlacesVersion(at=world.clock.now()))
