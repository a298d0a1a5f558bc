"""The table of what is due: time to act is a row, never a timer."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc, Word


class DueKind(StrEnum):
    """What is to be done at the due time."""

    STEP = "step"
    """Tell the people of the next step, if nobody accepted."""
    ACCEPTANCE = "acceptance"
    """Take the acceptance back, if nobody arrived or finished."""
    RECHECK = "recheck"
    """Give a done item back, if the alarm is still active."""


class Due(Base):
    """One thing to do for one item at one time; settled rows are kept as history."""

    __tablename__ = "due"
    __table_args__ = (Index("ix_due_open", "settled_at", "due_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(ForeignKey("item.id"), index=True)
    kind: Mapped[DueKind] = mapped_column(Word(DueKind))
    step: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(Utc)
    settled_at: Mapped[datetime | None] = mapped_column(Utc)
    settled_as: Mapped[str] = mapped_column(String(40), default="")
    """`done`, `not_needed` or `withdrawn`."""
