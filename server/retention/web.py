"""The interface to what is kept about one person: given out, and erased."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.encoders import jsonable_encoder
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.audit import service as audit
from server.context import Context
from server.retention.person import erase_person, export_person
from server.web.problems import PROBLEMS


def build_personal_data_api(context: Context) -> APIRouter:
    """Return the routes under /api/v1/people/…/data."""
    router = APIRouter(prefix="/api/v1/people/{person}/data", tags=["access"], responses=PROBLEMS)

    @router.get("", operation_id="exportPerson")
    async def export(who: Annotated[SignedIn, requires(Right.ERASE_DATA)], person: str) -> dict[str, Any]:
        """Return everything that is kept about a person; that it was looked at is written down."""
        async with context.database.write() as session:
            found = await export_person(session, person)
            await audit.record(
                session,
                at=context.clock.now(),
                actor_kind="operator",
                actor=who.operator,
                action="person_exported",
                subject_kind="person",
                subject=person,
            )
            encoded: dict[str, Any] = jsonable_encoder(found)
        return encoded

    @router.delete("", operation_id="erasePerson", status_code=204)
    async def erase(who: Annotated[SignedIn, requires(Right.ERASE_DATA)], person: str) -> Response:
        """Erase a person's name, addresses, words and photos; 409 while they have duties or open items."""
        async with context.database.write() as session:
            await erase_person(
                session, person, context.settings.photo_folder, by=who.operator, now=context.clock.now()
            )
        return Response(status_code=204)

    return router
