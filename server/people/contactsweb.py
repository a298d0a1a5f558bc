"""Contacts of people, for the desk's programs: note an address, send a code there, confirm it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from server.access.allowancekeeper import note_guess
from server.access.allowances import Door
from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.audit.views import note_view
from server.context import Context
from server.errors import InvalidError
from server.notify.confirming import send_code, spend_for_code
from server.people import contacts
from server.people.model import ChannelKind
from server.web.problems import PROBLEMS


class ContactOut(BaseModel):
    """An address of somebody on one channel; it counts once `verified_at` is set."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    channel: ChannelKind
    address: str
    added_at: datetime
    verified_at: datetime | None


class ContactIn(BaseModel):
    """An address that is to be confirmed."""

    model_config = ConfigDict(extra="forbid")

    channel: ChannelKind
    address: Annotated[str, Field(min_length=1, max_length=400)]
    """A WeCom member's id, a telephone number, an HTTPS address, or `NAME:own part` of a robot's entry."""


class CodeIn(BaseModel):
    """What the person read."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(min_length=1, max_length=20)]


def build_contacts_api(context: Context) -> APIRouter:
    """Return the routes under /api/v1/people/…/contacts."""
    router = APIRouter(prefix="/api/v1/people/{person}/contacts", tags=["people"], responses=PROBLEMS)

    @router.get("", operation_id="listContacts")
    async def show(who: Annotated[SignedIn, requires(Right.SEE_PEOPLE)], person: str) -> list[ContactOut]:
        """Return somebody's contacts, confirmed or not; parts of addresses to whoever may not change them."""
        async with context.database.read() as session:
            found = await contacts.contacts_of(session, person)
        shown = [ContactOut.model_validate(one) for one in found]
        if Right.CHANGE_PEOPLE in who.rights:
            await note_view(context.database, [person], by=who.operator, now=context.clock.now())
            return shown
        return [one.model_copy(update={"address": contacts.masked(one.address)}) for one in shown]

    @router.post("", operation_id="addContact", status_code=201)
    async def add(
        who: Annotated[SignedIn, requires(Right.CHANGE_PEOPLE)], person: str, wanted: ContactIn
    ) -> ContactOut:
        """Note an address; nothing but a code is sent there before it is confirmed."""
        async with context.database.write() as session:
            row = await contacts.add_contact(
                session, person, wanted.channel, wanted.address, by=who.operator, now=context.clock.now()
            )
            return ContactOut.model_validate(row)

    @router.delete("/{contact_id}", operation_id="removeContact", status_code=204)
    async def remove(
        who: Annotated[SignedIn, requires(Right.CHANGE_PEOPLE, unscoped=("contact_id",))],
        person: str,
        contact_id: int,
    ) -> None:
        """Forget an address."""
        async with context.database.write() as session:
            await contacts.remove_contact(
                session, person, contact_id, by=who.operator, now=context.clock.now()
            )

    _add_confirming(router, context)
    return router


def _add_confirming(router: APIRouter, context: Context) -> None:
    @router.post("/{contact_id}/code", operation_id="sendContactCode", status_code=202)
    async def send(
        who: Annotated[SignedIn, requires(Right.CHANGE_PEOPLE, unscoped=("contact_id",))],
        person: str,
        contact_id: int,
    ) -> None:
        """Send a code over that channel: at most one a minute, each good for ten minutes."""
        now = context.clock.now()
        context.allowances.take(Door.CONTACT_CODE, person, now=now)
        async with context.database.write() as session:
            row, code = await contacts.begin_confirming(session, person, contact_id, by=who.operator, now=now)
            await spend_for_code(session, row, now=now)
        await send_code(context.channels, row, code, link=context.settings.address(), now=now)

    @router.post("/{contact_id}/confirmation", operation_id="confirmContact")
    async def confirm(
        who: Annotated[SignedIn, requires(Right.CHANGE_PEOPLE, unscoped=("contact_id",))],
        person: str,
        contact_id: int,
        read: CodeIn,
    ) -> ContactOut:
        """Take the code that the person read; after five wrong ones a new one must be sent."""
        context.allowances.check(Door.CONTACT_GUESS, who.operator, now=context.clock.now())
        async with context.database.write() as session:
            fits = await contacts.confirm(
                session, person, contact_id, read.code, by=who.operator, now=context.clock.now()
            )
            found = await contacts.contacts_of(session, person)
        if not fits:
            await note_wrong_code(context, who)
            raise InvalidError("验证码不对。")
        return ContactOut.model_validate(next(one for one in found if one.id == contact_id))


async def note_wrong_code(context: Context, who: SignedIn) -> None:
    """Count a wrong code against whoever typed it.

    Raises:
        TooManyError: too many were wrong within the hour.
    """
    now = context.clock.now()
    await note_guess(context.database, context.allowances, Door.CONTACT_GUESS, who.operator, now=now)
