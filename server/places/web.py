"""A street in and out as files, and its boundaries as GeoJSON: for the desk's programs and pages."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, File, Query, UploadFile
from pydantic import BaseModel, ConfigDict
from shapely import from_wkt, to_geojson
from sqlalchemy import select
from starlette.responses import Response

from server.access.allowances import Door
from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import grids_within
from server.access.service import SignedIn
from server.context import Context
from server.errors import ConflictError, ImportRefusedError, InvalidError
from server.places.apart import work_apart
from server.places.differences import Fate, SheetChange
from server.places.exporter import note_export
from server.places.importer import preview_files, refuse_same_names, take_files
from server.places.service import CHANGED
from server.places.staging import SeenOtherwiseError
from server.places.tables import Grid
from server.places.workbook import MEDIA_TYPE, street_book
from server.web.problems import PROBLEMS
from server.web.security import MOST_UPLOAD_BYTES

_GEOJSON: Final = "application/geo+json"


class RowOut(BaseModel):
    """A row that differs; `fields` has each differing column's old and new text (of a new row none)."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    fate: Fate
    fields: dict[str, tuple[str, str]]


class SheetOut(BaseModel):
    """What changes in one table, and the first of the rows that differ."""

    model_config = ConfigDict(from_attributes=True)

    sheet: str
    added: int
    changed: int
    unchanged: int
    gone: int
    kept: int
    rows: list[RowOut]


class ImportOut(BaseModel):
    """What files change, or every problem that they have; with problems nothing is changed."""

    changes: list[SheetOut]
    problems: list[str]


def build_street_api(context: Context) -> APIRouter:
    """Return the routes under /api/v1/street."""
    router = APIRouter(prefix="/api/v1/street", tags=["places"], responses=PROBLEMS)
    _add_files(router, context)

    @router.get("/grids.geojson", operation_id="listGridBoundaries")
    async def boundaries(who: Annotated[SignedIn, requires(Right.SEE_PLACES)]) -> Response:
        """Return the grids' boundaries (RFC 7946); each feature's `datum` says what they refer to."""
        async with context.database.read() as session:
            grids = await session.scalars(select(Grid).where(grids_within(who.reach)).order_by(Grid.code))
            features = [_feature(grid) for grid in grids]
        body = {"type": "FeatureCollection", "features": features}
        return Response(json.dumps(body, ensure_ascii=False), media_type=_GEOJSON)

    return router


def _add_files(router: APIRouter, context: Context) -> None:
    @router.post("/preview", operation_id="previewStreet")
    async def preview(
        who: Annotated[SignedIn, requires(Right.CHANGE_PLACES)],
        files: Annotated[list[UploadFile], File()],
        rows: Annotated[int, Query(ge=0, le=10_000)] = 200,
    ) -> ImportOut:
        """Say what files would change, row by row with old and new, and every problem; change nothing."""
        context.allowances.take(Door.UPLOAD, who.operator, now=context.clock.now())
        named = await _named(files)
        work = partial(
            preview_files, named=named, grid_code=context.settings.grid_code_pattern, most_rows=rows
        )
        try:
            return _out(await work_apart(context.database, sum(map(len, named.values())), work))
        except ImportRefusedError as error:
            return ImportOut(changes=[], problems=list(error.problems))

    @router.post("/import", operation_id="importStreet")
    async def take(
        who: Annotated[SignedIn, requires(Right.CHANGE_PLACES)],
        files: Annotated[list[UploadFile], File()],
    ) -> ImportOut:
        """Take files of a street, all of it or nothing; 422 names every problem."""
        context.allowances.take(Door.UPLOAD, who.operator, now=context.clock.now())
        named = await _named(files)
        work = partial(
            take_files,
            named=named,
            by=who.operator,
            now=context.clock.now(),
            grid_code=context.settings.grid_code_pattern,
        )
        try:
            changes = await work_apart(context.database, sum(map(len, named.values())), work)
        except ImportRefusedError as error:
            raise InvalidError("\n".join(error.problems)) from error
        except SeenOtherwiseError as error:
            raise ConflictError("登记同时又有变动，什么都没有导入，请再试一次。") from error
        context.database.tell([CHANGED])
        return _out(changes)

    @router.get("/export.xlsx", operation_id="exportStreet")
    async def export(who: Annotated[SignedIn, requires(Right.CHANGE_PLACES)]) -> Response:
        """Return the whole street as a workbook, in the form in which it is imported."""
        await note_export(context.database, by=who.operator, now=context.clock.now())
        headers = {"Content-Disposition": 'attachment; filename="street.xlsx"'}
        book = await work_apart(context.database, 0, partial(street_book, chinese=False))
        return Response(book, media_type=MEDIA_TYPE, headers=headers)


async def _named(files: Sequence[UploadFile]) -> dict[str, bytes]:
    """Return uploaded files by their names."""
    if sum(file.size or 0 for file in files) > MOST_UPLOAD_BYTES:
        raise InvalidError(f"files: more than {MOST_UPLOAD_BYTES} bytes")
    try:
        refuse_same_names([file.filename or "" for file in files])
    except ImportRefusedError as error:
        raise InvalidError("\n".join(error.problems)) from error
    return {file.filename or "": await file.read() for file in files}


def _out(changes: Sequence[SheetChange]) -> ImportOut:
    return ImportOut(changes=[SheetOut.model_validate(change) for change in changes], problems=[])


def _feature(grid: Grid) -> dict[str, Any]:
    geometry = json.loads(to_geojson(from_wkt(grid.polygon))) if grid.polygon else None
    properties = {
        "code": grid.code,
        "name": grid.name,
        "kind": grid.kind.value,
        "community": grid.community,
        "parent": grid.parent,
        "datum": grid.datum.value,
    }
    return {"type": "Feature", "properties": properties, "geometry": geometry}
