"""Tables of readings. They live in a database of their own, so that they never hold up an alarm."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from server.db.base import Utc, Word
from wire.vocabulary import Quality


class HistoryBase(DeclarativeBase):
    """Base of the readings' database."""

    metadata = MetaData()


class Series(HistoryBase):
    """One measured quantity of one device of one gateway."""

    __tablename__ = "series"
    __table_args__ = (Index("uq_series", "gateway", "device", "point", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    gateway: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(128))
    point: Mapped[str] = mapped_column(String(128))
    unit: Mapped[str] = mapped_column(String(32), default="")


class StoredReading(HistoryBase):
    """One reading; `at_ms` is milliseconds since 1970-01-01 UTC."""

    __tablename__ = "reading"

    series: Mapped[int] = mapped_column(primary_key=True)
    at_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    value: Mapped[float | None]
    quality: Mapped[Quality] = mapped_column(Word(Quality))


class AppliedBatch(HistoryBase):
    """A batch that was applied: by (gateway, run, seq), once."""

    __tablename__ = "applied_batch"

    gateway: Mapped[str] = mapped_column(String(64), primary_key=True)
    run: Mapped[str] = mapped_column(String(128), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    received_at: Mapped[datetime] = mapped_column(Utc)
