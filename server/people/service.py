"""People and their duties from the database."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import select

from server.db.session import ONE_MOMENT, ReadSession
from server.people.addresses import addresses_of
from server.people.model import DutyFacts, PersonFacts
from server.people.roster import Roster
from server.people.shifts import AbsenceFacts, SwapFacts, Times
from server.people.tables import Absence, Duty, DutyTime, Holiday, Person, Swap

_CHANNELS: Final = "channels"
"""In the info of a session that reads as of one moment: what was read of people's channels."""


async def read_roster(session: ReadSession) -> Roster:
    """Read everybody, their duties, and when they hold them."""
    found = list(await session.scalars(select(Person)))
    addresses = await addresses_of(session, found)
    people = [facts_of(person, addresses) for person in found]
    duties = await session.execute(select(Duty.person, Duty.role, Duty.scope, Duty.code).order_by(Duty.id))
    times: dict[DutyFacts, list[Times]] = {}
    for row in await session.scalars(select(DutyTime).order_by(DutyTime.id)):
        times.setdefault(_duty(row), []).append(
            Times(
                days=row.days,
                begins=row.from_time,
                ends=row.until_time,
                cycle_weeks=row.cycle_weeks,
                cycle_start=row.cycle_start,
            )
        )
    return Roster(
        people,
        [_duty(row) for row in duties],
        times=times,
        absences=[
            AbsenceFacts(person=row.person, begins=row.from_at, ends=row.until_at, stand_in=row.stand_in)
            for row in await session.scalars(select(Absence).order_by(Absence.id))
        ],
        swaps=[
            SwapFacts(duty=_duty(row), begins=row.from_at, ends=row.until_at, taken_by=row.taken_by)
            for row in await session.scalars(select(Swap).order_by(Swap.id))
        ],
        holidays={row.day: row.counts_as for row in await session.scalars(select(Holiday))},
    )


async def channels_of(session: ReadSession, codes: Collection[str]) -> dict[str, frozenset[str]]:
    """Return over which channels each of these people can be told now."""
    known: dict[str, frozenset[str] | None] = {}
    if ONE_MOMENT in session.info:
        known = session.info.setdefault(_CHANNELS, known)
    missing = set(codes) - known.keys()
    if missing:
        found = list(await session.scalars(select(Person).where(Person.code.in_(missing))))
        addresses = await addresses_of(session, found)
        for code in missing:
            known[code] = frozenset(addresses[code]) if code in addresses else None
    return {code: channels for code in codes if (channels := known[code]) is not None}


def note_channels(session: ReadSession, people: Mapping[str, PersonFacts], codes: Collection[str]) -> None:
    """Let a session that reads as of one moment take these people's channels from the newest roster.

    Args:
        session: reads as of one moment.
        people: the roster's, by code.
        codes: of whom.
    """
    known: dict[str, frozenset[str] | None] = session.info.setdefault(_CHANNELS, {})
    for code in codes:
        facts = people.get(code)
        if facts is not None:
            known[code] = facts.channels if facts.active else None


def facts_of(person: Person, addresses: Mapping[str, Mapping[str, str]]) -> PersonFacts:
    """Return what matters of a person: reachable is one who is active and has a channel's address."""
    return PersonFacts(
        code=person.code,
        name=person.name,
        reachable=bool(addresses.get(person.code)),
        active=person.active,
        channels=frozenset(addresses.get(person.code, ())),
    )


def _duty(row: Any) -> DutyFacts:
    return DutyFacts(person=row.person, role=row.role, scope=row.scope, code=row.code)
