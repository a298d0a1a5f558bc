"""Telling people about the roster: one row a message, written with the change that it tells of.

It is sent by `server.notify.rosternews`, never at night: whoever is off duty is not disturbed for this.
"""

from collections.abc import Collection
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import select

from server.clock import STREET_ZONE
from server.db.session import ReadSession, WriteSession
from server.people.rostertables import RosterMessage
from server.people.tables import Person
from wire.ids import new_uuid7

QUIET: Final = (time(21, 0), time(8, 0))
"""From when until when, by the street's time, no message about the roster leaves."""


class News(StrEnum):
    """What a message about the roster says."""

    ASKED = "asked"
    AGREED = "agreed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    SWAPPED = "swapped"
    """The desk noted a swap that both had agreed to."""
    SWAP_ENDED = "swap_ended"
    STANDS_IN = "stands_in"
    STAND_IN_ENDED = "stand_in_ended"
    OWN_WEEK = "own_week"
    """The link to the page of their own duty."""


_SAID: Final[dict[News, tuple[str, str]]] = {
    News.ASKED: (
        "请您替班",
        "{person}请您替班：{when}。点开链接，同意或者说不行。没有回答以前，这一班不变。",
    ),
    News.AGREED: ("换班说定了", "{other}替{person}值班：{when}。这段时间的通知发给{other}。"),
    News.DECLINED: ("换班没有说成", "{other}这次替不了：{when}。这一班还是{person}的。"),
    News.WITHDRAWN: ("换班不用了", "{person}不用您替班了：{when}。"),
    News.LAPSED: ("换班没有回音", "{other}没有回答：{when}。这一班还是{person}的。"),
    News.SWAPPED: ("换班已登记", "{other}替{person}值班：{when}。这段时间的通知发给{other}。"),
    News.SWAP_ENDED: ("换班取消了", "{other}不用再替{person}值班：{when}。通知又发给{person}。"),
    News.STANDS_IN: ("请您代班", "{person}请假，由您代班：{when}。这段时间的通知发给您。"),
    News.STAND_IN_ENDED: ("不用代班了", "{person}不请假了，您不用代班：{when}。"),
    News.OWN_WEEK: ("您的值班", "点开看本周值班，也可以请假、请人替班。"),
}


async def tell(
    session: WriteSession,
    news: News,
    to: Collection[str],
    *,
    now: datetime,
    person: str = "",
    other: str = "",
    span: tuple[datetime, datetime] | None = None,
    proposal: str | None = None,
) -> None:
    """Write messages to people into the transaction of what they tell of.

    Args:
        session: the transaction.
        news: what they say.
        to: to whom, by code.
        now: the server's time.
        person: whose duty or absence it is.
        other: who takes it over.
        span: from when until when.
        proposal: which proposal the link shows.
    """
    names = await names_of(session, {person, other})
    title, text = _SAID[news]
    said = text.format(
        person=names.get(person, person), other=names.get(other, other), when=say_span(*span) if span else ""
    )
    for code in to:
        row = RosterMessage(
            id=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
            person=code,
            proposal=proposal,
            title=title,
            text=said,
            made_at=now,
            send_at=not_at_night(now),
        )
        session.add(row)
    session.announce("roster_message", "")


async def names_of(session: ReadSession, codes: Collection[str]) -> dict[str, str]:
    """Return people's names by code."""
    found = await session.execute(select(Person.code, Person.name).where(Person.code.in_(codes)))
    return {row.code: row.name for row in found}


def not_at_night(at: datetime) -> datetime:
    """Return a moment, or the end of the quiet hours that it lies in."""
    there = at.astimezone(STREET_ZONE)
    begins, ends = QUIET
    if ends <= there.time() < begins:
        return at
    morning = there.replace(hour=ends.hour, minute=ends.minute, second=0, microsecond=0)
    return morning if morning > there else morning + timedelta(days=1)


def say_span(begins: datetime, ends: datetime) -> str:
    """Return a span as people of the street say it."""
    since, until = begins.astimezone(STREET_ZONE), ends.astimezone(STREET_ZONE)
    first = f"{since.month}月{since.day}日{since:%H:%M}"
    return f"{first}到" + (
        f"{until:%H:%M}" if since.date() == until.date() else f"{until.month}月{until.day}日{until:%H:%M}"
    )


async def not_delivered(session: ReadSession, people: Collection[str]) -> list[RosterMessage]:
    """Return messages that no provider took, the newest first: somebody has to call instead."""
    query = select(RosterMessage).where(
        RosterMessage.person.in_(people), RosterMessage.sent_at.is_not(None), RosterMessage.channel == ""
    )
    return list(await session.scalars(query.order_by(RosterMessage.id.desc()).limit(20)))
