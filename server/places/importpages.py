"""The pages that take files in and give them out: upload, preview page by page, take or let go."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from server.access.allowances import Door
from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.context import Context
from server.errors import ConflictError, ImportRefusedError, NotFoundError
from server.places import uploads
from server.places.apart import work_apart
from server.places.cells import Cell, CellError
from server.places.differences import Fate
from server.places.exporter import Table, note_export, sheet_csv
from server.places.importer import SAMPLE_STREET, read_folder, refuse_same_names
from server.places.problems import Said, allowed_text, tell
from server.places.service import CHANGED
from server.places.sheets import SHEETS, Sheet
from server.places.tables import StreetUpload
from server.places.templates import sample_tables, template_tables
from server.places.titles import column_title, sheet_title
from server.places.workbook import MEDIA_TYPE, street_book, write_book
from server.web.language import translations
from server.web.templating import language_of, render_page, stylesheet

_MOST_PROBLEMS: Final = 200
_CSV: Final = "text/csv; charset=utf-8"
_Change = Annotated[SignedIn, requires(Right.CHANGE_PLACES)]
_ChangeUpload = Annotated[SignedIn, requires(Right.CHANGE_PLACES, unscoped=("upload",))]
_GRAVEST: Final = (Fate.GONE, Fate.CHANGED, Fate.ADDED, Fate.KEPT)
"""What is looked at first."""
FATES: Final[Mapping[Fate, str]] = {
    Fate.ADDED: "新增",
    Fate.CHANGED: "修改",
    Fate.GONE: "删除",
    Fate.KEPT: "文件里没有，保留",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a sheet for people."""

    code: str
    title: str
    needed: bool
    filled: bool
    """Whether an empty cell is refused."""
    allowed: Said | None


def build_import_pages(context: Context) -> APIRouter:
    """Return the routes under /desk/import."""
    router = APIRouter(include_in_schema=False, prefix="/desk/import")
    _add_upload(router, context)
    _add_preview(router, context)
    _add_decisions(router, context)
    _add_files(router, context)
    return router


def _add_upload(router: APIRouter, context: Context) -> None:
    @router.get("")
    async def show(request: Request, who: _Change, said: str = "") -> Response:
        async with context.database.read() as session:
            waiting = await uploads.newest_upload(session, by=who.operator, now=context.clock.now())
        return _page(request, waiting=waiting, said=said, problems=[])

    @router.post("")
    async def upload(request: Request, who: _Change, files: Annotated[list[UploadFile], File()]) -> Response:
        context.allowances.take(Door.UPLOAD, who.operator, now=context.clock.now())
        named = {file.filename: await file.read() for file in files if file.filename}
        work = partial(
            uploads.keep_upload,
            named=named,
            by=who.operator,
            now=context.clock.now(),
            grid_code=context.settings.grid_code_pattern,
        )
        try:
            refuse_same_names([file.filename or "" for file in files])
            made = await work_apart(context.database, sum(map(len, named.values())), work)
        except ImportRefusedError as error:
            return _page(request, waiting=None, said="", problems=error.problems, status_code=422)
        return RedirectResponse(f"/desk/import/previews/{made}", status_code=303)


def _add_preview(router: APIRouter, context: Context) -> None:
    @router.get("/previews/{upload}")
    async def show(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        who: _ChangeUpload,
        upload: str,
        sheet: str = "",
        fate: Fate | None = None,
        page: int = 1,
        said: str = "",
    ) -> Response:
        now = context.clock.now()
        async with context.database.read() as session:
            found = await uploads.upload_of(session, upload, by=who.operator, now=now)
            counts = {one["sheet"]: one for one in found.sheets}
            chosen, kind = _chosen(counts, sheet, fate)
            total = counts[chosen][kind.value] if chosen else 0
            pages = max(1, -(-total // uploads.ROWS_A_PAGE))
            page = min(max(page, 1), pages)
            rows = await uploads.page_of(session, upload, chosen, kind, page) if chosen else []
        return _preview_page(
            request,
            found,
            said=said,
            chosen=chosen,
            kind=kind,
            total=total,
            pages=pages,
            page=page,
            rows=rows,
        )


def _add_decisions(router: APIRouter, context: Context) -> None:
    @router.post("/previews/{upload}/taking")
    async def take(
        request: Request, who: _ChangeUpload, upload: str, digest: Annotated[str, Form()]
    ) -> Response:
        work = partial(
            uploads.take_upload,
            upload=upload,
            digest=digest,
            by=who.operator,
            now=context.clock.now(),
            grid_code=context.settings.grid_code_pattern,
        )
        async with context.database.read() as session:
            size_bytes = await uploads.size_of(session, upload)
        try:
            await work_apart(context.database, size_bytes, work)
        except ConflictError:
            return RedirectResponse(f"/desk/import/previews/{upload}?said=changed", status_code=303)
        except ImportRefusedError as error:
            return _page(request, waiting=None, said="", problems=error.problems, status_code=422)
        context.database.tell([CHANGED])
        return RedirectResponse("/desk/import?said=taken", status_code=303)

    @router.post("/previews/{upload}/cancelling")
    async def cancel(who: _ChangeUpload, upload: str) -> Response:
        async with context.database.write() as session:
            await uploads.drop_upload(session, upload, by=who.operator, now=context.clock.now())
        return RedirectResponse("/desk/import?said=cancelled", status_code=303)


def _add_files(router: APIRouter, context: Context) -> None:
    @router.get("/files/street.xlsx")
    async def export(request: Request, who: _Change) -> Response:
        await note_export(context.database, by=who.operator, now=context.clock.now())
        work = partial(street_book, chinese=_reads_chinese(request))
        return _book(await work_apart(context.database, 0, work), "street.xlsx")

    @router.get("/files/template.xlsx", dependencies=[requires(Right.CHANGE_PLACES)])
    async def template(request: Request) -> Response:
        return await _made(request, template_tables(), "template.xlsx")

    @router.get("/files/sample.xlsx", dependencies=[requires(Right.CHANGE_PLACES)])
    async def sample(request: Request) -> Response:
        return await _made(request, sample_tables(read_folder(SAMPLE_STREET)), "sample.xlsx")

    @router.get("/files/{sheet}.csv")
    async def export_one(
        request: Request,
        who: Annotated[SignedIn, requires(Right.CHANGE_PLACES, unscoped=("sheet",))],
        sheet: str,
    ) -> Response:
        if sheet not in {one.name for one in SHEETS}:
            raise NotFoundError("没有这张表。")
        await note_export(context.database, by=who.operator, now=context.clock.now(), sheets=[sheet])
        work = partial(sheet_csv, name=sheet, chinese=_reads_chinese(request))
        data = await work_apart(context.database, 0, work)
        return Response(data, media_type=_CSV, headers=_attachment(f"{sheet}.csv"))


async def _made(request: Request, tables: Mapping[str, Table], name: str) -> Response:
    return _book(await asyncio.to_thread(write_book, tables, chinese=_reads_chinese(request)), name)


def _book(data: bytes, name: str) -> Response:
    return Response(data, media_type=MEDIA_TYPE, headers=_attachment(name))


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _reads_chinese(request: Request) -> bool:
    return language_of(request) == "zh_CN"


def _chosen(counts: Mapping[str, Mapping[str, Any]], sheet: str, fate: Fate | None) -> tuple[str, Fate]:
    """Return which rows to show: those asked for, else the gravest there are."""
    if sheet in counts and fate is not None:
        return sheet, fate
    for one in _GRAVEST:
        for name, count in counts.items():
            if count[one.value] and sheet in ("", name):
                return name, one
    return "", Fate.ADDED


def _page(
    request: Request,
    *,
    waiting: StreetUpload | None,
    said: str,
    problems: Sequence[str],
    status_code: int = 200,
) -> Response:
    gettext = translations(language_of(request)).gettext
    return render_page(
        request,
        "import.html",
        status_code=status_code,
        places_style=stylesheet("src/places.css"),
        waiting=waiting,
        said=said,
        problems=[tell(one) for one in problems[:_MOST_PROBLEMS]],
        more=max(0, len(problems) - _MOST_PROBLEMS),
        sheets=[(sheet, columns_of(sheet)) for sheet in SHEETS],
        sheet_title=sheet_title,
        speak=lambda words: words.speak(gettext),
    )


def _preview_page(request: Request, upload: StreetUpload, **values: Any) -> Response:
    totals = {fate: sum(one[fate.value] for one in upload.sheets) for fate in Fate}
    at: datetime = upload.at
    return render_page(
        request,
        "import_preview.html",
        places_style=stylesheet("src/places.css"),
        upload=upload,
        at=at,
        totals=totals,
        differs=any(totals[fate] for fate in (Fate.ADDED, Fate.CHANGED, Fate.GONE)),
        fates=FATES,
        sheet_title=sheet_title,
        column_title=column_title,
        **values,
    )


def columns_of(sheet: Sheet) -> list[Column]:
    """Return a sheet's columns with what may stand in them, asked of the cells themselves."""
    return [
        Column(
            code=title,
            title=column_title(sheet.name, title),
            needed=title in sheet.columns,
            filled=_refusal(cell, "") is not None,
            allowed=_allowed(sheet, title, cell),
        )
        for title, cell in sheet.known.items()
    ]


def _allowed(sheet: Sheet, title: str, cell: Cell) -> Said | None:
    if title in sheet.refers:
        other = sheet.refers[title]
        first = next(iter(next(one for one in SHEETS if one.name == other).columns))
        return Said(
            "“%(sheet)s”表的“%(column)s”",
            {
                "sheet": sheet_title(other),
                "column": column_title(other, first),
            },
        )
    refusal = _refusal(cell, "\0")
    return allowed_text(sheet.name, title, refusal) if refusal else None


def _refusal(cell: Cell, text: str) -> str | None:
    try:
        cell(text)
    except CellError as error:
        return str(error)
    return None
