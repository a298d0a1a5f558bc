"""Tables of swaps that are proposed, and of messages about the roster."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc, Word
from server.people.model import Role, Scope
from server.people.swapping import ProposalState


class SwapProposal(Base):
    """Somebody asks somebody else to take a duty over for a time. Until that agrees, nothing changes."""

    __tablename__ = "swap_proposal"
    __table_args__ = (Index("ix_swap_proposal_state_lapses_at", "state", "lapses_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("person.code"), index=True)
    role: Mapped[Role] = mapped_column(Word(Role))
    scope: Mapped[Scope] = mapped_column(Word(Scope))
    code: Mapped[str] = mapped_column(String(40), default="")
    from_at: Mapped[datetime] = mapped_column(Utc)
    until_at: Mapped[datetime] = mapped_column(Utc)
    asked: Mapped[str] = mapped_column(ForeignKey("person.code"), index=True)
    proposed_at: Mapped[datetime] = mapped_column(Utc)
    lapses_at: Mapped[datetime] = mapped_column(Utc)
    """Without an answer until then the duty stays where it is, and its holder is told."""
    state: Mapped[ProposalState] = mapped_column(Word(ProposalState))
    decided_at: Mapped[datetime | None] = mapped_column(Utc)
    swap: Mapped[int | None]
    """The swap that came of it; a row of its own, which may end earlier."""


class RosterMessage(Base):
    """One message to one person about the roster. It tells of no item and never disturbs at night."""

    __tablename__ = "roster_message"
    __table_args__ = (Index("ix_roster_message_due", "sent_at", "send_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("person.code"), index=True)
    proposal: Mapped[str | None] = mapped_column(ForeignKey("swap_proposal.id"), index=True)
    """Which proposal its link shows; null: the person's own week."""
    title: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(Utc, index=True)
    send_at: Mapped[datetime] = mapped_column(Utc)
    claimed_until: Mapped[datetime | None] = mapped_column(Utc)
    sent_at: Mapped[datetime | None] = mapped_column(Utc)
    """When a provider took it, or it was given up."""
    channel: Mapped[str] = mapped_column(String(32), default="", server_default="")
    """Which took it; empty while none has, and for one that was given up."""
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(Text, default="", server_default="")
    phone_hash: Mapped[str | None] = mapped_column(String(64))
    """The phone on which its link was first pressed."""
    bound_at: Mapped[datetime | None] = mapped_column(Utc)
