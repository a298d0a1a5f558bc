"""Adding to the audit. Rows are added in the transaction of the act they record."""

from datetime import datetime
from typing import Any

from server.audit.tables import AuditRow
from server.db.session import WriteSession


async def record(
    session: WriteSession,
    *,
    at: datetime,
    actor_kind: str,
    actor: str,
    action: str,
    subject_kind: str,
    subject: str,
    reason: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Add a row: who did what to what, when and why.

    Args:
        session: the transaction of the act itself.
        at: when it was done.
        actor_kind: what kind of actor.
        actor: who, by code, never by name.
        action: what, as one word of the code.
        subject_kind: what kind of thing it was done to.
        subject: to which one.
        reason: why, in the actor's words.
        detail: what else explains it; no personal data.
    """
    session.add_final(
        AuditRow(
            at=at,
            actor_kind=actor_kind,
            actor=actor,
            action=action,
            subject_kind=subject_kind,
            subject=subject,
            reason=reason,
            detail=detail or {},
        )
    )
