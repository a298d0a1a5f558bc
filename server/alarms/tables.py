"""The table of alarms, by gateway and alarm id."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, ColumnElement, ForeignKey, Index, String, Text, and_, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc, Word
from wire.vocabulary import AlarmClass, Condition, Kind, Measure, Mode, Quality, Suppression

_STANDING = "cleared_at IS NULL AND superseded_at IS NULL"
"""Of all alarms that were, those that stand are few."""
MATTER_RUN: Final = "server-matters"
"""The run of alarms that the server itself states because a person put a matter on a visit list: no gateway
knows them, so that none supersedes them."""


class Alarm(Base):
    """One alarm as its gateway last stated it.

    An alarm whose content could not be read has `readable` false, `raw` as it came, kind
    `contact`, class `hazard` and goes to the desk.
    """

    __tablename__ = "alarm"
    __table_args__ = (
        Index("ix_alarm_open", "gateway", "cleared_at"),
        Index("ix_alarm_device", "gateway", "device", "raised_at"),
        Index(
            "ix_alarm_standing",
            "device",
            "gateway",
            "kind",
            sqlite_where=text(_STANDING),
            postgresql_where=text(_STANDING),
        ),
    )

    gateway: Mapped[str] = mapped_column(String(64), primary_key=True)
    alarm: Mapped[str] = mapped_column(String(128), primary_key=True)
    run: Mapped[str] = mapped_column(String(128))
    seq: Mapped[int] = mapped_column(BigInteger)
    boot: Mapped[str] = mapped_column(String(128))
    up_ms: Mapped[int] = mapped_column(BigInteger)
    device: Mapped[str] = mapped_column(String(128))
    rule: Mapped[str] = mapped_column(String(128))
    kind: Mapped[Kind] = mapped_column(Word(Kind))
    class_: Mapped[AlarmClass] = mapped_column("class", Word(AlarmClass))
    condition: Mapped[Condition] = mapped_column(Word(Condition))
    latched: Mapped[bool]
    suppression: Mapped[Suppression] = mapped_column(Word(Suppression))
    mode: Mapped[Mode] = mapped_column(Word(Mode))
    point: Mapped[str | None] = mapped_column(String(128))
    value: Mapped[float | None]
    unit: Mapped[str] = mapped_column(String(32), default="")
    limit: Mapped[float | None]
    measure: Mapped[Measure] = mapped_column(
        Word(Measure), default=Measure.VALUE, server_default=Measure.VALUE.value
    )
    """What `value` and `limit` are of the measured quantity: itself, its rate, its mean."""
    window_ms: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Over how long they were taken; 0 for a single value."""
    stage: Mapped[int] = mapped_column(default=0, server_default="0")
    """Which stage of a limit with several is reached; 0 where there are none."""
    voters: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list, server_default="[]")
    """What each one said, where a rule asks several."""
    votes_needed: Mapped[int] = mapped_column(default=0, server_default="0")
    rule_hash: Mapped[str] = mapped_column(Text, default="", server_default="")
    """Changes when the rule is changed."""
    sentence: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The rule in words, in Chinese."""
    sentence_en: Mapped[str] = mapped_column(Text, default="", server_default="")
    suppressed_until: Mapped[datetime | None] = mapped_column(Utc)
    """When it is shown again by itself; None when it is shown or follows its cause."""
    suppressed_by: Mapped[str] = mapped_column(Text, default="", server_default="")
    suppressed_why: Mapped[str] = mapped_column(Text, default="", server_default="")
    explained_by: Mapped[str | None] = mapped_column(String(128))
    """The alarm that explains this one, where it is suppressed by design."""
    quality: Mapped[Quality] = mapped_column(Word(Quality))
    raised_at: Mapped[datetime] = mapped_column(Utc)
    changed_at: Mapped[datetime] = mapped_column(Utc)
    received_at: Mapped[datetime] = mapped_column(Utc)
    """When the newest state was committed here."""
    count: Mapped[int] = mapped_column(default=1)
    actions: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    label: Mapped[str] = mapped_column(Text, default="")
    volatile: Mapped[bool] = mapped_column(default=False)
    cleared_at: Mapped[datetime | None] = mapped_column(Utc)
    """When it was over (condition normal, latch reset) by this server's clock."""
    superseded_at: Mapped[datetime | None] = mapped_column(Utc)
    """When its gateway stopped knowing it (a replaced card)."""
    item: Mapped[str | None] = mapped_column(ForeignKey("item.id"), index=True)
    readable: Mapped[bool] = mapped_column(default=True)
    raw: Mapped[str | None] = mapped_column(Text)

    @property
    def is_over(self) -> bool:
        """Whether it does not stand any more."""
        return self.cleared_at is not None or self.superseded_at is not None


def stands() -> ColumnElement[bool]:
    """Return the condition of an alarm that stands: it is neither cleared nor superseded."""
    return and_(Alarm.cleared_at.is_(None), Alarm.superseded_at.is_(None))
