"""The interface to the audit: who did what, when and why; and whether the chain over it is whole."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict

from server.access.guard import requires
from server.access.model import Right
from server.audit import chain
from server.audit.reading import MOST_ID, AuditFilter, newest_rows
from server.audit.tables import AuditRow, AuditSeal
from server.context import Context
from server.web.problems import PROBLEMS

_MOST: Final = 500


class AuditOut(BaseModel):
    """One act."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    actor_kind: str
    actor: str
    action: str
    subject_kind: str
    subject: str
    reason: str
    detail: dict[str, Any]
    sealed: bool
    erased: bool
    """Its words were erased; the rest is under the seal."""


class AuditPage(BaseModel):
    """A part of the audit, the newest first; `before` is what the next part is asked with."""

    rows: list[AuditOut]
    before: int | None


class ChainOut(BaseModel):
    """What the verifier found."""

    whole: bool
    problems: list[str]
    seq: int
    hash: str
    """The end of the chain: kept elsewhere, it shows that nothing was cut off."""
    unsealed: int


def build_audit_api(context: Context) -> APIRouter:
    """Return the routes under /api/v1/audit."""
    router = APIRouter(
        prefix="/api/v1/audit", tags=["audit"], responses=PROBLEMS, dependencies=[requires(Right.SEE_AUDIT)]
    )

    @router.get("", operation_id="listAudit")
    async def list_audit(
        *,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        before: Annotated[int | None, Query(le=MOST_ID)] = None,
        limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
    ) -> AuditPage:
        """List who did what, the newest first."""
        wanted = AuditFilter(actor=actor, action=action, subject=subject, since=since, until=until)
        async with context.database.read() as session:
            rows = [
                _out(row, mark) for row, mark in await newest_rows(session, wanted, before=before, most=limit)
            ]
        return AuditPage(rows=rows, before=rows[-1].id if len(rows) == limit else None)

    @router.get("/chain", operation_id="verifyAudit")
    async def verify() -> ChainOut:
        """Walk the whole chain and say what is wrong with it."""
        async with context.database.read() as session:
            found = await chain.verify(session)
        return ChainOut(
            whole=not found.problems,
            problems=list(found.problems),
            seq=found.head.seq,
            hash=found.head.hash,
            unsealed=found.unsealed,
        )

    return router


def _out(row: AuditRow, mark: AuditSeal | None) -> AuditOut:
    return AuditOut(
        id=row.id,
        at=row.at,
        actor_kind=row.actor_kind,
        actor=row.actor,
        action=row.action,
        subject_kind=row.subject_kind,
        subject=row.subject,
        reason=row.reason,
        detail=row.detail,
        sealed=mark is not None,
        erased=mark is not None and mark.erased_at is not None,
    )
