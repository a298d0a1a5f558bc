"""The pages of the audit: who did what when and why, whether the chain is whole, and a copy to keep."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.audit import chain
from server.audit.chain import Head
from server.audit.reading import MOST_ID, AuditFilter, Sealed, all_rows, newest_rows
from server.audit.tables import AuditRow, AuditSeal
from server.clock import STREET_ZONE
from server.context import Context
from server.errors import InvalidError
from server.web import auditwords
from server.web.pressing import typed_moment
from server.web.settingspage import render_settings
from server.web.spreadsheet import MARK, csv_line

AUDIT: Final = "/desk/audit"
_PAGE_ROWS: Final = 100
_HASH_LENGTH: Final = 64
_PIECE: Final = 64 * 1024
"""Characters that are sent together."""
_COLUMNS: Final = (
    "id",
    "at",
    "actor_kind",
    "actor",
    "action",
    "subject_kind",
    "subject",
    "reason",
    "detail",
    "seal",
    "seal_hash",
    "erased_at",
)
_Reader = Annotated[SignedIn, requires(Right.SEE_AUDIT)]
_Text = Annotated[str, Query(max_length=200)]


def build_audit_pages(context: Context) -> APIRouter:
    """Return the routes under /desk/audit."""
    router = APIRouter(include_in_schema=False, prefix=AUDIT)
    _add_list(router, context)
    _add_chain(router, context)
    _add_copy(router, context)
    return router


def _add_list(router: APIRouter, context: Context) -> None:
    @router.get("")
    async def show(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        who: _Reader,
        actor: _Text = "",
        action: _Text = "",
        subject: _Text = "",
        since: _Text = "",
        until: _Text = "",
        before: Annotated[int | None, Query(ge=1, le=MOST_ID)] = None,
    ) -> Response:
        typed = {"actor": actor, "action": action, "subject": subject, "since": since, "until": until}
        problem, rows = "", list[Sealed]()
        try:
            wanted = _wanted(typed)
        except InvalidError as error:
            problem, wanted = error.detail, None
        async with context.database.read() as session:
            if wanted is not None:
                rows = await newest_rows(session, wanted, before=before, most=_PAGE_ROWS)
        asked = {name: value for name, value in typed.items() if value}
        return render_settings(
            request,
            "audit.html",
            status_code=422 if problem else 200,
            rows=rows,
            typed=typed,
            actions={
                **auditwords.ACTIONS,
                **({action: action} if action not in ("", *auditwords.ACTIONS) else {}),
            },
            words=auditwords,
            older=f"{AUDIT}?{urlencode({**asked, 'before': rows[-1][0].id})}"
            if len(rows) == _PAGE_ROWS
            else "",
            newest=f"{AUDIT}?{urlencode(asked)}" if before is not None else "",
            copy=f"{AUDIT}/export.csv?{urlencode(asked)}",
            only=lambda name, value: f"{AUDIT}?{urlencode({name: value})}",
            may_see_items=Right.SEE_ITEMS in who.rights,
            as_text=lambda detail: json.dumps(detail, ensure_ascii=False, indent=1, default=str),
            problem=problem,
        )


def _add_chain(router: APIRouter, context: Context) -> None:
    @router.get("/chain", dependencies=[requires(Right.SEE_AUDIT)])
    async def check(
        request: Request,
        seq: Annotated[str, Query(max_length=20)] = "",
        digest: Annotated[str, Query(alias="hash", max_length=100)] = "",
    ) -> Response:
        expected, problem = None, ""
        if seq.strip() or digest.strip():
            if seq.strip().isdecimal() and len(digest.strip()) == _HASH_LENGTH:
                expected = Head(seq=int(seq), hash=digest.strip().lower())
            else:
                problem = "序号是数字，校验值是 64 个字符，两个都要填。"
        async with context.database.read() as session:
            found = await chain.verify(session, expected=expected)
        return render_settings(
            request,
            "audit_chain.html",
            status_code=422 if problem else 200,
            found=found,
            expected=expected,
            seq=seq,
            digest=digest,
            now=context.clock.now(),
            problem=problem,
        )


def _add_copy(router: APIRouter, context: Context) -> None:
    @router.get("/export.csv", dependencies=[requires(Right.SEE_AUDIT)])
    async def export(
        actor: _Text = "",
        action: _Text = "",
        subject: _Text = "",
        since: _Text = "",
        until: _Text = "",
    ) -> StreamingResponse:
        wanted = _wanted(
            {"actor": actor, "action": action, "subject": subject, "since": since, "until": until}
        )
        name = f"audit-{context.clock.now().astimezone(STREET_ZONE):%Y%m%d-%H%M}.csv"
        return StreamingResponse(
            _lines(context, wanted),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _wanted(typed: dict[str, str]) -> AuditFilter:
    return AuditFilter(
        actor=typed["actor"].strip() or None,
        action=typed["action"].strip() or None,
        subject=typed["subject"].strip() or None,
        since=typed_moment(typed["since"]),
        until=typed_moment(typed["until"]),
    )


async def _lines(context: Context, wanted: AuditFilter) -> AsyncIterator[str]:
    """Yield the copy piece by piece, in the order in which it was written and sealed."""
    piece = MARK + csv_line(_COLUMNS)
    async with context.database.read() as session:
        async for row, mark in all_rows(session, wanted):
            piece += csv_line(_values(row, mark))
            if len(piece) > _PIECE:
                yield piece
                piece = ""
    yield piece


def _values(row: AuditRow, mark: AuditSeal | None) -> tuple[object, ...]:
    return (
        row.id,
        row.at.astimezone(STREET_ZONE).isoformat(),
        row.actor_kind,
        row.actor,
        row.action,
        row.subject_kind,
        row.subject,
        row.reason,
        json.dumps(row.detail, ensure_ascii=False, default=str),
        mark.seq if mark else "",
        mark.hash if mark else "",
        mark.erased_at.isoformat() if mark and mark.erased_at else "",
    )
