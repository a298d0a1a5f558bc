"""Who is told when, as a plan: a pure function of a policy, the people and a start.

A step whose people are all out of reach is dropped together with its waiting time, so that nobody
waits for a person who cannot be told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from server.people.tables import Role
from wire.vocabulary import AlarmClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: whom it tells and how long they have before the next."""

    roles: tuple[Role, ...]
    window: timedelta
    """How long this step's people have; the last step's is not used."""
    instead: tuple[Role, ...] = ()
    """Told when nobody of `roles` can be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The steps of one class and how long an acceptance holds."""

    steps: tuple[Step, ...]
    acceptance: timedelta | None
    """After this time without 已到场 or 已处理 an acceptance is taken back; null: never."""


Policies = Mapping[AlarmClass, Policy]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A person of the chain of responsibility who can be told now."""

    person: str
    role: Role
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step with its time and the people it reaches."""

    number: int
    due_at: datetime
    people: tuple[Candidate, ...]


RECHECK_AFTER: Final = timedelta(minutes=5)
"""A done item whose alarm is still active goes back to its owner after this."""

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
    )
    return MappingProxyType(
        {
            AlarmClass.LIFE_SAFETY: Policy(
                steps=(
                    Step(
                        roles=(Role.LEADER, Role.OFFICER, Role.DUTY_ROOM),
                        window=timedelta(seconds=step_backup_s),
                    ),
                    Step(roles=(Role.DEPUTY, Role.SECRETARY), window=_DESK_AFTER_BACKUP),
                    Step(roles=(Role.DESK,), window=_LAST),
                ),
                acceptance=timedelta(minutes=5),
            ),
            AlarmClass.HAZARD: Policy(
                steps=(
                    Step(roles=(Role.LEADER,), window=timedelta(minutes=5)),
                    Step(roles=(Role.DEPUTY,), window=timedelta(minutes=10)),
                    Step(roles=(Role.SECRETARY,), window=timedelta(minutes=15)),
                    Step(roles=(Role.DESK,), window=_LAST),
                ),
                acceptance=timedelta(minutes=30),
            ),
            AlarmClass.FAULT: visit,
            AlarmClass.ADVICE: visit,
        }
    )


DEFAULT_POLICIES: Final = make_policies()


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
            planned.append(PlannedStep(number=number, due_at=due_at, people=reached))
            due_at += step.window
    return tuple(planned)


def reached_by(step: Step, people: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return the people of a step, each once."""
    for roles in (step.roles, step.instead):
        reached: dict[str, Candidate] = {}
        for role in roles:
            for candidate in people:
                if candidate.role is role:
                    reached.setdefault(candidate.person, candidate)
        if reached:
            return tuple(reached.values())
    return ()
