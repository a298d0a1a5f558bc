"""The table of nightly proofs that somebody can be told of everything."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc


class RouteProof(Base):
    """One proof over a span of time and what it listed."""

    __tablename__ = "route_proof"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc, index=True)
    begins_at: Mapped[datetime] = mapped_column(Utc)
    hours: Mapped[int]
    grids: Mapped[int]
    thin_hours: Mapped[int]
    """Hours of all grids together in which fewer than two people could be told."""
    gaps: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """`grid`, `name`, `community`, `begins_at`, `ends_at`, `least`: how many could be told then."""
