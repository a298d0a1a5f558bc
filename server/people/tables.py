"""Tables of people and what they are on duty for."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc, Word
from server.people.model import Role, Scope
from server.people.rostertables import RosterMessage, SwapProposal

__all__ = [
    "Absence",
    "Contact",
    "Duty",
    "DutyTime",
    "Holiday",
    "Person",
    "Role",
    "RosterMessage",
    "Scope",
    "Swap",
    "SwapProposal",
]


class Person(Base):
    """Somebody who can be told."""

    __tablename__ = "person"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    phone: Mapped[str | None] = mapped_column(String(30))
    webhook_url: Mapped[str | None] = mapped_column(String(400))
    active: Mapped[bool] = mapped_column(default=True)


class Duty(Base):
    """One person's role for one place; `code` is the place's, empty for the street."""

    __tablename__ = "duty"
    __table_args__ = (UniqueConstraint("person", "role", "scope", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("person.code"), index=True)
    role: Mapped[Role] = mapped_column(Word(Role))
    scope: Mapped[Scope] = mapped_column(Word(Scope))
    code: Mapped[str] = mapped_column(String(40), default="", index=True)


class DutyTime(Base):
    """When in the week a duty is held; a duty without any such row is held at every moment.

    `from_time` and `until_time` are `HH:MM` of the street's time; an end that is not after its
    beginning is on the next day. Of a rotation of `cycle_weeks` weeks a row counts in the weeks that
    are a multiple of it away from the week of `cycle_start`, a Monday.
    """

    __tablename__ = "duty_time"
    __table_args__ = (
        UniqueConstraint("person", "role", "scope", "code", "days", "from_time"),
        Index("ix_duty_time_place", "role", "scope", "code"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("person.code"), index=True)
    role: Mapped[Role] = mapped_column(Word(Role))
    scope: Mapped[Scope] = mapped_column(Word(Scope))
    code: Mapped[str] = mapped_column(String(40), default="")
    days: Mapped[str] = mapped_column(String(7))
    """Days of the week on which it begins, 1 for Monday to 7 for Sunday."""
    from_time: Mapped[str] = mapped_column(String(5))
    until_time: Mapped[str] = mapped_column(String(5))
    cycle_weeks: Mapped[int] = mapped_column(default=1)
    cycle_start: Mapped[date | None]


class Absence(Base):
    """When somebody is away, and who stands in, if that is agreed."""

    __tablename__ = "absence"
    __table_args__ = (UniqueConstraint("person", "from_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("person.code"), index=True)
    from_at: Mapped[datetime] = mapped_column(Utc)
    until_at: Mapped[datetime] = mapped_column(Utc)
    stand_in: Mapped[str | None] = mapped_column(ForeignKey("person.code"))


class Contact(Base):
    """An address of somebody on one channel. It counts once the person has confirmed a code sent to it."""

    __tablename__ = "contact"
    __table_args__ = (UniqueConstraint("person", "channel", "address"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("person.code"), index=True)
    channel: Mapped[str] = mapped_column(String(32))
    """A `ChannelKind`."""
    address: Mapped[str] = mapped_column(String(400))
    added_at: Mapped[datetime] = mapped_column(Utc)
    verified_at: Mapped[datetime | None] = mapped_column(Utc)
    code_hash: Mapped[str] = mapped_column(String(64), default="")
    """SHA-256 of the code that was sent; empty when none is under way."""
    code_until: Mapped[datetime | None] = mapped_column(Utc)
    tries: Mapped[int] = mapped_column(default=0)
    """Wrong codes since the last one was made."""


class Swap(Base):
    """One duty that somebody else takes over for a time; two people who swap are two rows."""

    __tablename__ = "swap"
    __table_args__ = (UniqueConstraint("person", "role", "scope", "code", "from_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("person.code"), index=True)
    role: Mapped[Role] = mapped_column(Word(Role))
    scope: Mapped[Scope] = mapped_column(Word(Scope))
    code: Mapped[str] = mapped_column(String(40), default="")
    from_at: Mapped[datetime] = mapped_column(Utc)
    until_at: Mapped[datetime] = mapped_column(Utc)
    taken_by: Mapped[str] = mapped_column(ForeignKey("person.code"))


class Holiday(Base):
    """A day that duty times treat as another day of the week.

    A public holiday counts as a Sunday (7); a Saturday that is worked instead (调休) as a weekday.
    """

    __tablename__ = "holiday"

    day: Mapped[date] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), default="")
    counts_as: Mapped[int]
