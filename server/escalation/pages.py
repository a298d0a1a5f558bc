"""The pages of escalation: the steps of each class, a dry run for a place and a moment, changing them.

A change is seen before it is kept: its page shows the old steps beside the new ones, with the people whom
each would tell. What is kept is exactly what was shown, unless somebody else changed the steps meanwhile.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from pydantic import ValidationError
from sqlalchemy import select
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.clock import STREET_ZONE
from server.context import Context
from server.db.session import ReadSession
from server.errors import ConflictError, InvalidError, NotFoundError
from server.escalation.plan import Policies, Policy, make_policies
from server.escalation.rehearsal import RehearsedStep, Skipped, outline, rehearse
from server.escalation.stepforms import (
    MOST_STEPS,
    UNITS_S,
    StepError,
    draft_policy,
    read_policy,
    span_of,
)
from server.escalation.stored import PolicyForm, as_form, as_policy, read_stored, store
from server.escalation.tables import PolicyRow
from server.escalation.whereabouts import Spot, chain_at, find_spots
from server.items.telling import QUIET_FOR
from server.people.model import CHANNEL_ORDER, Role
from server.people.service import channels_of
from server.places.tables import Community
from server.routing.model import Chain
from server.routing.sentences import CHINESE, ENGLISH, standing_words
from server.web import words
from server.web.language import translations
from server.web.pressing import field_moment, press_form, typed_moment
from server.web.settingspage import render_settings
from server.web.templating import language_of
from wire.vocabulary import AlarmClass

STEPS: Final = "/desk/escalation"
_OF: Final = ("class_",)
_Reader = Annotated[SignedIn, requires(Right.SEE_SETTINGS, unscoped=_OF)]
_Writer = Annotated[SignedIn, requires(Right.CHANGE_SETTINGS, unscoped=_OF)]
_Code = Annotated[str, Form(max_length=40)]
_UNITS: Final[Mapping[str, str]] = {"s": "秒", "min": "分钟", "h": "小时"}
_SKIPPED: Final[Mapping[Skipped, str]] = {
    Skipped.NOBODY: "没有人担任",
    Skipped.NO_CHANNEL: "这一步的通知方式都到不了",
    Skipped.NOT_NEEDED: "有人可通知，不用代替",
}
"""Whoever is not there has words of their own, with the time."""
_DONE: Final[Mapping[str, str]] = {"kept": "已生效：路上的事项也按新步骤走。"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """For what a dry run is: where and when, and what else a text might mean."""

    text: str = ""
    spots: tuple[Spot, ...] = ()
    at: datetime
    chain: Chain | None = None

    @property
    def spot(self) -> Spot | None:
        return self.spots[0] if len(self.spots) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Set:
    """The steps of one class as they stand, and where they come from."""

    policy: Policy
    default: Policy
    """What taking them back would put in force: the street's, or for the street the shipped ones."""
    row: PolicyRow | None
    own: frozenset[str]
    """Communities that have steps of their own for this class."""

    @property
    def digest(self) -> str:
        return hashlib.sha256(as_form(self.policy).model_dump_json().encode()).hexdigest()


def build_policy_pages(context: Context) -> APIRouter:
    """Return the routes under /desk/escalation."""
    router = APIRouter(include_in_schema=False, prefix=STEPS)
    _add_list(router, context)
    _add_one(router, context)
    _add_trial(router, context)
    _add_keeping(router, context)
    return router


def _add_list(router: APIRouter, context: Context) -> None:
    @router.get("", dependencies=[requires(Right.SEE_SETTINGS)])
    async def show_all(request: Request) -> Response:
        async with context.database.read() as session:
            street, own = await read_stored(session, _shipped(context))
            names = {row.code: row.name for row in await _communities(session)}
        return render_settings(
            request,
            "escalations.html",
            street=[(class_, policy, outline(policy)) for class_, policy in street.items()],
            own=[(class_, code, names.get(code, code)) for code, class_ in sorted(own)],
            communities=names,
            words=words,
        )


def _add_one(router: APIRouter, context: Context) -> None:
    @router.get("/{class_}")
    async def show(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        who: _Reader,
        class_: AlarmClass,
        community: Annotated[str, Query(max_length=40)] = "",
        place: Annotated[str, Query(max_length=100)] = "",
        at: Annotated[str, Query(max_length=32)] = "",
    ) -> Response:
        async with context.database.read() as session:
            held = await _held(session, context, class_, community)
            asked, problem = await _asked(session, context, place, at)
            values = await _for_page(session, context, request, who, class_=class_, community=community)
            seen = await _rehearse(session, held.policy, asked)
        return render_settings(
            request,
            "escalation.html",
            held=held,
            form=as_form(held.policy),
            asked=asked,
            steps=seen,
            done=_DONE.get(request.query_params.get("done", ""), ""),
            problem=problem,
            **values,
        )


def _add_trial(router: APIRouter, context: Context) -> None:
    @router.post("/{class_}/trial")
    async def try_out(request: Request, who: _Writer, class_: AlarmClass, community: _Code = "") -> Response:
        fields = await request.form()
        form: PolicyForm | None = None
        problem = ""
        if fields.get("do") != "take_back":
            try:
                form = read_policy(fields)  # type: ignore[arg-type] # starlette's values are str or files
                problem = form.problem(class_)
            except InvalidError as error:
                form, problem = draft_policy(fields), _told(request, error)  # type: ignore[arg-type] # as above
        return await _compare(
            request,
            context,
            who,
            class_,
            community,
            form,
            place=str(fields.get("place", ""))[:100],
            at=str(fields.get("at", ""))[:32],
            problem=problem,
        )


async def _compare(  # noqa: PLR0917 - what a page of a form needs
    request: Request,
    context: Context,
    who: SignedIn,
    class_: AlarmClass,
    community: str,
    form: PolicyForm | None,
    *,
    place: str,
    at: str,
    problem: str = "",
    refusal: str = "",
    status: int = 200,
    reason: str = "",
) -> Response:
    """Show the steps as they stand beside others; none stands for taking the own ones back.

    A `problem` leaves nothing to compare; a `refusal` is why what can be compared was not kept.
    """
    async with context.database.read() as session:
        held = await _held(session, context, class_, community)
        asked, wrong = await _asked(session, context, place, at)
        problem = problem or wrong
        wanted = as_form(held.default) if form is None else form
        values = await _for_page(session, context, request, who, class_=class_, community=community)
        old = await _rehearse(session, held.policy, asked)
        new = () if problem else await _rehearse(session, as_policy(wanted), asked)
    return render_settings(
        request,
        "escalation_trial.html",
        status_code=422 if problem else status,
        held=held,
        form=wanted,
        take_back=form is None,
        asked=asked,
        old=old,
        new=new,
        changed={one.number for one in new if one not in old},
        same=as_form(held.policy) == form,
        comparable=not problem,
        problem=problem or refusal,
        reason=reason,
        **values,
    )


def _told(request: Request, error: InvalidError) -> str:
    """Return what is wrong with a form, in the reader's language, with the step that it is about."""
    if not isinstance(error, StepError):
        return error.detail
    gettext = translations(language_of(request)).gettext
    step = gettext("第 %(n)s 步") % {"n": error.number}
    return gettext("%(what)s：%(how)s") % {"what": step, "how": gettext(error.detail)}


def _add_keeping(router: APIRouter, context: Context) -> None:
    @router.post("/{class_}")
    async def keep(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        who: _Writer,
        class_: AlarmClass,
        before: Annotated[str, Form(max_length=64)],
        policy: Annotated[str, Form(max_length=20_000)] = "",
        community: _Code = "",
        reason: Annotated[str, Form(max_length=500)] = "",
        place: Annotated[str, Form(max_length=100)] = "",
        at: Annotated[str, Form(max_length=32)] = "",
    ) -> Response:
        wanted = _wanted(policy)

        async def act() -> str:
            if wanted and (wrong := wanted.problem(class_)):
                raise InvalidError(wrong)
            if not reason.strip():
                raise InvalidError("请写明为什么改。")
            async with context.database.write() as session:
                if (await _held(session, context, class_, community)).digest != before:
                    raise ConflictError("别人刚改过这些步骤，请重新对比后再保存。")
                await store(
                    session,
                    class_,
                    community,
                    wanted,
                    by=who.operator,
                    now=context.clock.now(),
                    reason=reason.strip(),
                )
            return f"{STEPS}/{class_.value}?{urlencode({'community': community, 'done': 'kept'})}"

        async def again(problem: str, status: int) -> Response:
            """Show the comparison once more: what was changed is not to be typed anew."""
            return await _compare(
                request,
                context,
                who,
                class_,
                community,
                wanted,
                place=place,
                at=at,
                problem="" if wanted is None else wanted.problem(class_),
                refusal=problem,
                status=status,
                reason=reason,
            )

        return await press_form(act, again)


def _wanted(policy: str) -> PolicyForm | None:
    """Return the steps that the page of the comparison sends back; nothing takes them back."""
    if not policy:
        return None
    try:
        return PolicyForm.model_validate_json(policy)
    except ValidationError:
        raise InvalidError("这些步骤读不懂，请重新对比后再保存。") from None


def _shipped(context: Context) -> Policies:
    return make_policies(context.settings.step_backup_s)


async def _held(session: ReadSession, context: Context, class_: AlarmClass, community: str) -> _Set:
    if community and await session.get(Community, community) is None:
        raise NotFoundError("没有这个社区。")
    shipped = _shipped(context)
    street, own = await read_stored(session, shipped)
    query = select(PolicyRow).where(PolicyRow.community == community, PolicyRow.class_ == class_)
    return _Set(
        policy=own.get((community, class_), street[class_]) if community else street[class_],
        default=street[class_] if community else shipped[class_],
        row=await session.scalar(query),
        own=frozenset(code for code, own_class in own if own_class is class_),
    )


async def _asked(session: ReadSession, context: Context, text: str, at: str) -> tuple[_Asked, str]:
    """Return for what a dry run is asked, and what is wrong with the question."""
    now, problem = context.clock.now(), ""
    try:
        moment = typed_moment(at) or now
    except InvalidError as error:
        moment, problem = now, error.detail
    spots = tuple(await find_spots(session, text))
    if text.strip() and not spots:
        problem = "没有找到这个地方。可以写网格、楼栋或设备的编号，或者名称里的几个字。"
    chain = await chain_at(session, spots[0], moment) if len(spots) == 1 else None
    return _Asked(text=text, spots=spots, at=moment.astimezone(STREET_ZONE), chain=chain), problem


async def _rehearse(session: ReadSession, policy: Policy, asked: _Asked) -> tuple[RehearsedStep, ...]:
    links = asked.chain.links if asked.chain else ()
    known = await channels_of(session, {link.person for link in links if link.reachable})
    return rehearse(policy, links, known, asked.at, quiet_for=QUIET_FOR)


async def _for_page(
    session: ReadSession,
    context: Context,
    request: Request,
    who: SignedIn,
    *,
    class_: AlarmClass,
    community: str,
) -> Mapping[str, Any]:
    language = ENGLISH if language_of(request) == "en" else CHINESE
    return {
        "class_": class_,
        "community": community,
        "communities": {row.code: row.name for row in await _communities(session)},
        "may_write": Right.CHANGE_SETTINGS in who.rights,
        "roles": tuple(Role),
        "kinds": CHANNEL_ORDER,
        "units": _UNITS,
        "most_steps": MOST_STEPS,
        "unit_keys": tuple(UNITS_S),
        "span_of": span_of,
        "outline": outline,
        "as_policy": as_policy,
        "skipped": _SKIPPED,
        "standing": lambda one: standing_words(one.presence, one.until, language),
        "field_moment": field_moment,
        "words": words,
        "now": context.clock.now(),
    }


async def _communities(session: ReadSession) -> list[Any]:
    return list(await session.execute(select(Community.code, Community.name).order_by(Community.code)))
