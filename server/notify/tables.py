"""Tables of notices and of the attempts to send them."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc, Word


class NoticeState(StrEnum):
    """Where one message to one person over one channel stands."""

    PENDING = "pending"
    """To be sent at `send_at`."""
    SENDING = "sending"
    """Claimed by a sender until `claimed_until`."""
    SENT = "sent"
    """The provider took it."""
    DELIVERED = "delivered"
    """The provider says it reached the phone."""
    READ = "read"
    """The person opened it."""
    FAILED_TEMPORARY = "failed_temporary"
    """Failed, to be tried again at `send_at`."""
    FAILED_PERMANENT = "failed_permanent"
    """Failed for good; the next channel or person must do."""
    UNKNOWN = "unknown"
    """Nobody can say; counts as not delivered."""
    WITHDRAWN = "withdrawn"
    """No longer needed before it was sent."""


HOPELESS: Final = (NoticeState.FAILED_PERMANENT, NoticeState.WITHDRAWN, NoticeState.UNKNOWN)
"""By a notice in one of these nobody will be told."""


class Notice(Base):
    """One message to one person over one channel for one item."""

    __tablename__ = "notice"
    __table_args__ = (
        Index("ix_notice_due", "state", "send_at"),
        Index("ix_notice_receipt_due_at", "receipt_due_at"),
        Index("ix_notice_person_sent_at", "person", "sent_at"),
        Index("ix_notice_created_at", "created_at"),
        Index("ix_notice_item_state", "item", "state"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    item: Mapped[str] = mapped_column(ForeignKey("item.id"))
    person: Mapped[str] = mapped_column(ForeignKey("person.code"))
    channel: Mapped[str] = mapped_column(String(32))
    step: Mapped[int]
    urgency: Mapped[int]
    """Smaller goes first: the class of the item as a number."""
    state: Mapped[NoticeState] = mapped_column(Word(NoticeState))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What the channel renders: see `server.notify.render`."""
    created_at: Mapped[datetime] = mapped_column(Utc)
    send_at: Mapped[datetime] = mapped_column(Utc)
    claimed_until: Mapped[datetime | None] = mapped_column(Utc)
    sent_at: Mapped[datetime | None] = mapped_column(Utc)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(Text, default="")
    bundle: Mapped[str | None] = mapped_column(String(36), index=True)
    """Id of the notice in whose message this one went out: several items, one message."""
    provider: Mapped[str] = mapped_column(String(40), default="", server_default="")
    """Who took it."""
    receipt: Mapped[str | None] = mapped_column(String(200), index=True)
    """The provider's own id of the message, quoted by its receipts."""
    update_code: Mapped[str] = mapped_column(String(400), default="", server_default="")
    """What the provider asks for to rewrite the message; works once."""
    receipt_due_at: Mapped[datetime | None] = mapped_column(Utc)
    """When it is no longer believed to have arrived, if the provider says nothing by then."""
    delivered_at: Mapped[datetime | None] = mapped_column(Utc)
    read_at: Mapped[datetime | None] = mapped_column(Utc)


class Attempt(Base):
    """One attempt to send a notice."""

    __tablename__ = "attempt"

    id: Mapped[int] = mapped_column(primary_key=True)
    notice: Mapped[str] = mapped_column(ForeignKey("notice.id"), index=True)
    at: Mapped[datetime] = mapped_column(Utc)
    outcome: Mapped[NoticeState] = mapped_column(Word(NoticeState))
    detail: Mapped[str] = mapped_column(Text, default="")


class TrialMessage(Base):
    """One message that somebody at the desk sent to see whether it arrives; it tells of no item."""

    __tablename__ = "test_message"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("person.code"), index=True)
    contact: Mapped[int | None]
    """Of the person; null for an address of the register. The address itself is kept there alone."""
    channel: Mapped[str] = mapped_column(String(32))
    sent_by: Mapped[str] = mapped_column(String(60))
    sent_at: Mapped[datetime] = mapped_column(Utc, index=True)
    state: Mapped[NoticeState] = mapped_column(Word(NoticeState))
    detail: Mapped[str] = mapped_column(Text, default="")
    """Why it failed, in the provider's words."""
    provider: Mapped[str] = mapped_column(String(40), default="", server_default="")
    receipt: Mapped[str | None] = mapped_column(String(200), index=True)
    """The provider's own id of the message, quoted by its receipts."""
    delivered_at: Mapped[datetime | None] = mapped_column(Utc)
    read_at: Mapped[datetime | None] = mapped_column(Utc)


class Spent(Base):
    """One use of a provider's quota: counted by us, because what exceeds it may be dropped silently."""

    __tablename__ = "spent"
    __table_args__ = (Index("ix_spent_address", "channel", "address_hash", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(32))
    address_hash: Mapped[str] = mapped_column(String(64))
    """SHA-256: an address never stands twice in the database."""
    at: Mapped[datetime] = mapped_column(Utc, index=True)
    urgency: Mapped[int]


class ChannelSetup(Base):
    """A channel that this server has an account for. Written by the server when it starts."""

    __tablename__ = "channel_setup"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    since: Mapped[datetime] = mapped_column(Utc)
