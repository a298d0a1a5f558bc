"""The people behind the phones: how they are reached, and what they do when it rings."""

import csv
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from firmware_sim.phone.behaviour import Provider
from firmware_sim.phone.inbox import Received

WRONG_KEY = "9"
"""A telephone key that no menu offers."""
HANG_UP = "hang_up"
"""Taking a call and hanging up, where otherwise a key stands."""


class Habit(StrEnum):
    """What a person does about a message."""

    ANSWER = "answer"
    """Presses the right button after `after_s`."""
    IGNORE = "ignore"
    """Does nothing; the telephone rings out."""
    ANSWER_LATE = "answer_late"
    """As `answer`, ten minutes later unless `after_s` says when."""
    WRONG_BUTTON = "wrong_button"
    """Presses the last button of a card, or a telephone key that means nothing."""
    HANG_UP = "hang_up"
    """Takes a call and hangs up without a key; does nothing about anything else."""
    BUSY = "busy"
    """The telephone is engaged; does nothing about anything else."""
    SWITCHED_OFF = "switched_off"
    """The telephone is off: no call rings, no message is read."""


class Script(BaseModel):
    """What one person does from now on."""

    model_config = ConfigDict(extra="forbid")

    person: str
    does: Habit
    after_s: Annotated[float, Field(ge=0)] | None = None
    button: str | None = None
    """Key of the button that is right; the first one by default. On a page: the move, `accept`."""
    channels: tuple[Provider, ...] = ()
    """Only for messages of these; none is all."""


class Person(BaseModel):
    """A person as the network's directory knows them."""

    model_config = ConfigDict(extra="forbid")

    person: str
    name: str = ""
    wecom: str = ""
    numbers: tuple[str, ...] = ()


def read_people(path: Path) -> list[Person]:
    """Read a street's `people.csv` (columns `code`, `name`, `phone`): whose phones hang on the wall.

    Raises:
        ValueError: a column is missing.
        OSError: the file cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        missing = {"code", "name", "phone"} - set(rows.fieldnames or ())
        if missing:
            raise ValueError(f"{path}:1: found no column {', '.join(sorted(missing))}")
        return [
            Person(person=row["code"], name=row["name"], numbers=(row["phone"],) if row["phone"] else ())
            for row in rows
        ]


@dataclass(slots=True)
class Directory:
    """Whose phone an address is. An address that nobody has is a phone of its own."""

    people: dict[str, Person] = field(default_factory=dict)
    strangers: bool = True
    """Whether an address that is not in the directory exists all the same."""

    def register(self, person: Person) -> None:
        """Add or replace a person."""
        self.people[person.person] = person

    def by_wecom(self, userid: str) -> str | None:
        """Return whose WeCom account it is; None if there is no such account."""
        for one in self.people.values():
            if userid in (one.wecom, one.person):
                return one.person
        return userid if self.strangers else None

    def by_number(self, number: str) -> str | None:
        """Return whose telephone it is; None if the number is not in use."""
        for one in self.people.values():
            if number in one.numbers:
                return one.person
        return number if self.strangers else None

    def name_of(self, person: str) -> str:
        """Return how the wall calls a person."""
        known = self.people.get(person)
        return known.name if known and known.name else person


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a person will do about one message."""

    after_s: float
    key: str
    """A button's key; `hang_up` is taking a call and hanging up; `open:MOVE` is a button of the page."""


_PROMPT_S = 2.0
_LATE_S = 600.0
_PASSIVE = frozenset({Habit.IGNORE, Habit.BUSY, Habit.SWITCHED_OFF})


def plan(script: Script | None, message: Received) -> Plan | None:
    """Return what a person does about a message, and when; None is nothing."""
    if script is None or script.does in _PASSIVE:
        return None
    if script.channels and message.channel not in script.channels:
        return None
    after_s = script.after_s
    if after_s is None:
        after_s = _LATE_S if script.does is Habit.ANSWER_LATE else _PROMPT_S
    chosen = _choose(script, message)
    return Plan(after_s=after_s, key=chosen) if chosen else None


def _choose(script: Script, message: Received) -> str:
    """Return what is pressed: a key, `hang_up`, `open:MOVE`; empty is nothing."""
    call = message.channel is Provider.VOICE
    if script.does is Habit.HANG_UP:
        return HANG_UP if call else ""
    if script.does is Habit.WRONG_BUTTON:
        last = message.buttons[-1].key if message.buttons else ""
        return WRONG_KEY if call else script.button or last
    if message.buttons:
        return script.button or message.buttons[0].key
    if message.link:
        return f"open:{script.button or 'accept'}"
    return HANG_UP if call else ""
