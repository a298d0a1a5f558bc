"""Pages of links that cannot be pressed: what happened, in a friendly sentence, and what to do now."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fastapi import Request
from starlette.responses import Response

from server.access.links import LinkState, LinkView
from server.db.session import ReadSession
from server.items.company import desk_phone
from server.items.queries import is_open
from server.people.tables import Person
from server.web.templating import render_page
from wire.vocabulary import AlarmClass


class Refused(StrEnum):
    """Why a link's page has no buttons."""

    OTHER_PHONE = "other_phone"
    REVOKED = "revoked"
    EXPIRED = "expired"
    """Its item closed so long ago that the link is forgotten."""
    UNKNOWN = "unknown"
    """It was never made here: most often half of it was lost in copying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a page says: the title, what happened, and what to do now in short lines."""

    title: str
    sentence: str
    do_now: tuple[str, ...]


WORDS: Final[Mapping[Refused, Words]] = {
    Refused.OTHER_PHONE: Words(
        title="请用原来的手机",
        sentence="这个链接已经在另一部手机上使用。为了安全，别的手机不能按按钮。",
        do_now=("用第一次按过按钮的那部手机打开消息", "那部手机不在身边，就打电话给指挥中心"),
    ),
    Refused.REVOKED: Words(
        title="已转给别人",
        sentence="这件事已经由别人负责，您不用再处理。",
        do_now=("不用再按，也不用赶过去", "您要是就在现场，请打电话说一声"),
    ),
    Refused.EXPIRED: Words(
        title="这个链接已过期",
        sentence="这件事早就结束了，链接不能再用。",
        do_now=("现在要办的事，看下面的“我的事项”", "现场又有危险，马上打电话"),
    ),
    Refused.UNKNOWN: Words(
        title="没有找到",
        sentence="没有找到这个链接，请重新点开消息里的链接。",
        do_now=("回到消息，再点一次链接", "还是打不开，就打电话给指挥中心"),
    ),
}
_STATES: Final = {LinkState.OTHER_PHONE: Refused.OTHER_PHONE, LinkState.REVOKED: Refused.REVOKED}


async def refuse_link(
    request: Request,
    session: ReadSession,
    refused: Refused,
    *,
    status_code: int,
    view: LinkView | None = None,
) -> Response:
    """Return the page of a link that cannot be pressed.

    Args:
        request: for its language and text size.
        session: where to read whom to call.
        refused: why.
        status_code: of the answer.
        view: the link, as far as it is known.
    """
    item = view.item if view else None
    owner = await session.get(Person, item.owner) if item and item.owner else None
    return render_page(
        request,
        "refused.html",
        status_code=status_code,
        words=WORDS[refused],
        owner=owner.name if owner and refused is Refused.REVOKED else "",
        dangerous=item is None or (is_open(item) and item.class_ is AlarmClass.LIFE_SAFETY),
        desk_phone=await desk_phone(session),
    )


def refused_state(view: LinkView) -> Refused | None:
    """Return why nothing may be pressed behind a link, or None."""
    return _STATES.get(view.state)
