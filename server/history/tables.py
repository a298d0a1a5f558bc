"""Tables of readings. They live in a database of their own, so that they never hold up an alarm.

New readings are rows; the packer (`server.history.packer`) turns them into blocks, which take a
tenth of the space. What has not been packed yet and what has been is read together.
"""

from datetime import datetime
from enum import IntEnum

from sqlalchemy import BigInteger, Index, LargeBinary, MetaData, SmallInteger, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from server.db.base import Utc


class HistoryBase(DeclarativeBase):
    """Base of the readings' database."""

    metadata = MetaData()


class Level(IntEnum):
    """How fine a block is."""

    RAW = 0
    """Every reading of one UTC day."""
    MINUTE = 1
    """One bucket a minute, of one UTC day."""
    HOUR = 2
    """One bucket an hour, of 32 UTC days."""


class Series(HistoryBase):
    """One measured quantity of one device of one gateway."""

    __tablename__ = "series"
    __table_args__ = (Index("uq_series", "gateway", "device", "point", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    gateway: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(128))
    point: Mapped[str] = mapped_column(String(128))
    unit: Mapped[str] = mapped_column(String(32), default="")


class FreshReading(HistoryBase):
    """One reading that is not packed yet; `at_ms` is milliseconds since 1970-01-01 UTC."""

    __tablename__ = "fresh_reading"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's form

    series: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    value: Mapped[float | None]
    quality: Mapped[int] = mapped_column(SmallInteger)
    """An index into `server.history.columns.QUALITIES`."""


class Block(HistoryBase):
    """Packed columns of one series over one period; see `server.history.columns`."""

    __tablename__ = "block"
    __table_args__ = (
        Index("ix_block_level_start", "level", "start_ms"),
        {"sqlite_with_rowid": False},
    )

    series: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    start_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class AppliedBatch(HistoryBase):
    """A batch that was applied: by (gateway, run, seq), once."""

    __tablename__ = "applied_batch"
    __table_args__ = (Index("ix_applied_batch_received", "received_at"),)

    gateway: Mapped[str] = mapped_column(String(64), primary_key=True)
    run: Mapped[str] = mapped_column(String(128), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    received_at: Mapped[datetime] = mapped_column(Utc)


class SpoolEntry(HistoryBase):
    """Lines that are still to be written to InfluxDB, in order of `id`."""

    __tablename__ = "spool_entry"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy's form

    id: Mapped[int] = mapped_column(primary_key=True)
    lines: Mapped[bytes] = mapped_column(LargeBinary)
    """Line protocol, deflated."""
    line_count: Mapped[int]
    added_at: Mapped[datetime] = mapped_column(Utc)
