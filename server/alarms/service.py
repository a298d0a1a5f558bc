"""Alarms as their gateways state them: applied if newer, and what changed by it."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select

from server.alarms.machine import Change, Held, Said, Standing, decide, follows, held_as
from server.alarms.order import Order, Position, compare
from server.alarms.tables import MATTER_RUN, Alarm, stands
from server.db.session import WriteSession
from wire.messages import AlarmState, Envelope, LaneEnvelope
from wire.vocabulary import (
    AlarmClass,
    Condition,
    Kind,
    Mode,
    Quality,
    Suppression,
)

_MAX_ID = 128
ABSENT = "absent_alarms"
"""In a session's info: keys of alarms that were looked for in bulk and are not held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """An alarm after an arriving state.

    Attributes:
        alarm: as it is held now.
        change: what the state meant.
        missed: what its gateway said between was not heard.
    """

    alarm: Alarm
    change: Change
    missed: bool = False


async def apply(
    session: WriteSession, gateway: str, meta: LaneEnvelope, state: AlarmState, *, now: datetime
) -> Applied:
    """Apply a state if it is newer than the held one.

    Args:
        session: the transaction.
        gateway: the sender by its topic.
        meta: the envelope it came in.
        state: the whole alarm.
        now: the server's time.
    """
    absent: set[tuple[str, str]] = session.info.get(ABSENT, set())
    key = (gateway, state.alarm)
    alarm = None if key in absent else await session.get(Alarm, key)
    held = _held_as(alarm)
    said, order, more = _standing(state).said, Order.NEWER, False
    if alarm is None:
        absent.discard(key)
        alarm = Alarm(gateway=gateway, alarm=state.alarm)
    else:
        order = compare(_position(alarm), _position_of(meta, state.changed_at))
        more = state.count > alarm.count or state.stage > alarm.stage
    change = decide(held, said, order, more=more)
    if order is not Order.NEWER:
        return Applied(alarm=alarm, change=change)
    _write(alarm, meta, state, now)
    if held is Held.UNKNOWN:
        session.add_last(alarm)
    return Applied(alarm=alarm, change=change, missed=not follows(held, said))


async def keep_unreadable(
    session: WriteSession, gateway: str, meta: LaneEnvelope, raw: bytes, *, now: datetime
) -> Applied:
    """Keep an alarm whose content this version does not know; it goes to the desk.

    Args:
        session: the transaction.
        gateway: the sender by its topic.
        meta: the envelope, which is readable.
        raw: the content as it came.
        now: the server's time.
    """
    hints = _hints(raw)
    alarm_id = hints.get("alarm") or _made_id(meta)
    alarm = await session.get(Alarm, (gateway, alarm_id))
    held = _held_as(alarm)
    order = Order.NEWER if alarm is None else compare(_position(alarm), _position_of(meta, meta.sent_at))
    change = decide(held, Said.UNREADABLE, order)
    if alarm is None:
        alarm = _new_unreadable(gateway, alarm_id, hints, meta)
        session.add(alarm)
    if order is Order.NEWER:
        _place(alarm, meta, now)
        alarm.changed_at = meta.sent_at
        alarm.raw = _as_text(raw)
        if change is not Change.CHANGED:
            alarm.readable = False
            alarm.cleared_at = alarm.superseded_at = None
    return Applied(alarm=alarm, change=change)


def _new_unreadable(gateway: str, alarm_id: str, hints: dict[str, str], meta: LaneEnvelope) -> Alarm:
    return Alarm(
        gateway=gateway,
        alarm=alarm_id,
        device=hints.get("device") or "?",
        rule=hints.get("rule") or "?",
        kind=Kind.CONTACT,
        class_=AlarmClass.HAZARD,
        condition=Condition.ACTIVE,
        latched=False,
        suppression=Suppression.NONE,
        mode=Mode.LIVE,
        quality=Quality.GOOD,
        raised_at=meta.sent_at,
    )


async def supersede(
    session: WriteSession,
    gateway: str,
    meta: Envelope,
    listed: Collection[str],
    *,
    now: datetime,
) -> list[Applied]:
    """Mark the open alarms of a gateway that it no longer lists; returns them.

    An alarm sent after the list was made is left alone: it may have overtaken the list.
    """
    query = select(Alarm).where(
        Alarm.gateway == gateway,
        stands(),
        Alarm.run != MATTER_RUN,
    )
    known = set(listed)
    gone = []
    for alarm in await session.scalars(query):
        if alarm.alarm in known:
            continue
        overtook = alarm.boot == meta.boot and alarm.up_ms >= meta.up_ms
        change = decide(_held_as(alarm), Said.GONE, Order.OLDER if overtook else Order.NEWER)
        if change is Change.SUPERSEDED:
            alarm.superseded_at = now
            gone.append(Applied(alarm=alarm, change=change))
    return gone


def _held_as(alarm: Alarm | None) -> Held:
    if alarm is None:
        return Held.UNKNOWN
    return held_as(
        _standing(alarm),
        told=alarm.item is not None,
        over=alarm.is_over,
        readable=alarm.readable,
    )


def _standing(of: Alarm | AlarmState) -> Standing:
    return Standing(condition=of.condition, latched=of.latched, suppression=of.suppression)


def _write(alarm: Alarm, meta: LaneEnvelope, state: AlarmState, now: datetime) -> None:
    _place(alarm, meta, now)
    for name in _SAME_NAMES:
        setattr(alarm, name, getattr(state, name))
    alarm.actions = msgspec.to_builtins(state.actions, builtin_types=())
    alarm.voters = msgspec.to_builtins(state.voters)
    alarm.readable = True
    alarm.superseded_at = None
    if not state.cleared:
        alarm.cleared_at = None
    elif alarm.cleared_at is None:
        alarm.cleared_at = now


_SAME_NAMES = (
    "device",
    "rule",
    "kind",
    "class_",
    "condition",
    "latched",
    "suppression",
    "mode",
    "point",
    "value",
    "unit",
    "limit",
    "measure",
    "window_ms",
    "stage",
    "votes_needed",
    "rule_hash",
    "sentence",
    "sentence_en",
    "suppressed_until",
    "suppressed_by",
    "suppressed_why",
    "explained_by",
    "quality",
    "raised_at",
    "changed_at",
    "count",
    "label",
    "volatile",
)


def _place(alarm: Alarm, meta: LaneEnvelope, now: datetime) -> None:
    alarm.run = meta.run
    alarm.seq = meta.seq
    alarm.boot = meta.boot
    alarm.up_ms = meta.up_ms
    alarm.received_at = now


def _position(alarm: Alarm) -> Position:
    return Position(
        run=alarm.run,
        seq=alarm.seq,
        boot=alarm.boot,
        up_ms=alarm.up_ms,
        changed_at=alarm.changed_at,
    )


def _position_of(meta: LaneEnvelope, changed_at: datetime) -> Position:
    return Position(run=meta.run, seq=meta.seq, boot=meta.boot, up_ms=meta.up_ms, changed_at=changed_at)


def _hints(raw: bytes) -> dict[str, str]:
    """Return the identifiers that can still be told from an unreadable alarm."""
    try:
        content: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {
        name: value for name, value in content.items() if isinstance(value, str) and 0 < len(value) <= _MAX_ID
    }


def _made_id(meta: LaneEnvelope) -> str:
    return "unreadable-" + hashlib.sha256(f"{meta.run}/{meta.seq}".encode()).hexdigest()[:32]


def _as_text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="backslashreplace").replace("\x00", "\\x00")
