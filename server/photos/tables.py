"""The table of photos; the pictures lie as files in the data folder."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc


class ItemPhoto(Base):
    """A photo of an item, made anew from the pixels of what was sent."""

    __tablename__ = "item_photo"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """Also the file's name: nothing of what the phone called it."""
    item: Mapped[str] = mapped_column(ForeignKey("item.id"), index=True)
    by_person: Mapped[str] = mapped_column(ForeignKey("person.code"), index=True)
    taken_in_at: Mapped[datetime] = mapped_column(Utc, index=True)
    width: Mapped[int]
    height: Mapped[int]
    size_bytes: Mapped[int]
