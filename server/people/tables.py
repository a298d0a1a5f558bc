"""Tables of people and what they are on duty for."""

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Word
from server.people.model import Role, Scope

__all__ = ["Duty", "Person", "Role", "Scope"]


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
