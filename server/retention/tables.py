"""When forgetting was done last."""

from datetime import datetime

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc


class ForgettingRun(Base):
    """One night's forgetting, and how much of what went."""

    __tablename__ = "forgetting_run"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc)
    gone: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
