"""The pages of contacts: how each person is reached, confirming an address, and trying it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Query, Request
from sqlalchemy import func, or_, select
from starlette.responses import Response

from server.access.allowances import Door
from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import people_within
from server.access.service import SignedIn
from server.audit.views import note_view
from server.context import Context
from server.errors import InvalidError, NotFoundError
from server.notify.confirming import send_code, spend_for_code
from server.notify.trying import newest_trials, try_person
from server.people import contacts
from server.people.addresses import addresses_of
from server.people.contactsweb import note_wrong_code
from server.people.model import CHANNEL_ORDER, ChannelKind
from server.people.tables import Contact, Duty, Person
from server.web import deskwords, words
from server.web.pressing import press_form
from server.web.settingspage import render_settings

CONTACTS: Final = "/desk/contacts"
_MOST_ROWS: Final = 200
_Reader = Annotated[SignedIn, requires(Right.SEE_PEOPLE)]
_Writer = Annotated[SignedIn, requires(Right.CHANGE_PEOPLE, unscoped=("contact_id",))]
_DONE: Final[Mapping[str, str]] = {
    "added": "已登记。请发验证码，让本人说出来，确认以后才用。",
    "code": "验证码已送出，十分钟内有效。请让本人告诉您。",
    "confirmed": "已确认，从现在起用这个地址。",
    "removed": "已删去，不再往那里发。",
    "tried": "测试通知已交给通道，结果见下面。",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachRow:
    """Somebody in the list: over which channels they are reached, and what waits to be confirmed."""

    code: str
    name: str
    roles: Sequence[Any]
    channels: Sequence[str]
    unconfirmed: int


def build_contact_pages(context: Context) -> APIRouter:
    """Return the routes under /desk/contacts."""
    router = APIRouter(include_in_schema=False, prefix=CONTACTS)
    _add_list(router, context)
    _add_one(router, context)
    _add_addresses(router, context)
    _add_confirming(router, context)
    _add_trying(router, context)
    return router


def _add_list(router: APIRouter, context: Context) -> None:
    @router.get("")
    async def show_all(
        request: Request,
        who: _Reader,
        q: Annotated[str, Query(max_length=60)] = "",
        show: Annotated[str, Query(max_length=20)] = "",
    ) -> Response:
        async with context.database.read() as session:
            within = (Person.active, people_within(who.reach))
            query = select(Person).where(*within)
            if q.strip():
                like = f"%{q.strip()}%"
                query = query.where(or_(Person.code.like(like), Person.name.like(like)))
            people = list(await session.scalars(query.order_by(Person.name, Person.code)))
            known = await addresses_of(session, people)
            if show == "unreached":
                people = [one for one in people if not known.get(one.code)]
            shown = people[:_MOST_ROWS]
            codes = [one.code for one in shown]
            roles: dict[str, list[Any]] = {}
            for duty in await session.scalars(select(Duty).where(Duty.person.in_(codes)).order_by(Duty.id)):
                if duty.role not in roles.setdefault(duty.person, []):
                    roles[duty.person].append(duty.role)
            waiting = await session.execute(
                select(Contact.person, func.count())
                .where(Contact.person.in_(codes), Contact.verified_at.is_(None))
                .group_by(Contact.person)
            )
            unconfirmed = {row[0]: row[1] for row in waiting}
        rows = [
            ReachRow(
                code=one.code,
                name=one.name,
                roles=roles.get(one.code, ()),
                channels=[kind.value for kind in CHANNEL_ORDER if kind in known.get(one.code, {})],
                unconfirmed=unconfirmed.get(one.code, 0),
            )
            for one in shown
        ]
        return render_settings(
            request,
            "contacts.html",
            rows=rows,
            total=len(people),
            most=_MOST_ROWS,
            q=q,
            show=show,
            words=words,
        )


def _add_one(router: APIRouter, context: Context) -> None:
    @router.get("/{person}")
    async def show(request: Request, who: _Reader, person: str) -> Response:
        return await _show(request, context, who, person)


async def _show(
    request: Request,
    context: Context,
    who: SignedIn,
    person: str,
    problem: str = "",
    *,
    status: int = 200,
    typed: tuple[str, str] = ("", ""),
) -> Response:
    now = context.clock.now()
    may_write = Right.CHANGE_PEOPLE in who.rights
    async with context.database.read() as session:
        row = await session.get(Person, person)
        if row is None:
            raise NotFoundError("没有这个人员。")
        held = await contacts.contacts_of(session, person)
        counts = (await addresses_of(session, [row])).get(person, {})
        duties = list(await session.scalars(select(Duty).where(Duty.person == person).order_by(Duty.id)))
        tries = [one for one, _ in await newest_trials(session, person=person)]
    if may_write:
        await note_view(context.database, [person], by=who.operator, now=now)
    return render_settings(
        request,
        "contact.html",
        status_code=status,
        person=row,
        duties=duties,
        held=held,
        registered={
            kind: counts[kind]
            for kind in CHANNEL_ORDER
            if kind in counts and not any(one.verified_at and one.channel == kind for one in held)
        },
        in_use=lambda one: counts.get(one.channel) == one.address,
        shown=str if may_write else contacts.masked,
        tries=tries,
        usable=set(context.channels),
        kinds=CHANNEL_ORDER,
        typed=typed,
        may_write=may_write,
        next_code_at=lambda one: one.code_until - contacts.CODE_HOLDS + contacts.NEXT_CODE_AFTER,
        words=words,
        desk=deskwords,
        now=now,
        done=_DONE.get(request.query_params.get("done", ""), ""),
        problem=problem,
    )


def _add_addresses(router: APIRouter, context: Context) -> None:
    @router.post("/{person}")
    async def add(
        request: Request,
        who: _Writer,
        person: str,
        channel: Annotated[ChannelKind, Form()],
        address: Annotated[str, Form(max_length=400)] = "",
    ) -> Response:
        async def act() -> str:
            async with context.database.write() as session:
                await contacts.add_contact(
                    session, person, channel, address, by=who.operator, now=context.clock.now()
                )
            return _address(person, "added")

        typed = (channel.value, address)
        return await press_form(
            act,
            lambda problem, status: _show(request, context, who, person, problem, status=status, typed=typed),
        )

    @router.post("/{person}/{contact_id}/remove")
    async def remove(request: Request, who: _Writer, person: str, contact_id: int) -> Response:
        async def act() -> str:
            async with context.database.write() as session:
                await contacts.remove_contact(
                    session, person, contact_id, by=who.operator, now=context.clock.now()
                )
            return _address(person, "removed")

        return await press_form(act, _again(request, context, who, person))


def _add_confirming(router: APIRouter, context: Context) -> None:
    @router.post("/{person}/{contact_id}/code")
    async def send(request: Request, who: _Writer, person: str, contact_id: int) -> Response:
        async def act() -> str:
            now = context.clock.now()
            context.allowances.take(Door.CONTACT_CODE, person, now=now)
            async with context.database.write() as session:
                row, code = await contacts.begin_confirming(
                    session, person, contact_id, by=who.operator, now=now
                )
                await spend_for_code(session, row, now=now)
            await send_code(context.channels, row, code, link=context.settings.address(), now=now)
            return _address(person, "code")

        return await press_form(act, _again(request, context, who, person))

    @router.post("/{person}/{contact_id}/confirmation")
    async def confirm(
        request: Request,
        who: _Writer,
        person: str,
        contact_id: int,
        code: Annotated[str, Form(min_length=1, max_length=20)],
    ) -> Response:
        async def act() -> str:
            context.allowances.check(Door.CONTACT_GUESS, who.operator, now=context.clock.now())
            async with context.database.write() as session:
                fits = await contacts.confirm(
                    session, person, contact_id, code, by=who.operator, now=context.clock.now()
                )
            if not fits:
                await note_wrong_code(context, who)
                raise InvalidError("验证码不对。")
            return _address(person, "confirmed")

        return await press_form(act, _again(request, context, who, person))


def _add_trying(router: APIRouter, context: Context) -> None:
    @router.post("/{person}/test")
    async def try_out(
        request: Request,
        who: _Writer,
        person: str,
        channel: Annotated[ChannelKind, Form()],
        contact: Annotated[int | None, Form()] = None,
    ) -> Response:
        async def act() -> str:
            await try_person(
                context.database,
                context.channels,
                person,
                channel.value,
                contact=contact,
                by=who.operator,
                link=context.settings.address(),
                now=context.clock.now(),
            )
            return _address(person, "tried")

        return await press_form(act, _again(request, context, who, person))


def _again(request: Request, context: Context, who: SignedIn, person: str) -> Any:
    async def show(problem: str, status: int) -> Response:
        return await _show(request, context, who, person, problem, status=status)

    return show


def _address(person: str, done: str) -> str:
    return f"{CONTACTS}/{quote(person, safe='')}?{urlencode({'done': done})}"
