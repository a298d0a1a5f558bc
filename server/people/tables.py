"""Tables of people and what they are on duty for."""

from enum import StrEnum

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Word


class Role(StrEnum):
    """What a person is for a place."""

    LEADER = "leader"
    """网格长 of a grid."""
    DEPUTY = "deputy"
    """The leader's backup."""
    OFFICER = "officer"
    """Officer of a comprehensive grid."""
    DUTY_ROOM = "duty_room"
    """Duty room of an estate."""
    MAINTAINER = "maintainer"
    """Keeps gateways and devices working."""
    SECRETARY = "secretary"
    """Secretary of a community."""
    DESK = "desk"
    """指挥中心: the staffed last resort."""


class Scope(StrEnum):
    """What kind of place a duty is for."""

    GRID = "grid"
    ESTATE = "estate"
    COMMUNITY = "community"
    STREET = "street"


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
