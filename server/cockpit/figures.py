"""The cockpit's figures. They rank places and hazards, never people, and count no test and no drill."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import case, func, select

from server.alarms.tables import Alarm, stands
from server.cockpit.model import quantile
from server.db.session import ReadSession
from server.devices.service import SILENT_AFTER
from server.devices.tables import Device, Gateway
from server.escalation.canarystanding import canary_standing
from server.items.model import Outcome
from server.items.tables import Item
from server.notify.standing import failing_channels
from server.notify.tables import Notice, NoticeState
from server.places.tables import Community, Grid
from server.routing.proving import newest_proof
from wire.vocabulary import AlarmClass, Kind, Mode, Presence

MONTH: Final = timedelta(days=30)
WEEK: Final = timedelta(days=7)
DAY: Final = timedelta(days=1)
_SOON: Final = timedelta(days=30)
_MOST_ROWS: Final = 10

Figures = dict[str, Any]


async def times(session: ReadSession, now: datetime) -> Figures:
    """Return how long it took to accept and to close, by class, over thirty days, in seconds."""
    query = select(Item.class_, Item.opened_at, Item.accepted_at, Item.closed_at, Item.outcome).where(
        Item.opened_at >= now - MONTH, Item.mode == Mode.LIVE, Item.parent.is_(None)
    )
    accept: dict[AlarmClass, list[float]] = {one: [] for one in AlarmClass}
    close: dict[AlarmClass, list[float]] = {one: [] for one in AlarmClass}
    for class_, opened_at, accepted_at, closed_at, outcome in await session.execute(query):
        if accepted_at is not None:
            accept[class_].append((accepted_at - opened_at).total_seconds())
        if closed_at is not None and outcome is not Outcome.LAPSED:
            close[class_].append((closed_at - opened_at).total_seconds())
    return {
        "classes": [
            {
                "class": one.value,
                "accepted": len(accept[one]),
                "accept_median_s": quantile(accept[one], 0.5),
                "accept_p90_s": quantile(accept[one], 0.9),
                "closed": len(close[one]),
                "close_median_s": quantile(close[one], 0.5),
                "close_p90_s": quantile(close[one], 0.9),
            }
            for one in AlarmClass
        ]
    }


async def false_alarms(session: ReadSession, now: datetime) -> Figures:
    """Return the share of closed items that were false alarms, by model and by community."""
    false = func.sum(case((Item.outcome == Outcome.FALSE_ALARM, 1), else_=0))
    closed = (
        Item.closed_at >= now - MONTH,
        Item.mode == Mode.LIVE,
        Item.outcome.in_((Outcome.HANDLED, Outcome.FALSE_ALARM, Outcome.EXCEPTION)),
        Item.kind != Kind.CONTACT,
    )
    ours = (Device.gateway == Item.gateway) & (Device.device == Item.device)
    by_model = await session.execute(
        select(Device.model, false, func.count()).join(Item, ours).where(*closed).group_by(Device.model)
    )
    by_place = await session.execute(
        select(Community.name, false, func.count())
        .join(Item, Item.community == Community.code)
        .where(*closed)
        .group_by(Community.code, Community.name)
    )
    total, of_total = (await session.execute(select(func.count(), false).where(*closed))).one()
    return {
        "closed": total,
        "false": of_total or 0,
        "models": _shares([tuple(row) for row in by_model]),
        "places": _shares([tuple(row) for row in by_place]),
    }


def _shares(rows: list[tuple[Any, ...]]) -> list[Figures]:
    ranked = sorted(rows, key=lambda row: (-row[1] / row[2], -row[2], row[0]))
    return [{"name": name, "false": false, "closed": closed} for name, false, closed in ranked][:_MOST_ROWS]


async def noisy(session: ReadSession, now: datetime) -> Figures:
    """Return the ten devices that alarmed most within seven days, and their part of all alarms."""
    recent = (Alarm.raised_at >= now - WEEK, Alarm.mode == Mode.LIVE)
    rows = (
        await session.execute(
            select(Alarm.gateway, Alarm.device, func.sum(Alarm.count))
            .where(*recent)
            .group_by(Alarm.gateway, Alarm.device)
            .order_by(func.sum(Alarm.count).desc(), Alarm.gateway, Alarm.device)
            .limit(_MOST_ROWS)
        )
    ).all()
    total = await session.scalar(select(func.sum(Alarm.count)).where(*recent)) or 0
    sources = []
    for gateway, device, count in rows:
        newest = await session.scalar(
            select(Item)
            .where(Item.gateway == gateway, Item.device == device, Item.mode == Mode.LIVE)
            .order_by(Item.opened_at.desc())
            .limit(1)
        )
        sources.append(
            {
                "name": (newest.device_name or device) if newest else device,
                "where": newest.where if newest else gateway,
                "kind": newest.kind.value if newest else None,
                "count": count,
            }
        )
    return {"total": total, "sources": sources}


async def devices(session: ReadSession, now: datetime) -> Figures:
    """Return how the registered devices are. One that was never heard is unknown, not well."""
    today, soon = now.date(), (now + _SOON).date()

    def number(condition: Any) -> Any:
        return func.sum(case((condition, 1), else_=0))

    live = (Device.adopted, Device.retired_at.is_(None))
    total, unheard, ended, ending, untested = (
        await session.execute(
            select(
                func.count(),
                number(Device.first_heard_at.is_(None)),
                number(Device.ends_on < today),
                number((Device.ends_on >= today) & (Device.ends_on <= soon)),
                number(Device.test_due_on < today),
            ).where(*live)
        )
    ).one()
    # What gathers others is no device of its own.
    still = (Item.closed_at.is_(None), Item.mode == Mode.LIVE, Item.grouping.is_(None))
    silent = await session.scalar(select(func.count()).where(*still, Item.kind == Kind.CONTACT))
    faulty = await session.scalar(
        select(func.count()).where(
            *still, Item.kind != Kind.CONTACT, Item.class_.in_((AlarmClass.FAULT, AlarmClass.ADVICE))
        )
    )
    strangers = await session.scalar(select(func.count()).where(Device.adopted.is_(False)))
    # Batteries are told by rules of the gateway: an open item whose alarm's point is a battery's.
    batteries = await session.scalar(
        select(func.count(func.distinct(Alarm.item))).where(
            stands(), Alarm.mode == Mode.LIVE, Alarm.point.like("%battery%")
        )
    )
    return {
        "total": total,
        "unheard": unheard or 0,
        "silent": silent or 0,
        "faulty": faulty or 0,
        "batteries": batteries or 0,
        "ended": ended or 0,
        "ending": ending or 0,
        "test_overdue": untested or 0,
        "unassigned": strangers or 0,
    }


async def gateways(session: ReadSession, now: datetime) -> Figures:
    """Return how the gateways are and how much they have yet to deliver."""
    rows = list(await session.scalars(select(Gateway).where(Gateway.registered).order_by(Gateway.id)))
    silent: list[Figures] = []
    waiting: list[Figures] = []
    never = shed = volatile = 0
    for one in rows:
        status = one.status or {}
        if one.heard_at is None:
            never += 1
        elif one.presence is Presence.OFFLINE or one.heard_at < now - SILENT_AFTER:
            silent.append({"id": one.id, "name": one.name or one.id, "heard_at": one.heard_at.isoformat()})
        lanes = status.get("lanes") or ()
        queue = {lane["lane"]: lane.get("waiting", 0) for lane in lanes}
        shed += sum(lane.get("shed", 0) for lane in lanes)
        volatile += bool(status.get("volatile"))
        if sum(queue.values()):
            waiting.append({"id": one.id, "name": one.name or one.id, "lanes": queue})
    waiting.sort(key=lambda one: (-one["lanes"].get("alarms", 0), -sum(one["lanes"].values()), one["id"]))
    return {
        "total": len(rows),
        "never": never,
        "silent": silent[:_MOST_ROWS],
        "silent_count": len(silent),
        "alarms_waiting": sum(one["lanes"].get("alarms", 0) for one in waiting),
        "readings_waiting": sum(one["lanes"].get("readings", 0) for one in waiting),
        "queues": waiting[:_MOST_ROWS],
        "shed": shed,
        "volatile": volatile,
    }


_SENT: Final = (NoticeState.SENT, NoticeState.DELIVERED, NoticeState.READ)
_FAILED: Final = (NoticeState.FAILED_TEMPORARY, NoticeState.FAILED_PERMANENT, NoticeState.UNKNOWN)
_WAITING: Final = (NoticeState.PENDING, NoticeState.SENDING)


async def channels(session: ReadSession, now: datetime) -> Figures:
    """Return what became of a day's notices by channel, and how long they took to leave."""
    query = (
        select(Notice.channel, Notice.state, Notice.created_at, Notice.sent_at)
        .join(Item, Item.id == Notice.item)
        .where(
            Notice.created_at >= now - DAY,
            Notice.state != NoticeState.WITHDRAWN,
            Item.mode == Mode.LIVE,
        )
    )
    counts: dict[str, dict[str, int]] = {}
    delays: dict[str, list[float]] = {}
    for channel, state, created_at, sent_at in await session.execute(query):
        row = counts.setdefault(channel, dict.fromkeys(("sent", "delivered", "read", "failed", "waiting"), 0))
        row["sent"] += state in _SENT
        row["delivered"] += state in (NoticeState.DELIVERED, NoticeState.READ)
        row["read"] += state is NoticeState.READ
        row["failed"] += state in _FAILED
        row["waiting"] += state in _WAITING
        if sent_at is not None:
            delays.setdefault(channel, []).append((sent_at - created_at).total_seconds())
    return {
        "failing": [kind.value for kind in await failing_channels(session, now=now)],
        "channels": [
            {"channel": name, **row, "delay_median_s": quantile(delays.get(name, []), 0.5)}
            for name, row in sorted(counts.items())
        ],
    }


async def roster(session: ReadSession, now: datetime) -> Figures:
    """Return the part of all grids and hours of a week in which two people can be told."""
    del now
    proof = await newest_proof(session)
    if proof is None:
        grids = await session.scalar(select(func.count()).select_from(Grid))
        return {"proved_at": None, "grids": grids or 0, "covered": None, "gaps": []}
    hours = proof.grids * proof.hours
    return {
        "proved_at": proof.at.isoformat(),
        "grids": proof.grids,
        "covered": None if not hours else 1 - proof.thin_hours / hours,
        "thin_grids": len({gap["grid"] for gap in proof.gaps}),
        "gaps": proof.gaps[:_MOST_ROWS],
    }


async def canary(session: ReadSession, now: datetime) -> Figures:
    """Return when the last canary that went the whole way was sent, and where the newest stopped."""
    standing = await canary_standing(session, now=now)
    arrived = None if standing.age_s is None else now - timedelta(seconds=standing.age_s)
    return {"arrived_at": arrived.isoformat() if arrived else None, "failing": standing.failing}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Figures and how often they are computed, in seconds."""

    read: Callable[[ReadSession, datetime], Awaitable[Figures]]
    every_s: float


PANELS: Final[Mapping[str, Panel]] = {
    "canary": Panel(read=canary, every_s=5),
    "gateways": Panel(read=gateways, every_s=10),
    "channels": Panel(read=channels, every_s=15),
    "devices": Panel(read=devices, every_s=60),
    "times": Panel(read=times, every_s=60),
    "false_alarms": Panel(read=false_alarms, every_s=60),
    "noisy": Panel(read=noisy, every_s=60),
    "roster": Panel(read=roster, every_s=60),
}
"""The panels, by the name that pages know."""
