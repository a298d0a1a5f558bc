"""Who is told when, as a plan: a pure function of a policy, the people and a start.

A step whose people are all out of reach is dropped together with its waiting time, so that nobody
waits for a person who cannot be told.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from itertools import islice
from types import MappingProxyType
from typing import Final

from server.people.model import CHANNEL_ORDER, ChannelKind, Role
from wire.vocabulary import AlarmClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Over which channels a step tells each of its people."""

    always: tuple[ChannelKind, ...]
    """Used whenever the person has them."""
    at_least: int = 1
    """Filled up to so many kinds with what else the person has, in `CHANNEL_ORDER`."""

    def choose(self, has: Collection[str]) -> tuple[ChannelKind, ...]:
        """Return the channels over which somebody who has these is told; empty: not at all."""
        chosen = [kind for kind in self.always if kind in has]
        others = (kind for kind in CHANNEL_ORDER if kind in has and kind not in chosen)
        return (*chosen, *islice(others, max(self.at_least - len(chosen), 0)))


BY_HAND: Final = Reach(always=(ChannelKind.WECOM, ChannelKind.WEBHOOK, ChannelKind.ROBOT))
"""What costs nothing and disturbs least; anything else only where a person has none of them."""
WITH_SMS: Final = Reach(
    always=(ChannelKind.WECOM, ChannelKind.WEBHOOK, ChannelKind.ROBOT, ChannelKind.SMS), at_least=2
)
"""At least two kinds at once (GB/T 45839-2025 asks for two)."""
SMS_ALONE: Final = Reach(always=(ChannelKind.SMS,), at_least=0)
WITH_CALL: Final = Reach(always=CHANNEL_ORDER, at_least=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: whom it tells, how, and how long they have before the next."""

    roles: tuple[Role, ...]
    window: timedelta
    """How long this step's people have; the last step's is not used."""
    instead: tuple[Role, ...] = ()
    """Told when nobody of `roles` can be reached."""
    reach: Reach = BY_HAND
    reminder: bool = False
    """It tells people of an earlier step once more: where it reaches nobody, its time still passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The steps of one class and how long an acceptance holds."""

    steps: tuple[Step, ...]
    acceptance: timedelta | None
    """After this time without 已到场 or 已处理 an acceptance is taken back; null: never."""
    repeat: timedelta | None = None
    """How often the last step is told again while nobody accepts; null: never."""
    attend: timedelta | None = None
    """How long whoever has it may press nothing before they, then the desk, are reminded; null: as
    `ATTEND_AFTER` says for the class."""
    quiet: tuple[time, time] | None = None
    """From when until when, by the street's time, volunteers are not disturbed for this class."""


class Policies(Mapping[AlarmClass, Policy]):
    """The steps in force: the street's of each class, and those a community has of its own."""

    def __init__(
        self,
        street: Mapping[AlarmClass, Policy],
        communities: Mapping[tuple[str, AlarmClass], Policy] | None = None,
    ) -> None:
        """Take the street's steps of every class, and communities' by (code, class)."""
        self._street = dict(street)
        self._communities = dict(communities or {})

    def of(self, class_: AlarmClass, community: str | None) -> Policy:
        """Return the steps of a class in a community: its own, else the street's."""
        return self._communities.get((community or "", class_)) or self._street[class_]

    def replace(
        self, street: Mapping[AlarmClass, Policy], communities: Mapping[tuple[str, AlarmClass], Policy]
    ) -> None:
        """Put other steps in force; whoever holds this object sees them from now on."""
        self._street, self._communities = dict(street), dict(communities)

    def __getitem__(self, class_: AlarmClass) -> Policy:
        """Return the street's steps of a class."""
        return self._street[class_]

    def __iter__(self) -> Iterator[AlarmClass]:
        """Go through the classes."""
        return iter(self._street)

    def __len__(self) -> int:
        """Return how many classes have steps."""
        return len(self._street)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A person of the chain of responsibility who can be told now."""

    person: str
    role: Role
    reason: str = ""
    channels: frozenset[str] | None = None
    """What they have an address of; null where only a person who has some is ever listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step with its time and the people it reaches."""

    number: int
    due_at: datetime
    people: tuple[Candidate, ...]
    reach: Reach = BY_HAND


_HOLDERS: Final = (Role.LEADER, Role.DEPUTY)
"""Who has a place; the nearest of the chain who can be told is its owner."""
RECHECK_AFTER: Final = timedelta(minutes=5)
"""A done item whose alarm is still active goes back to its owner after this."""

ATTEND_AFTER: Final[Mapping[AlarmClass, timedelta]] = MappingProxyType(
    {
        AlarmClass.LIFE_SAFETY: timedelta(minutes=15),
        AlarmClass.HAZARD: timedelta(minutes=45),
        AlarmClass.FAULT: timedelta(days=3),
        AlarmClass.ADVICE: timedelta(days=7),
    }
)
"""How long nothing may be heard of whoever has an item before they, then the desk, are reminded: on site, and
where nothing takes an acceptance back, from the acceptance on."""

_DEFAULT_BACKUP_S: Final = 60.0
_DESK_AFTER_BACKUP: Final = timedelta(seconds=120)
_LAST: Final = timedelta(0)


def make_policies(step_backup_s: float = _DEFAULT_BACKUP_S) -> Policies:
    """Return the steps of every class.

    Args:
        step_backup_s: how long the leader of a life-safety item has before the backup is told,
            in seconds.
    """
    visit = Policy(
        steps=(
            Step(roles=(Role.MAINTAINER,), instead=(Role.LEADER,), window=timedelta(hours=24)),
            Step(roles=(Role.DESK,), window=_LAST),
        ),
        acceptance=None,
        repeat=timedelta(hours=24),
        quiet=(time(21, 0), time(7, 30)),
    )
    made = {
        AlarmClass.LIFE_SAFETY: _life_safety(step_backup_s),
        AlarmClass.HAZARD: _hazard(),
        AlarmClass.FAULT: visit,
        AlarmClass.ADVICE: visit,
    }
    return Policies({class_: replace(made[class_], attend=ATTEND_AFTER[class_]) for class_ in made})


def _life_safety(step_backup_s: float) -> Policy:
    return Policy(
        steps=(
            Step(
                roles=(Role.LEADER, Role.OFFICER, Role.DUTY_ROOM),
                window=timedelta(seconds=step_backup_s),
                reach=WITH_SMS,
            ),
            Step(roles=(Role.DEPUTY, Role.SECRETARY), window=_DESK_AFTER_BACKUP, reach=WITH_SMS),
            Step(roles=(Role.DESK,), window=_LAST, reach=WITH_CALL),
        ),
        acceptance=timedelta(minutes=5),
        repeat=timedelta(minutes=3),
    )


def _hazard() -> Policy:
    return Policy(
        steps=(
            Step(roles=(Role.LEADER,), window=timedelta(seconds=60)),
            Step(roles=(Role.LEADER,), window=timedelta(minutes=4), reach=SMS_ALONE, reminder=True),
            Step(roles=(Role.DEPUTY,), window=timedelta(minutes=10), reach=WITH_SMS),
            Step(roles=(Role.SECRETARY,), window=timedelta(minutes=15), reach=WITH_SMS),
            Step(roles=(Role.DESK,), window=_LAST, reach=WITH_SMS),
        ),
        acceptance=timedelta(minutes=30),
        repeat=timedelta(minutes=15),
    )


DEFAULT_POLICIES: Final = make_policies()


def policy_for(policies: Mapping[AlarmClass, Policy], class_: AlarmClass, community: str | None) -> Policy:
    """Return the steps of a class in a community, whichever kind of mapping holds them."""
    return policies.of(class_, community) if isinstance(policies, Policies) else policies[class_]


def quiet_until(policy: Policy, now: datetime) -> datetime | None:
    """Return when the quiet hours end in which `now` lies; nothing outside them.

    Args:
        policy: the steps of a class.
        now: in the street's time zone.
    """
    if policy.quiet is None:
        return None
    begins, ends = policy.quiet
    at = now.time().replace(tzinfo=None)
    inside = begins <= at < ends if begins <= ends else at >= begins or at < ends
    if not inside:
        return None
    end = now.replace(hour=ends.hour, minute=ends.minute, second=0, microsecond=0)
    return end if end > now else end + timedelta(days=1)


def plan(
    policy: Policy, people: Sequence[Candidate], start: datetime, first: int = 0
) -> tuple[PlannedStep, ...]:
    """Return the steps that reach somebody, each with its time.

    Args:
        policy: the steps of the item's class.
        people: everyone of the chain who can be told now, in the chain's order.
        start: when the first step that reaches somebody is due.
        first: number of the first step to plan.
    """
    planned: list[PlannedStep] = []
    due_at = start
    for number in range(first, len(policy.steps)):
        step = policy.steps[number]
        reached = reached_by(step, people)
        if reached:
            planned.append(PlannedStep(number=number, due_at=due_at, people=reached, reach=step.reach))
        if reached or (step.reminder and planned):
            due_at += step.window
    return tuple(planned)


def reached_by(step: Step, people: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return the people of a step, each once, whoever has the place before those who are told beside them.

    Where a step tells the leader and others at once and the leader cannot be told, the deputy has the place
    now and is told with those others, rather than after the time that a leader would have had.
    """
    for roles in (step.roles, step.instead):
        reached: dict[str, Candidate] = {}
        for role in roles:
            for candidate in people:
                if candidate.role is role and _has_way(candidate, step.reach):
                    reached.setdefault(candidate.person, candidate)
        if reached and Role.LEADER in roles:
            holder = next((one for one in people if one.role in _HOLDERS and _has_way(one, step.reach)), None)
            if holder is not None:
                reached = {holder.person: holder, **reached}
        if reached:
            return tuple(reached.values())
    return ()


def _has_way(candidate: Candidate, reach: Reach) -> bool:
    return candidate.channels is None or bool(reach.choose(candidate.channels))
