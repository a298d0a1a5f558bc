"""The table of what is due: time to act is a row, never a timer."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc, Word
from wire.vocabulary import AlarmClass


class DueKind(StrEnum):
    """What is to be done at the due time."""

    STEP = "step"
    """Tell the people of the next step, if nobody accepted."""
    ACCEPTANCE = "acceptance"
    """Take the acceptance back, if nobody arrived or finished."""
    RECHECK = "recheck"
    """Give a done item back, if the alarm is still active."""
    REPEAT = "repeat"
    """Tell the last step again, if still nobody accepted."""
    REACH = "reach"
    """Look whether anybody was reached at all, and say so if not."""
    HOLD = "hold"
    """See whether others fell silent with it, and tell people."""
    SPLIT = "split"
    """Contact came back: what is still silent stands for itself."""
    UNSHELVE = "unshelve"
    """Take up again what was laid aside."""
    DIGEST = "digest"
    """Tell those whose hour was full."""
    MORNING = "morning"
    """Just before quiet hours end: hand what waits for then to whoever has the duty then."""
    ATTEND = "attend"
    """Ask whoever has it, then the desk, if nothing was heard of them since."""


TELLING = (DueKind.STEP, DueKind.REPEAT, DueKind.REACH, DueKind.DIGEST, DueKind.MORNING)
"""What ends when somebody takes an item."""


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


class PolicyRow(Base):
    """The steps of one class, for the street or one community, where they are not the default ones."""

    __tablename__ = "escalation_policy"
    __table_args__ = (UniqueConstraint("community", "class"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    community: Mapped[str] = mapped_column(String(40), default="")
    """Empty for the street."""
    class_: Mapped[AlarmClass] = mapped_column("class", Word(AlarmClass))
    policy: Mapped[dict[str, Any]] = mapped_column(JSON)
    """As `server.escalation.stored` writes it."""
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime] = mapped_column(Utc)
    changed_by: Mapped[str] = mapped_column(String(100))


class CanaryRun(Base):
    """One message that went through the whole chain to nobody, to prove that the chain is whole."""

    __tablename__ = "canary_run"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    sent_at: Mapped[datetime] = mapped_column(Utc, index=True)
    taken_in_at: Mapped[datetime | None] = mapped_column(Utc)
    """The intake committed it."""
    handed_at: Mapped[datetime | None] = mapped_column(Utc)
    """The sender of notices gave its notice to a channel."""
    received_at: Mapped[datetime | None] = mapped_column(Utc)
    """Its notice came back in, signed, and was committed."""
    refusal: Mapped[str] = mapped_column(String(120), default="", server_default="")
    """Why the channel could not deliver its notice, in the words in which a channel says it."""


class ClockMark(Base):
    """What one start of a machine last said of its clocks: see `server.escalation.wallclock`."""

    __tablename__ = "clock_mark"

    boot: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The kernel's name of that start."""
    offset_us: Mapped[int] = mapped_column(BigInteger)
    """Wall time since 1970 less the time since the start, microseconds."""
    seen_at: Mapped[datetime] = mapped_column(Utc)
    """The wall time when it was last looked at."""
