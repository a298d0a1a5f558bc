"""Alarms as their gateways state them: applied if newer, and what changed by it."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import select

from server.alarms.order import Order, Position, compare
from server.alarms.tables import MATTER_RUN, Alarm
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


class Change(StrEnum):
    """What an arriving state meant."""

    RAISED = "raised"
    """An alarm not seen before, or not shown to people before."""
    RERAISED = "reraised"
    """It was over, or it came once more while it stood."""
    CHANGED = "changed"
    """Value, class, actions or condition changed while it stands."""
    CLEARED = "cleared"
    """Its cause is gone and its latch is reset."""
    WITHHELD = "withheld"
    """It stands, but is pending or kept from people."""
    REPEATED = "repeated"
    """The very message came before."""
    OLDER = "older"
    """A newer state is held already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """An alarm after an arriving state."""

    alarm: Alarm
    change: Change


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
    if alarm is None:
        absent.discard(key)
        alarm = Alarm(gateway=gateway, alarm=state.alarm)
        change = _change_of_new(state)
        _write(alarm, meta, state, now)
        session.add_last(alarm)
        return Applied(alarm=alarm, change=change)
    order = compare(_position(alarm), _position_of(meta, state.changed_at))
    if order is not Order.NEWER:
        return Applied(alarm=alarm, change=Change.REPEATED if order is Order.SAME else Change.OLDER)
    change = _change_of_held(alarm, state)
    _write(alarm, meta, state, now)
    return Applied(alarm=alarm, change=change)


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
    if alarm is not None:
        order = compare(_position(alarm), _position_of(meta, meta.sent_at))
        if order is not Order.NEWER:
            repeated = order is Order.SAME
            return Applied(alarm=alarm, change=Change.REPEATED if repeated else Change.OLDER)
        _place(alarm, meta, now)
        alarm.changed_at = meta.sent_at
        if alarm.readable:
            alarm.raw = _as_text(raw)
            return Applied(alarm=alarm, change=Change.CHANGED)
        over = alarm.cleared_at is not None or alarm.superseded_at is not None
        alarm.cleared_at = alarm.superseded_at = None
        alarm.raw = _as_text(raw)
        return Applied(alarm=alarm, change=Change.RERAISED if over else Change.CHANGED)
    alarm = Alarm(
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
        changed_at=meta.sent_at,
        readable=False,
        raw=_as_text(raw),
    )
    _place(alarm, meta, now)
    session.add(alarm)
    return Applied(alarm=alarm, change=Change.RAISED)


async def supersede(
    session: WriteSession,
    gateway: str,
    meta: Envelope,
    listed: Collection[str],
    *,
    now: datetime,
) -> list[Alarm]:
    """Mark the open alarms of a gateway that it no longer lists; returns them.

    An alarm sent after the list was made is left alone: it may have overtaken the list.
    """
    query = select(Alarm).where(
        Alarm.gateway == gateway,
        Alarm.cleared_at.is_(None),
        Alarm.superseded_at.is_(None),
        Alarm.run != MATTER_RUN,
    )
    known = set(listed)
    gone = [
        alarm
        for alarm in await session.scalars(query)
        if alarm.alarm not in known and not (alarm.boot == meta.boot and alarm.up_ms >= meta.up_ms)
    ]
    for alarm in gone:
        alarm.superseded_at = now
    return gone


def _change_of_new(state: AlarmState) -> Change:
    return Change.WITHHELD if _withheld(state) else Change.RAISED


def _change_of_held(alarm: Alarm, state: AlarmState) -> Change:
    over = alarm.cleared_at is not None or alarm.superseded_at is not None
    if _withheld(state):
        return Change.WITHHELD
    if alarm.item is None:
        kept_back = state.cleared and alarm.suppression is not Suppression.NONE
        return Change.WITHHELD if kept_back else Change.RAISED
    again = state.count > alarm.count or not alarm.readable or _shown_again(alarm, state)
    if state.cleared:
        return Change.RERAISED if over and again else Change.CLEARED
    return Change.RERAISED if over or again else Change.CHANGED


def _shown_again(alarm: Alarm, state: AlarmState) -> bool:
    """Whether a cause that lasts was kept from people until now: they are told as of a new one."""
    return alarm.suppression is not Suppression.NONE and not state.cleared


def _withheld(state: AlarmState) -> bool:
    """Whether people are not (yet) told of a state: pending, or kept from them on purpose."""
    return state.condition is Condition.PENDING or (
        state.suppression is not Suppression.NONE and not state.cleared
    )


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
