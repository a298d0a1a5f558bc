"""Looks at the databases for what is measured: cheap queries over what is open, never over all that was."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, func, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from server.alarms.tables import Alarm, stands
from server.db.session import Database, ReadSession
from server.devices.service import silent_gateways
from server.devices.tables import Command, CommandState, Device, Gateway
from server.escalation.canarystanding import stage_ages_s
from server.escalation.tables import Due
from server.history import spool
from server.history.database import HistoryDatabase
from server.history.tables import Series
from server.intake.tables import Quarantined
from server.items.model import ItemState
from server.items.tables import Item
from server.notify.tables import Notice, NoticeState
from server.telemetry.model import REACH_WITHIN, Findings
from wire.vocabulary import Mode

_OPEN: Final = (Item.state != ItemState.CLOSED, Item.mode == Mode.LIVE)
_TO_LEAVE: Final = (NoticeState.PENDING, NoticeState.SENDING, NoticeState.FAILED_TEMPORARY)
_GOT_THROUGH: Final = (NoticeState.SENT, NoticeState.DELIVERED, NoticeState.READ)


async def look(database: Database, readings: HistoryDatabase, *, now: datetime) -> Findings:
    """Return what both databases say now.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: a database does not answer.
    """
    async with database.read() as session:
        found: dict[str, Any] = {
            **await _items(session, now=now),
            **await _messages(session, now=now),
            **await _register(session, now=now),
            **await _intake(session, now=now),
        }
    lines, since = await spool.waiting(readings)
    async with readings.begin() as connection:
        series = await connection.scalar(select(func.count()).select_from(Series))
    return Findings(
        **found,
        series=series or 0,
        spool_lines=lines,
        spool_age_s=_age_s(since, now) or 0.0,
        database_bytes={
            "main": await size_bytes(database.engine),
            "readings": await size_bytes(readings.engine),
        },
    )


async def size_bytes(engine: AsyncEngine) -> int:
    """Return how much disk a database takes, journals included."""
    url = make_url(str(engine.url))
    if url.get_backend_name() == "sqlite":
        return await asyncio.to_thread(_files_bytes, url.database or "")
    async with engine.connect() as connection:
        return int(await connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def _files_bytes(path: str) -> int:
    files = (Path(f"{path}{suffix}") for suffix in ("", "-journal", "-wal"))
    total = 0
    for file in files:
        try:
            total += file.stat().st_size
        except FileNotFoundError:
            continue  # a journal comes and goes
    return total


async def _items(session: ReadSession, *, now: datetime) -> Mapping[str, Any]:
    counted = await session.execute(
        select(Item.class_, Item.state, func.count()).where(*_OPEN).group_by(Item.class_, Item.state)
    )
    untaken = await session.execute(
        select(Item.class_, func.min(Item.opened_at))
        .where(*_OPEN, Item.state == ItemState.NEW)
        .group_by(Item.class_)
    )
    through = select(Notice.id).where(Notice.item == Item.id, Notice.state.in_(_GOT_THROUGH)).exists()
    return {
        "open_items": {(class_.value, state.value): count for class_, state, count in counted},
        "unaccepted_age_s": {
            class_.value: _age_s(since, now) or 0.0 for class_, since in untaken if since is not None
        },
        "unowned_items": await _count(session, Item, *_OPEN, Item.owner.is_(None)),
        "unreached_items": await _count(
            session,
            Item,
            *_OPEN,
            Item.state == ItemState.NEW,
            Item.opened_at < now - REACH_WITHIN,
            ~through,
        ),
    }


async def _messages(session: ReadSession, *, now: datetime) -> Mapping[str, Any]:
    overdue = (Due.settled_at.is_(None), Due.due_at < now)
    oldest_due = await session.scalar(select(func.min(Due.due_at)).where(*overdue))
    waiting = (Notice.state.in_(_TO_LEAVE),)
    counted = await session.execute(
        select(Notice.channel, Notice.state, func.count())
        .where(*waiting)
        .group_by(Notice.channel, Notice.state)
    )
    oldest_notice = await session.scalar(
        select(func.min(Notice.send_at)).where(*waiting, Notice.send_at < now)
    )
    return {
        "overdue_rows": await _count(session, Due, *overdue),
        "overdue_age_s": _age_s(oldest_due, now) or 0.0,
        "notices": {(channel, state.value): count for channel, state, count in counted},
        "notice_overdue_age_s": _age_s(oldest_notice, now) or 0.0,
    }


async def _register(session: ReadSession, *, now: datetime) -> Mapping[str, Any]:
    known = await _count(session, Gateway, Gateway.registered.is_(True))
    silent = len(await silent_gateways(session, now=now))
    unheard = await _count(session, Gateway, Gateway.registered.is_(True), Gateway.heard_at.is_(None))
    return {
        "gateways": {"online": known - silent - unheard, "silent": silent, "never_heard": unheard},
        "unregistered_gateways": await _count(session, Gateway, Gateway.registered.is_(False).is_(True)),
        "devices": await _count(session, Device, Device.adopted.is_(True), Device.retired_at.is_(None)),
        "unassigned_devices": await _count(session, Device, Device.adopted.is_(False)),
        "waiting_commands": await _count(session, Command, Command.state == CommandState.WAITING),
    }


async def _intake(session: ReadSession, *, now: datetime) -> Mapping[str, Any]:
    alarms = await session.execute(
        select(Alarm.class_, func.count()).where(stands(), Alarm.mode == Mode.LIVE).group_by(Alarm.class_)
    )
    return {
        "open_alarms": {class_.value: count for class_, count in alarms},
        "quarantined_messages": await _count(session, Quarantined),
        "canary_ages_s": await stage_ages_s(session, now=now),
    }


async def _count(session: ReadSession, table: type[Any], *conditions: ColumnElement[bool]) -> int:
    return await session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


def _age_s(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else max((now - since).total_seconds(), 0.0)
