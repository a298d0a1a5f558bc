"""Tables of operators, their sessions, links in messages and the phones bound to them."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from server.access.allowances import Door
from server.access.model import AccessRole
from server.db.base import Base, Utc, Word
from server.people.model import Scope


class Operator(Base):
    """Somebody at the desk."""

    __tablename__ = "operator"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    """Null for an account that signs in through another system."""
    person: Mapped[str | None] = mapped_column(ForeignKey("person.code"), unique=True)
    """Who it is in the register: their duties open their places."""
    created_at: Mapped[datetime] = mapped_column(Utc)
    disabled_at: Mapped[datetime | None] = mapped_column(Utc)
    totp_secret: Mapped[str | None] = mapped_column(String(200))
    """Of the second factor, encrypted."""
    totp_since: Mapped[datetime | None] = mapped_column(Utc)
    """Null until its first code was typed back."""
    totp_step: Mapped[int | None] = mapped_column(BigInteger)
    """The time step of the last code: a code counts once."""


class RecoveryCode(Base):
    """What lets an account in that has lost its second factor; each once."""

    __tablename__ = "recovery_code"

    operator: Mapped[str] = mapped_column(ForeignKey("operator.name"), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime | None] = mapped_column(Utc)


class ApiKey(Base):
    """A program's way in: it acts as an account, with its roles; only its hash is kept."""

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    operator: Mapped[str] = mapped_column(ForeignKey("operator.name"), index=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(Utc)
    expires_at: Mapped[datetime] = mapped_column(Utc)
    used_at: Mapped[datetime | None] = mapped_column(Utc)
    revoked_at: Mapped[datetime | None] = mapped_column(Utc)


class OuterLogin(Base):
    """Who an account is in another system: `issuer` and `subject` there; made by an administrator."""

    __tablename__ = "outer_login"

    issuer: Mapped[str] = mapped_column(String(200), primary_key=True)
    subject: Mapped[str] = mapped_column(String(200), primary_key=True)
    operator: Mapped[str] = mapped_column(ForeignKey("operator.name"), index=True)


class LoginAttempt(Base):
    """A log-in that went out to another system and has not come back; used once, good for minutes."""

    __tablename__ = "login_attempt"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    way: Mapped[str] = mapped_column(String(16))
    nonce: Mapped[str] = mapped_column(String(64), default="")
    verifier: Mapped[str] = mapped_column(String(128), default="")
    created_at: Mapped[datetime] = mapped_column(Utc)


class OperatorGrant(Base):
    """A role of an account for a place; `code` is the place's, empty for the street."""

    __tablename__ = "operator_grant"
    __table_args__ = (UniqueConstraint("operator", "role", "scope", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    operator: Mapped[str] = mapped_column(ForeignKey("operator.name"), index=True)
    role: Mapped[AccessRole] = mapped_column(Word(AccessRole))
    scope: Mapped[Scope] = mapped_column(Word(Scope))
    code: Mapped[str] = mapped_column(String(40), default="")
    granted_at: Mapped[datetime] = mapped_column(Utc)


class OperatorSession(Base):
    """A log-in; only the token's hash is kept."""

    __tablename__ = "operator_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    operator: Mapped[str] = mapped_column(ForeignKey("operator.name"), index=True)
    created_at: Mapped[datetime] = mapped_column(Utc)
    used_at: Mapped[datetime] = mapped_column(Utc)
    expires_at: Mapped[datetime] = mapped_column(Utc)
    """When it ends if it lies idle; moves on with use."""
    ends_at: Mapped[datetime | None] = mapped_column(Utc)
    """When it ends however much it is used."""
    idle_s: Mapped[int] = mapped_column(default=43_200, server_default="43200")
    confirmed: Mapped[bool] = mapped_column(default=True, server_default=true())
    """False while the second factor is still to be given: such a session opens nothing."""
    source: Mapped[str] = mapped_column(String(64), default="", server_default="")
    agent: Mapped[str] = mapped_column(String(200), default="", server_default="")
    """What the browser called itself, for its owner to recognise it."""


class FirstRunCode(Base):
    """The code that makes the first operator; used once, good for an hour."""

    __tablename__ = "first_run_code"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Utc)
    used_at: Mapped[datetime | None] = mapped_column(Utc)


class Invitation(Base):
    """A code with which the owner of an account chooses its password; used once, good for a day."""

    __tablename__ = "invitation"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    operator: Mapped[str] = mapped_column(ForeignKey("operator.name"), index=True)
    made_by: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(Utc)
    expires_at: Mapped[datetime] = mapped_column(Utc)
    used_at: Mapped[datetime | None] = mapped_column(Utc)


class LoginFailure(Base):
    """A failed log-in, counted per name and per source, so that a restart forgets nothing."""

    __tablename__ = "login_failure"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), index=True)
    source: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime] = mapped_column(Utc, index=True)


class UsedAllowance(Base):
    """What an asker has used up of an allowance, so that a restart gives nothing back; gone once whole."""

    __tablename__ = "used_allowance"

    door: Mapped[Door] = mapped_column(Word(Door), primary_key=True)
    asker: Mapped[str] = mapped_column(String(32), primary_key=True)
    """A digest of who asks: an address, an account, a link."""
    whole_at: Mapped[datetime] = mapped_column(Utc, index=True)


class Link(Base):
    """A link in a message: one item, one person. Opening it never acts and never consumes it."""

    __tablename__ = "link"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    item: Mapped[str] = mapped_column(ForeignKey("item.id"), index=True)
    person: Mapped[str] = mapped_column(ForeignKey("person.code"), index=True)
    created_at: Mapped[datetime] = mapped_column(Utc)
    phone_hash: Mapped[str | None] = mapped_column(String(64))
    """The phone that first pressed; no other phone may press afterwards."""
    bound_at: Mapped[datetime | None] = mapped_column(Utc)
    revoked_at: Mapped[datetime | None] = mapped_column(Utc)


class Phone(Base):
    """A phone that pressed for a person; only its secret's hash is kept."""

    __tablename__ = "phone"

    phone_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("person.code"), primary_key=True)
    bound_at: Mapped[datetime] = mapped_column(Utc)
