"""The table of who did what, when and why."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc


class AuditRow(Base):
    """One act that changed something. Rows are added, never changed.

    Personal data stays out of it: people appear by their code.
    """

    __tablename__ = "audit_row"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc, index=True)
    actor_kind: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(60))
    subject_kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(200), index=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class AuditSeal(Base):
    """A link of the chain over audit rows: whoever changes, adds or takes out a sealed row breaks it."""

    __tablename__ = "audit_seal"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1, 2, 3 … without a gap."""
    row: Mapped[int] = mapped_column(unique=True)
    """The audit row's id."""
    salt: Mapped[str] = mapped_column(String(64), default="")
    """Mixed into the digest of the words; erased with them, so that nobody can guess them back."""
    words_digest: Mapped[str] = mapped_column(String(64))
    """Of reason and detail, which may be erased."""
    hash: Mapped[str] = mapped_column(String(64))
    """Over the hash before, the row's facts and the digest of its words."""
    sealed_at: Mapped[datetime] = mapped_column(Utc)
    erased_at: Mapped[datetime | None] = mapped_column(Utc)
    """When reason and detail were erased; the row's facts and the chain stand."""
