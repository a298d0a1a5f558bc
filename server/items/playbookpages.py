"""The editor of playbooks: what to do now, by kind and class, as the leader will read it.

The page of one playbook is also its preview: it shows what stands in its own address, so that the button
works without scripts and a script only presses it while somebody types.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request
from sqlalchemy import select
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.audit.tables import AuditRow
from server.context import Context
from server.db.session import ReadSession
from server.errors import InvalidError, NotFoundError
from server.items import playbooks
from server.items.playbooks import MOST_CHARS, MOST_LINES, Lines
from server.notify.render import title_of
from server.web import deskwords, words
from server.web.language import translations
from server.web.pressing import press_form
from server.web.settingspage import render_settings
from wire.vocabulary import AlarmClass, Kind

PLAYBOOKS: Final = "/desk/playbooks"
_OF: Final = ("kind", "class_")
_Writer = Annotated[SignedIn, requires(Right.CHANGE_SETTINGS, unscoped=_OF)]
_Reader = Annotated[SignedIn, requires(Right.SEE_SETTINGS, unscoped=_OF)]
_Texts = Annotated[list[str], Form()]
_EXAMPLE: Final = "3号楼 2单元 201"
_Reason = Annotated[str, Form(max_length=500)]
_DONE: Final[Mapping[str, str]] = {
    "written": "已生效：打开着的事项也用新的要点。",
    "restored": "已换回，马上生效。",
}


def build_playbook_pages(context: Context) -> APIRouter:
    """Return the routes under /desk/playbooks."""
    router = APIRouter(include_in_schema=False, prefix=PLAYBOOKS)
    _add_list(router, context)
    _add_editor(router, context)
    _add_going_back(router, context)
    return router


def _add_list(router: APIRouter, context: Context) -> None:
    @router.get("", dependencies=[requires(Right.SEE_SETTINGS)])
    async def show_all(request: Request) -> Response:
        async with context.database.read() as session:
            written = await playbooks.all_versions(session)
        rows = [
            (
                kind,
                class_,
                playbooks.in_force(kind, class_, written.get((kind, class_), ())),
                written.get((kind, class_), ()),
            )
            for kind, class_ in playbooks.shipped()
        ]
        return render_settings(
            request, "playbooks.html", rows=rows, words=words, desk=deskwords, title_of=title_of
        )


def _add_editor(router: APIRouter, context: Context) -> None:
    @router.get("/{kind}/{class_}")
    async def show(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        who: _Reader,
        kind: Kind,
        class_: AlarmClass,
        zh: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI copies it
        en: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI copies it
    ) -> Response:
        typed = (zh, en) if zh or en else None
        problem = playbooks.problem_of(_lines(zh, en)) if typed else ""
        return await _show(request, context, who, kind, class_, typed=typed, problem=problem)

    @router.post("/{kind}/{class_}")
    async def write(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        who: _Writer,
        kind: Kind,
        class_: AlarmClass,
        after: Annotated[int, Form(ge=0)],
        zh: _Texts,
        en: _Texts,
        reason: _Reason = "",
    ) -> Response:
        async def act() -> str:
            lines = _lines(zh, en)
            await _put(context, who, kind, class_, lines, after=after, reason=reason)
            return f"{PLAYBOOKS}/{kind.value}/{class_.value}?done=written"

        return await press_form(
            act,
            lambda problem, status: _show(
                request, context, who, kind, class_, (zh, en), problem, status=status, reason=reason
            ),
        )


def _add_going_back(router: APIRouter, context: Context) -> None:
    @router.post("/{kind}/{class_}/restore")
    async def restore(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        who: _Writer,
        kind: Kind,
        class_: AlarmClass,
        version: Annotated[int, Form(ge=0)],
        after: Annotated[int, Form(ge=0)],
        reason: _Reason = "",
    ) -> Response:
        async def act() -> str:
            async with context.database.read() as session:
                known = await playbooks.versions_of(session, kind, class_)
            found = next((one for one in known if one.version == version), None)
            if found is None and version:
                raise NotFoundError("没有这一版。")
            lines = found.lines if found else None
            await _put(context, who, kind, class_, lines, after=after, reason=reason)
            return f"{PLAYBOOKS}/{kind.value}/{class_.value}?done=restored"

        return await press_form(
            act,
            lambda problem, status: _show(
                request, context, who, kind, class_, problem=problem, status=status
            ),
        )


async def _put(
    context: Context,
    who: SignedIn,
    kind: Kind,
    class_: AlarmClass,
    lines: Lines | None,
    *,
    after: int,
    reason: str,
) -> None:
    if not reason.strip():
        raise InvalidError("请写明为什么改。")
    async with context.database.write() as session:
        await playbooks.write(
            session,
            kind,
            class_,
            lines,
            after=after,
            by=who.operator,
            now=context.clock.now(),
            reason=reason.strip(),
        )


async def _show(  # noqa: PLR0917 - what a page of a form needs
    request: Request,
    context: Context,
    who: SignedIn,
    kind: Kind,
    class_: AlarmClass,
    typed: tuple[Sequence[str], Sequence[str]] | None = None,
    problem: str = "",
    *,
    status: int = 200,
    reason: str = "",
) -> Response:
    async with context.database.read() as session:
        versions = await playbooks.versions_of(session, kind, class_)
        reasons = await _reasons(session, kind, class_)
    in_force = playbooks.in_force(kind, class_, versions)
    zh, en = typed or (in_force.zh, in_force.en)
    return render_settings(
        request,
        "playbook.html",
        status_code=status,
        kind=kind,
        class_=class_,
        cards=_cards(kind, class_, _lines(zh, en)),
        zh=_fields(zh),
        en=_fields(en),
        shown=_lines(zh, en),
        most=MOST_CHARS,
        after=versions[-1].version if versions else 0,
        versions=[(one, reasons.get(one.version, "")) for one in reversed(versions)],
        shipped=playbooks.shipped()[kind, class_],
        may_write=Right.CHANGE_SETTINGS in who.rights,
        words=words,
        desk=deskwords,
        reason=reason,
        now=context.clock.now(),
        done=_DONE.get(request.query_params.get("done", ""), ""),
        problem=problem,
    )


def _cards(kind: Kind, class_: AlarmClass, lines: Lines) -> list[tuple[str, str, str, Sequence[str]]]:
    """Return for each language: its mark, title, an example of a place, the lines."""
    english = translations("en").gettext
    title = title_of(kind, class_)
    return [
        ("zh-CN", title, _EXAMPLE, lines.zh),
        ("en", english(title), english(_EXAMPLE), lines.in_language("en")),
    ]


def _lines(zh: Sequence[str], en: Sequence[str]) -> Lines:
    """Return the lines of a form; empty fields are no lines."""
    return Lines(
        zh=tuple(text.strip() for text in zh if text.strip()),
        en=tuple(text.strip() for text in en if text.strip()),
    )


def _fields(lines: Sequence[str]) -> list[str]:
    return [*lines, *[""] * MOST_LINES][: max(MOST_LINES, len(lines))]


async def _reasons(session: ReadSession, kind: Kind, class_: AlarmClass) -> dict[int, str]:
    """Return by version why it was written, from the audit."""
    query = select(AuditRow.detail, AuditRow.reason).where(
        AuditRow.subject == f"{kind.value}/{class_.value}",
        AuditRow.subject_kind == "playbook",
        AuditRow.action == "playbook_changed",
    )
    found: dict[int, str] = {}
    detail: Mapping[str, Any]
    for detail, reason in await session.execute(query):
        if isinstance(version := detail.get("version"), int):
            found[version] = reason
    return found
