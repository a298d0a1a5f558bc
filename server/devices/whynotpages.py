"""The page that says why a device did not alarm: one sentence first, then each rule with what it saw."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.clock import STREET_ZONE
from server.context import Context
from server.devices.deviceforms import KINDS
from server.devices.gatewaywords import SIDES, STANDINGS
from server.devices.labelcode import DEVICES, DeviceCode, page_of
from server.devices.placing import NOT_FOUND, check_device, where_of
from server.devices.whynot import Finding, Sample, is_beyond
from server.devices.whynotfacts import SPAN, Judged, why_not
from server.devices.whynotwords import SENTENCES
from server.errors import InvalidError, NotFoundError
from server.history.pointnames import name_of
from server.items.tables import Item
from server.web import words
from server.web.pressing import field_moment, typed_moment
from server.web.settingspage import render_settings
from server.web.words import unit_of
from wire.vocabulary import Kind, LimitSide

MOST_SHOWN: Final = 12
"""Readings of a rule on the page: the nearest to the moment that was asked for."""
_ABOUT: Final[Mapping[str, str]] = {**KINDS, Kind.CONTACT.value: "失联"}
_FIGURES: Final = ("value", "limit")
_Short = Annotated[str, Query(max_length=200)]


def build_why_not_pages(context: Context) -> APIRouter:
    """Return the route of why a device did not alarm."""
    router = APIRouter(include_in_schema=False, prefix=DEVICES)

    @router.get("/{gateway}/{device}/why-not")
    async def show(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        who: Annotated[SignedIn, requires(Right.SEE_DEVICES)],
        gateway: str,
        device: str,
        at: _Short = "",
        about: _Short = "",
    ) -> Response:
        now = context.clock.now()
        moment, problem = _moment(at, now)
        sort, _, chosen = about.partition(":")
        async with context.database.read() as session:
            row = await check_device(session, who, gateway, device)
            if row is None:
                raise NotFoundError(NOT_FOUND)
            found = await why_not(
                context,
                session,
                (gateway, device),
                until=min(moment + SPAN / 2, now),
                now=now,
                rule=chosen if sort == "rule" else "",
                kind=chosen if sort == "kind" else "",
            )
            where = await where_of(session, row)
            named = found.verdict.item
            told_of = await session.get(Item, named) if named is not None else None
        return render_settings(
            request,
            "why_not.html",
            status_code=422 if problem else 200,
            row=row,
            where=where,
            found=found,
            mode=words.MODES[told_of.mode] if told_of is not None else "",
            here=page_of(DeviceCode(gateway, device)),
            at=field_moment(moment),
            about=about,
            kinds=[
                (code, word) for code, word in _ABOUT.items() if code in {one.kind for one in found.rules}
            ],
            sentences=SENTENCES,
            shown=shown,
            beside=lambda one: samples_beside(one, moment if at else one.finding.values.get("when", moment)),
            sides=SIDES,
            standings=STANDINGS,
            name_of=name_of,
            words=words,
            may_see_items=Right.SEE_ITEMS in who.rights,
            now=now,
            problem=problem,
        )

    return router


def _moment(typed: str, now: datetime) -> tuple[datetime, str]:
    """Return the moment that is meant, and what is wrong with what was typed."""
    try:
        moment = typed_moment(typed) or now
    except InvalidError as error:
        return now, error.detail
    return (now, "这个时间还没有到。") if moment > now else (moment, "")


def samples_beside(judged: Judged, moment: datetime) -> Sequence[tuple[Sample, bool | None]]:
    """Return the readings of a rule nearest to a moment, oldest first, each with whether it passed a limit.

    That is None where a single reading cannot tell.
    """
    nearest = sorted(judged.samples, key=lambda one: abs(one.at - moment))[:MOST_SHOWN]
    limits = [one for one in judged.rule.limits if one.side in {LimitSide.ABOVE, LimitSide.BELOW}]
    return [
        (one, any(is_beyond(limit, one.value) for limit in limits) if one.good else None)
        for one in sorted(nearest, key=lambda one: one.at)
    ]


def shown(finding: Finding) -> Mapping[str, Any]:
    """Return the values of a finding as a page shows them."""
    return {name: _shown(name, value) for name, value in finding.values.items()}


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.astimezone(STREET_ZONE):%m-%d %H:%M:%S}"
    if name in _FIGURES:
        return f"{value:.4g}"
    return unit_of(value) if name == "unit" else value
