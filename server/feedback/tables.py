"""The table of complaints and suggestions."""

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc


class Feedback(Base):
    """One complaint or suggestion, as it was written. Who wrote it is not kept unless they say so."""

    __tablename__ = "feedback"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    press: Mapped[str] = mapped_column(String(64), unique=True)
    """Of the form; the same form sent twice counts once."""
    written_at: Mapped[datetime] = mapped_column(Utc, index=True)
    text: Mapped[str] = mapped_column(Text)
    contact: Mapped[str] = mapped_column(String(100), default="", server_default="")
    """How to answer them, if they want an answer."""
    read_at: Mapped[datetime | None] = mapped_column(Utc)
    read_by: Mapped[str] = mapped_column(String(100), default="", server_default="")
