"""People of a street: what they are for which place, when, and when they are away. Pure.

Telephone numbers begin with 127. In China's numbering plan (电信网编号计划, 2017 edition, section 2.3:
numbers that begin with 1) the ranges 126 to 129 are a reserve: no subscriber and no service has such a
number, and no network has a route to it. They have the eleven digits of a mobile number, so that
whatever handles numbers meets the usual form.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Final

from firmware_sim.street.counts import BEGIN, randomness
from firmware_sim.street.names import person_name
from firmware_sim.street.places import Community, Leaf, Places

UNDIALLABLE_PREFIX: Final = "127"
_WEBHOOK: Final = "http://127.0.0.1:8090/hook"
"""Of the simulated phones; `gridwarden-server import --webhook-base` names another."""
_ALL_DAYS: Final = "1234567"
_DAY_SHIFT: Final = ("08:00", "20:00")
_NIGHT_SHIFT: Final = ("20:00", "08:00")
_ABSENT: Final = 0.05
"""The share of leaders and officers who are away at some time of four weeks; at least one is."""
_WINDOWS: Final[tuple[tuple[tuple[str, str, str], ...], ...]] = (
    (),
    ((_ALL_DAYS, "07:00", "22:00"),),
    (("12345", "18:00", "23:00"), ("67", "08:00", "22:00")),
)
"""When a leader is on duty: always, by day, or out of working hours."""
_WINDOW_WEIGHTS: Final = (60, 25, 15)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, or a duty room's telephone."""

    code: str
    name: str
    phone: str

    @property
    def webhook_url(self) -> str:
        """Where the simulated phone listens."""
        return f"{_WEBHOOK}/{self.code}"


@dataclass(frozen=True, slots=True)
class Duty:
    """A person's role for a place."""

    person: str
    role: str
    scope: str
    code: str


@dataclass(frozen=True, slots=True)
class DutyTime:
    """When in the week a duty is held, every `cycle_weeks` weeks from `cycle_start`."""

    duty: Duty
    days: str
    begins: str
    ends: str
    cycle_weeks: int = 1
    cycle_start: date | None = None


@dataclass(frozen=True, slots=True)
class Absence:
    """When somebody is away, from and until a day at eight, and who stands in."""

    person: str
    first: date
    last: date
    stand_in: str


@dataclass(slots=True)
class People:
    """Everybody, and what for."""

    begin: date = BEGIN
    people: list[Person] = field(default_factory=list)
    duties: list[Duty] = field(default_factory=list)
    times: list[DutyTime] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)
    maintainers: dict[str, str] = field(default_factory=dict)
    """Area to the person who keeps its gateways working."""

    def add(self, code: str, name: str) -> str:
        """Take in somebody; returns the code."""
        phone = f"{UNDIALLABLE_PREFIX}{len(self.people) + 1:08}"
        self.people.append(Person(code, name, phone))
        return code

    def appoint(self, person: str, role: str, scope: str, code: str = "") -> Duty:
        """Give somebody a duty."""
        duty = Duty(person, role, scope, code)
        self.duties.append(duty)
        return duty

    def rotate(self, duty: Duty, shift: tuple[str, str], *, week: int, weeks: int) -> None:
        """Let a duty be held in one week of several."""
        start = self.begin + timedelta(weeks=week)
        self.times.append(DutyTime(duty, _ALL_DAYS, *shift, weeks, start))


def build_people(places: Places, seed: int, begin: date = BEGIN) -> People:
    """Invent everybody.

    Args:
        places: of the street.
        seed: decides.
        begin: a Monday from which rotations and absences count.
    """
    chance = randomness(seed, "people")
    found = People(begin=begin)
    for number, area in enumerate(places.areas, start=1):
        found.maintainers[area.code] = found.add(f"m{number:02}", person_name(chance))
    for community in places.communities:
        _staff_community(found, community, chance)
    _staff_street(found, chance)
    return found


def _staff_community(found: People, community: Community, chance: Random) -> None:
    place = community.code
    found.appoint(found.maintainers[community.area], "maintainer", "community", place)
    secretary = found.add(f"s{place[1:]}", person_name(chance))
    found.appoint(secretary, "secretary", "community", place)
    for week, letter in enumerate("ab"):
        officer = found.add(f"n{place[1:]}{letter}", person_name(chance))
        night = found.appoint(officer, "officer", "community", place)
        found.rotate(night, ("08:00", "08:00"), week=week, weeks=2)
    officers = []
    for grid in community.grids:
        officers.append(found.add(f"o{grid.code[1:]}", person_name(chance)))
        found.appoint(officers[-1], "officer", "grid", grid.code)
    _send_away(found, officers, officers, chance)
    _staff_grids(found, community.leaves, chance)
    for estate in community.estates:
        room = found.add(f"r{estate.code[1:]}", f"{estate.name}值班室")
        found.appoint(room, "duty_room", "estate", estate.code)


def _staff_grids(found: People, leaves: Sequence[Leaf], chance: Random) -> None:
    """Give each grid a leader, and the neighbouring grid's leader as the backup."""
    leaders = [
        found.add(("d" if leaf.purpose else "l") + leaf.code[1:], person_name(chance)) for leaf in leaves
    ]
    backups = [*leaders[1:], leaders[0]]
    for leaf, leader, backup in zip(leaves, leaders, backups, strict=True):
        duty = found.appoint(leader, "leader", "grid", leaf.code)
        if backup != leader:
            found.appoint(backup, "deputy", "grid", leaf.code)
        windows = chance.choices(_WINDOWS, _WINDOW_WEIGHTS)[0]
        found.times += [DutyTime(duty, *window) for window in windows]
    _send_away(found, leaders, backups, chance)


def _send_away(found: People, people: Sequence[str], stand_ins: Sequence[str], chance: Random) -> None:
    for person, stand_in in zip(people, stand_ins, strict=True):
        if chance.random() < _ABSENT or not found.absences:
            first = found.begin + timedelta(days=chance.randrange(-3, 25))
            last = first + timedelta(days=chance.randrange(1, 15))
            agreed = stand_in != person and chance.random() < 0.7  # noqa: PLR2004 - most agree on somebody
            found.absences.append(Absence(person, first, last, stand_in if agreed else ""))


def _staff_street(found: People, chance: Random) -> None:
    keeper = found.add("m00", person_name(chance))
    found.appoint(keeper, "maintainer", "street")
    for number, (week, shift) in enumerate(_desk_shifts(), start=1):
        operator = found.add(f"desk-{number}", f"指挥中心{person_name(chance)}")
        found.rotate(found.appoint(operator, "desk", "street"), shift, week=week, weeks=2)
    for number, department in enumerate(_DEPARTMENTS, start=1):
        contact = found.add(f"department-{number}", f"{department}{person_name(chance)}")
        found.appoint(contact, "department", "street")


_DEPARTMENTS: Final = ("城管", "应急", "水务")
"""Offices of the street to which the desk hands what is not a grid's matter."""


def _desk_shifts() -> Iterator[tuple[int, tuple[str, str]]]:
    """Yield the shifts of the desk, so that one is always held."""
    for week in range(2):
        yield week, _DAY_SHIFT
        yield week, _NIGHT_SHIFT
