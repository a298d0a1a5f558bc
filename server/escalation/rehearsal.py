"""Who would be told when, and who not and why: a dry run of steps. Pure; nothing is sent or kept.

It is the plan that a real item follows (`server.escalation.plan`), told with what the plan leaves out:
whom a step names and does not reach.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from server.escalation.plan import Candidate, Policy, Step, plan, quiet_until
from server.people.model import ChannelKind, Role
from server.people.roster import Presence
from server.routing.model import ChainLink


class Skipped(StrEnum):
    """Why somebody whom a step names is not told by it."""

    NOBODY = "nobody"
    """Nobody holds this role for the place."""
    NOT_THERE = "not_there"
    """Off duty, away, given away, left, or without any address: see the presence."""
    NO_CHANNEL = "no_channel"
    """None of the step's channels reaches them."""
    NOT_NEEDED = "not_needed"
    """They stand in where nobody of the step's roles can be told, and somebody can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedPerson:
    """One person of a step.

    Attributes:
        person, name: who; both empty where nobody holds the role.
        role: as what.
        channels: over which they are told; empty for who is not.
        skipped: why they are not told; None for who is.
        presence, until: how they stand to their duty, and until when.
        quiet_until: until when the message waits, in quiet hours.
    """

    person: str = ""
    name: str = ""
    role: Role
    channels: tuple[ChannelKind, ...] = ()
    skipped: Skipped | None = None
    presence: Presence = Presence.ON_DUTY
    until: datetime | None = None
    quiet_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedStep:
    """One step of a dry run.

    Attributes:
        number: from 0.
        after: how long after the alarm; None for a step that reaches nobody and is not waited out.
        people: who is told, then who is not.
        reminder: it tells people of an earlier step once more.
    """

    number: int
    after: timedelta | None
    people: tuple[RehearsedPerson, ...]
    reminder: bool = False


def outline(policy: Policy) -> tuple[tuple[timedelta, Step], ...]:
    """Return the steps with their times where every one of them reaches somebody."""
    after, lines = timedelta(0), []
    for step in policy.steps:
        lines.append((after, step))
        after += step.window
    return tuple(lines)


def rehearse(
    policy: Policy,
    links: Sequence[ChainLink],
    channels: Mapping[str, Collection[str]],
    start: datetime,
    *,
    quiet_for: Collection[Role] = (),
) -> tuple[RehearsedStep, ...]:
    """Return every step with whom it would tell if nobody accepted.

    Args:
        policy: the steps.
        links: the chain of the place at that moment.
        channels: over which each person can be told.
        start: when the alarm comes, in the street's time zone.
        quiet_for: roles whom quiet hours are for.
    """
    people = [
        Candidate(person=link.person, role=link.role, channels=frozenset(channels[link.person]))
        for link in links
        if link.reachable and channels.get(link.person)
    ]
    planned = {one.number: one for one in plan(policy, people, start)}
    return tuple(
        RehearsedStep(
            number=number,
            after=planned[number].due_at - start if number in planned else None,
            people=tuple(
                _people_of(
                    step,
                    links,
                    channels,
                    told={one.person: one.role for one in planned[number].people}
                    if number in planned
                    else {},
                    quiet=quiet_until(policy, planned[number].due_at) if number in planned else None,
                    quiet_for=quiet_for,
                )
            ),
            reminder=step.reminder,
        )
        for number, step in enumerate(policy.steps)
    )


def _people_of(
    step: Step,
    links: Sequence[ChainLink],
    channels: Mapping[str, Collection[str]],
    *,
    told: Mapping[str, Role],
    quiet: datetime | None,
    quiet_for: Collection[Role],
) -> Iterator[RehearsedPerson]:
    """Yield who is told, then who is not."""
    roles = (*step.roles, *step.instead)
    # A deputy may be told for the leader, whom the step names.
    for_others = tuple(dict.fromkeys(role for role in told.values() if role not in roles))
    named = [(role, _of_role(links, role)) for role in (*for_others, *roles)]
    for role, holders in named:
        for link in holders:
            if told.get(link.person) is role:
                yield RehearsedPerson(
                    person=link.person,
                    name=link.name,
                    role=role,
                    channels=step.reach.choose(channels.get(link.person, ())),
                    quiet_until=quiet if role in quiet_for else None,
                )
    spared = bool(told) and not set(told.values()) & set(step.instead)
    for role, holders in named:
        if not holders:
            yield RehearsedPerson(role=role, skipped=Skipped.NOBODY)
        for link in holders:
            if link.person not in told:
                yield _skipped(link, role, channels, spared=spared and role not in step.roles)


def _skipped(
    link: ChainLink, role: Role, channels: Mapping[str, Collection[str]], *, spared: bool
) -> RehearsedPerson:
    why = Skipped.NO_CHANNEL if link.reachable and channels.get(link.person) else Skipped.NOT_THERE
    return RehearsedPerson(
        person=link.person,
        name=link.name,
        role=role,
        skipped=Skipped.NOT_NEEDED if spared else why,
        presence=Presence.NO_CHANNEL if link.reachable and why is Skipped.NOT_THERE else link.presence,
        until=link.until,
    )


def _of_role(links: Sequence[ChainLink], role: Role) -> list[ChainLink]:
    """Return who holds a role, each once; the desk that nobody is registered for has no code."""
    found: dict[str, ChainLink] = {}
    for link in links:
        if link.role is role and link.person:
            found.setdefault(link.person, link)
    return list(found.values())
