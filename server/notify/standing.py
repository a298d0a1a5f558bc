"""How each channel stands: what became of a day's messages, what quotas still allow, the last receipts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import func, select

from server.db.session import ReadSession
from server.notify.quotas import QUOTAS, Window
from server.notify.tables import Attempt, ChannelSetup, Notice, NoticeState, Spent, TrialMessage
from server.people.model import CHANNEL_ORDER, ChannelKind
from server.people.tables import Person

DAY: Final = timedelta(hours=24)
_LOOKED_AT: Final = 5
"""How many of the last attempts say whether a channel works."""
_RECEIPTS: Final = 20
_LOOKED_THROUGH: Final = 20_000
"""How many of the last attempts are searched for a failure."""
_GLANCED_AT: Final = 2_000
"""How many of the last attempts a page looks at that only says what is wrong."""
_GOT_THROUGH: Final = (NoticeState.SENT, NoticeState.DELIVERED, NoticeState.READ)
_FAILED: Final = (NoticeState.FAILED_TEMPORARY, NoticeState.FAILED_PERMANENT)
_COUNTED: Final[Mapping[str, tuple[NoticeState, ...]]] = {
    "waiting": (NoticeState.PENDING, NoticeState.SENDING),
    "sent": (NoticeState.SENT,),
    "delivered": (NoticeState.DELIVERED,),
    "read": (NoticeState.READ,),
    "failed": _FAILED,
    "unknown": (NoticeState.UNKNOWN,),
}


class Health(StrEnum):
    """Whether a channel works, by its last attempts."""

    NOT_SET_UP = "not_set_up"
    """This server has no account for it."""
    IDLE = "idle"
    """Nothing was sent over it lately: nobody can say."""
    WORKING = "working"
    SHAKY = "shaky"
    """Some of the last attempts failed."""
    FAILING = "failing"
    """All of the last attempts failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowUse:
    """One span of a provider's quota, and how far it is used.

    Attributes:
        window: what is allowed to one address.
        busiest: how much of it the most used address has spent.
        full: how many addresses may be sent nothing but life safety, or nothing at all.
    """

    window: Window
    busiest: int
    full: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStanding:
    """One channel.

    Attributes:
        kind: which.
        health: whether it works.
        since: when this server got its account.
        counts: a day's notices by what became of them: waiting, sent, delivered, read, failed, unknown.
        last_sent_at: when a message was last taken.
        last_failure: when and why one was last refused.
        windows: its quotas.
    """

    kind: ChannelKind
    health: Health
    since: datetime | None
    counts: Mapping[str, int]
    last_sent_at: datetime | None
    last_failure: tuple[datetime, str] | None
    windows: Sequence[WindowUse]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastReceipt:
    """What a provider said of one notice."""

    channel: str
    name: str
    item: str
    state: NoticeState
    provider: str
    at: datetime


def health_of(outcomes: Sequence[NoticeState], *, set_up: bool) -> Health:
    """Judge a channel by its last attempts, in any order."""
    if not set_up:
        return Health.NOT_SET_UP
    if not outcomes:
        return Health.IDLE
    failed = sum(one in _FAILED for one in outcomes)
    if not failed:
        return Health.WORKING
    return Health.FAILING if failed == len(outcomes) else Health.SHAKY


async def channel_standings(session: ReadSession, *, now: datetime) -> list[ChannelStanding]:
    """Return how every kind of channel stands, those without an account too."""
    since: dict[str, datetime] = {
        row.channel: row.since for row in await session.scalars(select(ChannelSetup))
    }
    counts = await _counts(session, now)
    outcomes = await _last_outcomes(session, now, most=_LOOKED_THROUGH)
    return [
        ChannelStanding(
            kind=kind,
            health=health_of(outcomes[kind], set_up=kind in since or kind is ChannelKind.WEBHOOK),
            since=since.get(kind),
            counts=counts.get(kind, dict.fromkeys(_COUNTED, 0)),
            last_sent_at=await _last_sent_at(session, kind),
            last_failure=await _last_failure(session, kind),
            windows=[await _use(session, kind, window, now) for window in QUOTAS.get(kind, ())],
        )
        for kind in CHANNEL_ORDER
    ]


async def failing_channels(session: ReadSession, *, now: datetime) -> list[ChannelKind]:
    """Return the channels over which none of the last messages left: what the desk must know at once."""
    outcomes = await _last_outcomes(session, now, most=_GLANCED_AT)
    return [kind for kind in CHANNEL_ORDER if health_of(outcomes[kind], set_up=True) is Health.FAILING]


async def last_receipts(session: ReadSession) -> list[LastReceipt]:
    """Return the newest notices of which a provider said more than that it took them."""
    # Ids grow with time: the newest notices are found without looking at all of them.
    query = (
        select(Notice, Person.name)
        .join(Person, Person.code == Notice.person)
        .where(Notice.delivered_at.is_not(None))
        .order_by(Notice.id.desc())
        .limit(_RECEIPTS)
    )
    found = [
        LastReceipt(
            channel=notice.channel,
            name=name,
            item=notice.item,
            state=notice.state,
            provider=notice.provider,
            at=at,
        )
        for notice, name in await session.execute(query)
        if (at := notice.read_at or notice.delivered_at) is not None
    ]
    return sorted(found, key=lambda one: one.at, reverse=True)


async def _counts(session: ReadSession, now: datetime) -> dict[str, dict[str, int]]:
    query = (
        select(Notice.channel, Notice.state, func.count())
        .where(Notice.created_at >= now - DAY)
        .group_by(Notice.channel, Notice.state)
    )
    counts: dict[str, dict[str, int]] = {}
    for channel, state, count in await session.execute(query):
        row = counts.setdefault(channel, dict.fromkeys(_COUNTED, 0))
        for word, states in _COUNTED.items():
            row[word] += count if state in states else 0
    return counts


async def _last_sent_at(session: ReadSession, kind: ChannelKind) -> datetime | None:
    query = select(Notice.sent_at).where(Notice.channel == kind.value, Notice.sent_at.is_not(None))
    return await session.scalar(query.order_by(Notice.id.desc()).limit(1))


async def _last_outcomes(
    session: ReadSession, now: datetime, *, most: int
) -> Mapping[str, Sequence[NoticeState]]:
    """Return a day's last outcomes by channel, and test messages that got through: those end a bad word.

    Args:
        session: where to read.
        now: the server's time.
        most: how many of the last attempts are looked at.
    """
    newest = await session.scalar(select(func.max(Attempt.id))) or 0
    place = func.row_number().over(partition_by=Notice.channel, order_by=Attempt.at.desc())
    ranked = (
        select(Notice.channel, Attempt.at, Attempt.outcome, place.label("place"))
        .join(Notice, Notice.id == Attempt.notice)
        .where(Attempt.id > newest - most, Attempt.at >= now - DAY)
        .subquery()
    )
    attempts = select(ranked.c.channel, ranked.c.at, ranked.c.outcome).where(ranked.c.place <= _LOOKED_AT)
    trials = select(TrialMessage.channel, TrialMessage.sent_at, TrialMessage.state).where(
        TrialMessage.sent_at >= now - DAY, TrialMessage.state.in_(_GOT_THROUGH)
    )
    found: dict[str, list[tuple[datetime, NoticeState]]] = {kind.value: [] for kind in CHANNEL_ORDER}
    for channel, at, outcome in (*await session.execute(attempts), *await session.execute(trials)):
        found.setdefault(channel, []).append((at, outcome))
    return {
        channel: [outcome for _, outcome in sorted(rows, reverse=True)[:_LOOKED_AT]]
        for channel, rows in found.items()
    }


async def _last_failure(session: ReadSession, kind: ChannelKind) -> tuple[datetime, str] | None:
    newest = await session.scalar(select(func.max(Attempt.id))) or 0
    query = (
        select(Attempt.at, Attempt.detail)
        .join(Notice, Notice.id == Attempt.notice)
        .where(Attempt.id > newest - _LOOKED_THROUGH)
        .where(Notice.channel == kind.value, Attempt.outcome.in_(_FAILED))
        .order_by(Attempt.id.desc())
        .limit(1)
    )
    row = (await session.execute(query)).first()
    return (row.at, row.detail) if row else None


async def _use(session: ReadSession, kind: ChannelKind, window: Window, now: datetime) -> WindowUse:
    query = (
        select(func.count())
        .where(Spent.channel == kind.value, Spent.at > now - window.span)
        .group_by(Spent.address_hash)
    )
    used = list(await session.scalars(query))
    most = window.most if window.most_not_urgent is None else window.most_not_urgent
    return WindowUse(window=window, busiest=max(used, default=0), full=sum(count >= most for count in used))
