"""Everybody and their duties, ready to be asked who stands where at a moment. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from server.people.model import DutyFacts, PersonFacts, Role, Scope
from server.people.shifts import (
    AbsenceFacts,
    Holidays,
    SwapFacts,
    Times,
    away_until,
    held_at,
    next_beginning,
)

Post = tuple[Role, Scope, str]
"""A role for a place; the code is empty for the street."""


class Presence(StrEnum):
    """How somebody stands to a duty of theirs at a moment."""

    ON_DUTY = "on_duty"
    OFF_DUTY = "off_duty"
    """Their duty time is another."""
    AWAY = "away"
    GIVEN_AWAY = "given_away"
    """Somebody else has taken this duty over."""
    LEFT = "left"
    """No longer active."""
    NO_CHANNEL = "no_channel"
    """There is no address at which they can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Somebody, and whether a duty reaches them now.

    Attributes:
        person: who.
        presence: how they stand to the duty.
        until: when that changes, as far as it is known.
        instead_of: whose duty it is, when they stand in or have taken it over.
    """

    person: PersonFacts
    presence: Presence = Presence.ON_DUTY
    until: datetime | None = None
    instead_of: PersonFacts | None = None

    @property
    def reachable(self) -> bool:
        """Whether they can be told now."""
        return self.presence is Presence.ON_DUTY


_NONE: Final[tuple[DutyFacts, ...]] = ()


class Roster:
    """Everybody and their duties. Off duty is off duty: only who stands `ON_DUTY` may be told."""

    def __init__(
        self,
        people: Iterable[PersonFacts],
        duties: Iterable[DutyFacts],
        *,
        times: Mapping[DutyFacts, Sequence[Times]] | None = None,
        absences: Iterable[AbsenceFacts] = (),
        swaps: Iterable[SwapFacts] = (),
        holidays: Holidays | None = None,
    ) -> None:
        """Gather it; a duty of somebody who is not among the people is left out.

        Args:
            people: everybody.
            duties: in the order in which they were registered, which is the order of telling.
            times: when a duty is held; one that is not there always is.
            absences: when people are away.
            swaps: duties that others take over.
            holidays: days that count as another day of the week.
        """
        self.people: Mapping[str, PersonFacts] = {person.code: person for person in people}
        self.times: Mapping[DutyFacts, Sequence[Times]] = times or {}
        self.holidays: Holidays = holidays or {}
        self._duties = tuple(duties)
        self._held: dict[Post, tuple[DutyFacts, ...]] = {}
        for duty in self._duties:
            if duty.person in self.people:
                post = (duty.role, duty.scope, duty.code)
                self._held[post] = (*self._held.get(post, _NONE), duty)
        self.absences: dict[str, tuple[AbsenceFacts, ...]] = {}
        for absence in absences:
            self.absences[absence.person] = (*self.absences.get(absence.person, ()), absence)
        self.swaps: dict[DutyFacts, tuple[SwapFacts, ...]] = {}
        for swap in swaps:
            self.swaps[swap.duty] = (*self.swaps.get(swap.duty, ()), swap)

    def person(self, code: str) -> PersonFacts | None:
        """Return somebody by code."""
        return self.people.get(code)

    def duties(self) -> Iterator[DutyFacts]:
        """Yield every duty of somebody who is among the people, in the order of registration."""
        return (duty for duty in self._duties if duty.person in self.people)

    def changed(
        self,
        *,
        times: Mapping[DutyFacts, Sequence[Times]] | None = None,
        absences: Iterable[AbsenceFacts] = (),
        swaps: Iterable[SwapFacts] = (),
    ) -> "Roster":
        """Return the roster as it would be with other times of some duties, more absences and more swaps."""
        return Roster(
            self.people.values(),
            self._duties,
            times={**self.times, **(times or {})},
            absences=[*(one for some in self.absences.values() for one in some), *absences],
            swaps=[*(one for some in self.swaps.values() for one in some), *swaps],
            holidays=self.holidays,
        )

    def duties_of(self, post: Post) -> tuple[DutyFacts, ...]:
        """Return who was registered for a post, in that order."""
        return self._held.get(post, _NONE)

    def standings(self, post: Post, at: datetime) -> Iterator[Standing]:
        """Yield everybody whom a post concerns at a moment, each in turn followed by who acts for them.

        Args:
            post: role, kind of place and code.
            at: the moment, with an offset.

        Raises:
            ValueError: the moment has no offset.
        """
        if at.tzinfo is None:
            raise ValueError(f"{at!r} has no offset")
        for duty in self.duties_of(post):
            yield from self._of_duty(duty, at)

    def standing_of(self, code: str, at: datetime) -> Iterator[Standing]:
        """Yield how somebody named outright stands, followed by who stands in for them."""
        person = self.people.get(code)
        if person is not None:
            yield from self._of_person(person, at, frozenset())

    def _of_duty(self, duty: DutyFacts, at: datetime) -> Iterator[Standing]:
        person = self.people[duty.person]
        swap = next((one for one in self.swaps.get(duty, ()) if one.holds(at)), None)
        taker = self.people.get(swap.taken_by) if swap else None
        if swap is not None and taker is not None and taker.active:
            yield Standing(person=person, presence=Presence.GIVEN_AWAY, until=swap.ends)
            if self._is_held(duty, at):
                yield from _instead_of(person, self._of_person(taker, at, frozenset((person.code,))))
        elif not self._is_held(duty, at):
            begins = next_beginning(self.times[duty], at, self.holidays)
            yield Standing(person=person, presence=Presence.OFF_DUTY, until=begins)
        else:
            yield from self._of_person(person, at, frozenset())

    def _is_held(self, duty: DutyFacts, at: datetime) -> bool:
        return held_at(self.times.get(duty, ()), at, self.holidays)

    def _of_person(self, person: PersonFacts, at: datetime, above: frozenset[str]) -> Iterator[Standing]:
        """Yield somebody whose turn it is, and when they are away who stands in, each once."""
        absences = self.absences.get(person.code, ())
        until = away_until(absences, at) if absences else None
        if until is None:
            yield Standing(person=person, presence=_presence_of(person))
            return
        yield Standing(person=person, presence=Presence.AWAY, until=until)
        seen = above | {person.code}
        for absence in absences:
            other = self.people.get(absence.stand_in or "")
            if absence.holds(at) and other is not None and other.code not in seen:
                yield from _instead_of(person, self._of_person(other, at, seen))


def _instead_of(person: PersonFacts, others: Iterator[Standing]) -> Iterator[Standing]:
    for standing in others:
        yield standing if standing.instead_of else replace(standing, instead_of=person)


def _presence_of(person: PersonFacts) -> Presence:
    if not person.active:
        return Presence.LEFT
    return Presence.ON_DUTY if person.reachable else Presence.NO_CHANNEL
