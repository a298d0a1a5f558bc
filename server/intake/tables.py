"""Tables of what was taken in: the highest number of each run, and what could not be read."""

from datetime import datetime

from sqlalchemy import BigInteger, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc, Word
from wire.vocabulary import Lane


class LaneRun(Base):
    """The highest number committed of one run of one gateway's lane."""

    __tablename__ = "lane_run"

    gateway: Mapped[str] = mapped_column(String(64), primary_key=True)
    lane: Mapped[Lane] = mapped_column(Word(Lane), primary_key=True)
    run: Mapped[str] = mapped_column(String(128), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)


class Quarantined(Base):
    """Bytes without a readable envelope, or a message that could not be applied."""

    __tablename__ = "quarantined"

    id: Mapped[int] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(String(200))
    gateway: Mapped[str | None] = mapped_column(String(64), index=True)
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    error: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(Utc, index=True)
