"""The leader's pages: one item on one screen, the list of a phone, presses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from server.access import links
from server.access.guard import by_link, note_opening, note_unknown_link, open_to_all
from server.access.links import LinkBook, LinkState, LinkView
from server.access.phones import keep_phone, phone_of, phone_or_new
from server.access.secrets import new_secret
from server.alarms.tables import Alarm
from server.context import Context
from server.errors import InvalidError, NotFoundError
from server.history.glance import Glance, glance_at_item
from server.items.card import Card, Viewer
from server.items.cardfacts import card_for, position_of
from server.items.company import Company, company_of
from server.items.guards import Refusal
from server.items.model import URGENT, ActorKind, ItemState, Move
from server.items.nearmodel import Fix
from server.items.nearness import MEASURED, distances_of, note_distance
from server.items.ownlistpages import add_own_list
from server.items.queries import ItemStory, find_item, item_story, open_moves
from server.items.record import Actor
from server.items.refused import Refused, refuse_link, refused_state
from server.items.service import PressOutcome, PressVerdict, press
from server.items.tables import Item
from server.live import STREAM_HEADERS, Hub
from server.notify.render import title_of
from server.photos.service import photos_of
from server.photos.tables import ItemPhoto
from server.web import words
from server.web.templating import SIZES, language_of, render_page
from wire.vocabulary import Mode

_YEAR_S: Final = 31_536_000
_MOST_CALLS: Final = 3
_LAST_MS: Final = 253_402_300_799_999
"""The last moment that a date can tell."""

_NEXT: Final = {
    ItemState.NEW: Move.ACCEPT,
    ItemState.ACCEPTED: Move.ARRIVE,
    ItemState.ON_SITE: Move.FINISH,
}
"""The main button: what comes next."""
_OTHERS: Final = (Move.FINISH, Move.NEED_HELP, Move.FALSE_ALARM, Move.NOT_MINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Press:
    move: Move
    press: str
    reason: str
    at: datetime | None
    """When it was pressed, by the phone's clock, for one that was kept on a bad line."""
    matter: str | None
    """What is ticked off of a visit, rather than the whole."""
    fix: Fix | None
    """Where the telephone was, if somebody offered it."""


def build_leader_pages(context: Context, book: LinkBook, hub: Hub) -> APIRouter:
    """Return the routes of leaders."""
    router = APIRouter(include_in_schema=False)
    _add_item(router, context, book)
    _add_live(router, context, book, hub)
    add_own_list(router, context, book, hub)
    _add_settings(router)
    return router


def _add_item(router: APIRouter, context: Context, book: LinkBook) -> None:
    @router.get("/i/{token}", dependencies=[by_link()])
    async def show_item(request: Request, token: str, said: str = "") -> Response:
        async with context.database.read() as session:
            view = await book.open(session, token, phone=phone_of(context, request))
            if view is None:
                lost = Refused.EXPIRED if book.was_made_here(token) else Refused.UNKNOWN
                if lost is Refused.UNKNOWN:
                    await note_unknown_link(context, request)
                return await refuse_link(request, session, lost, status_code=404)
            note_opening(context, request, view)
            if view.state is LinkState.REVOKED:
                return await refuse_link(request, session, Refused.REVOKED, status_code=410, view=view)
            story = await item_story(session, view.item.id)
            assert story is not None, "the link's item exists"
            allowed = await open_moves(
                session, view.item, ActorKind.PERSON, view.link.person, now=context.clock.now()
            )
            glance = await glance_at_item(context, session, story, now=context.clock.now())
            viewer = _viewer(view, story, english=language_of(request) == "en")
            card = await card_for(session, story, viewer, now=context.clock.now())
            company = await company_of(session, story, view.link.person)
            photos = await photos_of(session, view.item.id)
            distances = await distances_of(session, view.item.id)
            locatable = await position_of(session, view.item) is not None
        may_press = view.state is LinkState.OPEN
        moves = {move for move, refusal in allowed.items() if refusal is None and may_press}
        return _item_page(
            request,
            token,
            view,
            story,
            glance=glance,
            card=card,
            company=company,
            photos=photos,
            distances=distances,
            may_locate=locatable and may_press and bool(moves & set(MEASURED)),
            moves=moves,
            said=said,
            now=context.clock.now(),
        )

    @router.post("/i/{token}/moves", dependencies=[by_link()])
    async def press_button(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        token: str,
        move: Annotated[str, Form()],
        press_id: Annotated[str, Form(alias="press")],
        reason: Annotated[str, Form()] = "",
        matter: Annotated[str, Form()] = "",
        pressed_at_ms: Annotated[int | None, Form(ge=0, le=_LAST_MS)] = None,
        latitude: Annotated[str, Form()] = "",
        longitude: Annotated[str, Form()] = "",
        accuracy_m: Annotated[str, Form()] = "",
    ) -> Response:
        phone = phone_or_new(context, request)
        fix = _read_fix(latitude, longitude, accuracy_m)
        wanted = _read_press(move, press_id, reason, matter, pressed_at_ms, fix)
        view, outcome = await _carry_out(context, book, token, phone, wanted)
        if view is None:
            if not book.was_made_here(token):
                await note_unknown_link(context, request)
            raise NotFoundError("没有找到这个链接。")
        refused = refused_state(view)
        if refused is not None:
            async with context.database.read() as session:
                return await refuse_link(request, session, refused, status_code=403, view=view)
        said = "" if outcome is None else _say(wanted.move, outcome)
        answer = RedirectResponse(f"/i/{token}?said={said}", status_code=303)
        keep_phone(context, answer, phone)
        return answer


def _add_live(router: APIRouter, context: Context, book: LinkBook, hub: Hub) -> None:
    @router.get("/i/{token}/live", dependencies=[by_link()])
    async def follow_item(request: Request, token: str) -> StreamingResponse:
        async with context.database.read() as session:
            view = await book.open(session, token, phone=phone_of(context, request))
        if view is None:
            if not book.was_made_here(token):
                await note_unknown_link(context, request)
            raise NotFoundError("没有找到这个链接。")
        note_opening(context, request, view)

        async def still() -> bool:
            async with context.database.read() as session:
                now = await book.open(session, token, phone=None)
            return now is not None and now.state is not LinkState.REVOKED

        return StreamingResponse(
            hub.stream(item=view.item.id, still=still),
            media_type="text/event-stream",
            headers=STREAM_HEADERS,
        )


def _add_settings(router: APIRouter) -> None:
    @router.post("/size", dependencies=[open_to_all("it only sets a cookie of the asker's")])
    async def choose_size(size: Annotated[str, Form()], back: Annotated[str, Form()] = "/my") -> Response:
        if size not in SIZES:
            raise InvalidError("没有这个字号。")
        here = back if back.startswith("/") and not back.startswith("//") else "/my"
        answer = RedirectResponse(here, status_code=303)
        answer.set_cookie("size", size, max_age=_YEAR_S, httponly=True, samesite="lax")
        return answer


async def _carry_out(
    context: Context, book: LinkBook, token: str, phone: str, wanted: _Press
) -> tuple[LinkView | None, PressOutcome | None]:
    """Bind the link to this phone and press; the first press decides which phone that is.

    Never counted and never held up: a press on a link that was made here is what everything else is for.
    """
    now = context.clock.now()
    async with context.database.write() as session:
        view = await book.open(session, token, phone=phone)
        if view is None:
            return None, None
        if refused_state(view) is not None:
            return view, None
        matter = await find_item(session, wanted.matter) if wanted.matter else None
        if wanted.matter and (matter is None or matter.parent != view.item.id):
            raise NotFoundError("没有找到这件事项。")
        await links.bind(session, view.link.id, phone, now=now)
        outcome = await press(
            session,
            (matter or view.item).id,
            Actor(kind=ActorKind.PERSON, id=view.link.person),
            wanted.move,
            wanted.press,
            wanted.reason,
            wanted.at,
            now=now,
            policies=context.policies,
        )
        await note_distance(session, matter or view.item, wanted.press, wanted.fix, now=now)
    return view, outcome


def _viewer(view: LinkView, story: ItemStory, *, english: bool) -> Viewer:
    """Whoever was told may see whom to call; on another phone, or after a refusal, no number is shown."""
    told = any(one.person == view.link.person and not one.refused for one in story.parties)
    open_ = view.state is LinkState.OPEN
    return Viewer(person=view.link.person, english=english, numbers_of=None if told and open_ else ())


def _why(item: Item, person: str) -> str:
    """Return why this person was told, which for a backup is not why the owner was."""
    if person == item.owner:
        return item.reason
    return next((f"{one['reason']}。" for one in item.chain if one["person"] == person), item.reason)


def _read_fix(latitude: str, longitude: str, accuracy_m: str) -> Fix | None:
    """Nothing for nonsense: a press is never refused for what goes with it."""
    try:
        return Fix(latitude=float(latitude), longitude=float(longitude), accuracy_m=float(accuracy_m))
    except ValueError:
        return None


def _read_press(  # noqa: PLR0917 - the fields of one form
    move: str, press_id: str, reason: str, matter: str, at_ms: int | None, fix: Fix | None
) -> _Press:
    try:
        known = Move(move)
    except ValueError as error:
        raise InvalidError("没有这个操作。") from error
    if not 8 <= len(press_id) <= 64:  # noqa: PLR2004 - a UUID with room to spare
        raise InvalidError("页面太旧，请刷新后再按。")
    at = None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)
    return _Press(move=known, press=press_id, reason=reason[:500], at=at, matter=matter or None, fix=fix)


def _say(move: Move, outcome: PressOutcome) -> str:
    """Return the word for what happened, to be put into a sentence by the page."""
    if outcome.verdict is PressVerdict.REFUSED:
        return outcome.refusal.value if outcome.refusal else ""
    if outcome.waits_for_desk:
        return "waits_for_desk"
    return f"done_{move.value}"


def _still_so(said: str, item: Item) -> bool:
    """Tell whether what a press led to is so still: a page that stays open outlives its first sentence."""
    if said == "waits_for_desk":
        return item.false_alarm_claimed and not item.alarm_over
    if said == Refusal.ALARM_ACTIVE.value:
        return not item.alarm_over
    return item.state is not ItemState.CLOSED or not said.startswith("done_")


def _matters(story: ItemStory, *, english: bool) -> Mapping[str | None, str]:
    """Return what is wrong with each device of a visit, as its gateway says it, by the matter."""
    told = [alarm for alarm in story.alarms if alarm.readable]
    return {one.item: ((one.sentence_en if english else "") or one.sentence).rstrip("。.") for one in told}


def _times_limit(alarm: Alarm | None) -> float | None:
    """Return how many times the limit was measured: said instead of a unit that only engineers know."""
    if alarm is None or not alarm.value or not alarm.limit or alarm.limit <= 0 or alarm.value < alarm.limit:
        return None
    return alarm.value / alarm.limit


def _calls(card: Card, company: Company) -> list[tuple[str, str]]:
    """Return whom to call beside the desk, by name and number: who is at work, then the nearest rooms."""
    known = [(one.name, one.phone) for one in company.others]
    known += [(one.name, one.phone or "") for one in card.call]
    numbers = {number: name for name, number in reversed(known) if number and number != company.desk_phone}
    return [(name, number) for number, name in reversed(numbers.items())][:_MOST_CALLS]


def _elsewhere(item: Item, company: Company) -> str:
    """Return what the one at work has done already, a sentence with their `name`; empty without one."""
    if item.state is ItemState.CLOSED or not (company.others and company.others[0].at_work):
        return ""
    if item.state is ItemState.DONE:
        return "%(name)s已经处理，等设备确认。"
    return "%(name)s已经接手。您可以先打电话问问要不要帮忙。"


def _item_page(
    request: Request,
    token: str,
    view: LinkView,
    story: ItemStory,
    *,
    glance: Glance | None,
    card: Card,
    company: Company,
    photos: Sequence[ItemPhoto],
    distances: Mapping[int, tuple[str, dict[str, str]]],
    may_locate: bool,
    moves: set[Move],
    said: str,
    now: datetime,
) -> Response:
    item = view.item
    first = _NEXT.get(item.state)
    alarm = story.alarms[-1] if story.alarms else None
    return render_page(
        request,
        "item.html",
        token=token,
        item=item,
        state=view.state.value,
        alarm=alarm,
        story=story,
        glance=glance,
        card=card,
        title=card.what,
        playbook=card.do_now,
        company=company,
        calls=_calls(card, company) if view.state is LinkState.OPEN else (),
        dangerous=item.class_ in URGENT and item.mode is Mode.LIVE,
        elsewhere=_elsewhere(item, company),
        photos=photos,
        distances=[(move, distances[move.id]) for move in story.moves if move.id in distances],
        may_locate=may_locate,
        may_photograph=view.state is LinkState.OPEN,
        times_limit=_times_limit(alarm),
        why=_why(item, view.link.person),
        main_move=first if first in moves else None,
        other_moves=[m for m in _OTHERS if m in moves and m is not first],
        matters=_matters(story, english=language_of(request) == "en"),
        may_tick=Move.FINISH in moves,
        title_of=title_of,
        may_undo=Move.UNDO in moves,
        said=SAID.get(said, "") if _still_so(said, item) else "",
        words=words,
        new_press=new_secret,
        now=now,
    )


SAID: Final = {
    "done_accept": "记下了：您已收到。",
    "done_arrive": "记下了：您已到场。",
    "done_finish": "记下了：您已处理。设备恢复正常后自动结束。",
    "done_need_help": "已通知更多人来帮忙。",
    "done_not_mine": "已转给下一位。",
    "done_false_alarm": "记下了：误报。",
    "photo": "照片收到了。",
    "photo_enough": "这件事项的照片已经够多了。",
    "photo_large": "照片太大，最多 8 MB。不加照片也可以。",
    "photo_unusable": "这个文件不是照片，没有加上。不加照片也可以。",
    "merged": "这件事已并入另一件事项，请点开那一件。",
    "done_undo": "已退回上一步。",
    "waits_for_desk": "已报告误报，等指挥中心确认。设备还在报警，请注意安全。",
    "not_allowed": "这个操作不在您的权限内。",
    "closed": "这件事项已经结束。",
    "wrong_state": "现在不能做这一步，请看最新进展。",
    "not_told": "这件事项没有交给您，或者您已表示不归您管。",
    "taken": "已经有人接手了。",
    "already": "已经记下了，不用再按。",
    "nothing_to_undo": "没有可以退回的操作。",
    "others_acted": "之后已有其他人处理，不能退回。",
    "alarm_over": "设备已恢复正常。",
    "alarm_active": "设备仍在报警。",
}
"""What the page says after a press."""
