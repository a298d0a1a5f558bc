"""Alarms and reports of gateways: one batch, one transaction, one bad message never in the way."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import select, tuple_
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError

from server.alarms import service as alarms
from server.alarms.service import Applied
from server.alarms.tables import Alarm
from server.db.base import Base
from server.db.session import ONE_MOMENT, Database, WriteSession
from server.devices import service as devices
from server.devices.traffic import keep_traffic
from server.errors import ServerError
from server.escalation import canary
from server.escalation.canary import CANARY_GATEWAY
from server.escalation.plan import Policies
from server.failpoints import Failpoint, reach
from server.intake.received import UNREADABLE, Received, read
from server.intake.tables import LaneRun, Quarantined
from server.items import opening
from wire import codec
from wire.configuration import ConfigurationReport
from wire.errors import BodyError
from wire.messages import (
    CONTRACT_VERSION,
    AlarmMessage,
    AlarmState,
    CommandReport,
    OpenAlarmsReport,
    ReportMessage,
)
from wire.traffic import RawTrafficReport
from wire.vocabulary import Lane

log = structlog.get_logger()


class LostRaceError(ServerError):
    """Another process opened the same item or visit first; seen anew, the message finds it open."""


NOT_OUR_FAULT: Final = (
    LostRaceError,
    OperationalError,
    InterfaceError,
    PoolTimeoutError,
    StaleDataError,
    OSError,
)
"""The database could not, whatever the message: the whole batch is to be tried again later."""

_TRIES: Final = 3
"""How often a batch is applied anew after a lost race: who lost finds the rival's item the next time."""
_OPEN_KEY: Final = "open_key"
_MAY_RACE: Final = "may_race"
"""In a session's `info` while a lost race counts as one, rather than as a fault of the message."""
_MOST_ERROR_CHARS: Final = 2_000


@dataclass(slots=True)
class Ingested:
    """What came of a batch: what may be acknowledged, and what changed."""

    acks: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    """Committed numbers by (gateway, run)."""
    applied: int = 0
    quarantined: int = 0
    configurations: list[tuple[str, ConfigurationReport]] = field(default_factory=list)
    """Parts of configurations, by gateway: nothing of them is kept here, no alarm waits for them."""


async def ingest(
    database: Database, batch: Sequence[Received], *, now: datetime, policies: Policies
) -> Ingested:
    """Apply a batch in one transaction.

    Whatever part of it fails is halved until the bad message is alone; that one is kept raw. Only
    what is in the returned acks is committed.

    Args:
        database: the main database.
        batch: alarms and reports in the order they came.
        now: the server's time.
        policies: the steps of escalation in force.

    Raises:
        sqlalchemy.exc.OperationalError: the database could not commit; nothing of the batch is
            kept, and none of it may be acknowledged. Likewise the others of `NOT_OUR_FAULT`.
    """
    if len(batch) == 1 and (alone := await _ingest_alone(database, batch, now=now, policies=policies)):
        return alone
    for left in reversed(range(_TRIES)):
        try:
            done = await _ingest_once(database, batch, now=now, policies=policies, may_race=left > 0)
        except LostRaceError as error:
            log.info("race_lost", messages=len(batch), error=str(error))
            continue
        break
    return done


async def _ingest_once(
    database: Database, batch: Sequence[Received], *, now: datetime, policies: Policies, may_race: bool
) -> Ingested:
    done = Ingested()
    async with _transaction(database, done) as session:
        session.info[_MAY_RACE] = may_race
        await _apply_halving(session, batch, done, now=now, policies=policies)
    return done


async def _ingest_alone(
    database: Database, batch: Sequence[Received], *, now: datetime, policies: Policies
) -> Ingested | None:
    """Apply a lone message without savepoints; nothing if it fails, and then nothing of it is kept."""
    done = Ingested()
    try:
        async with _transaction(database, done) as session:
            await _apply_all(session, batch, done, now=now, policies=policies)
    except NOT_OUR_FAULT:
        raise
    except Exception as error:  # noqa: BLE001 - found out once more, and kept, on the way of batches
        log.info("message_failed_alone", error=repr(error))
        return None
    return done


@asynccontextmanager
async def _transaction(database: Database, done: Ingested) -> AsyncIterator[WriteSession]:
    async with database.write() as session:
        session.info[ONE_MOMENT] = True
        yield session
        await _note_runs(session, done)
        await session.flush()
        if done.acks:
            reach(Failpoint.BEFORE_COMMIT)
    if done.acks:
        reach(Failpoint.AFTER_COMMIT_BEFORE_ACK)


def _check_race(session: WriteSession, error: Exception) -> None:
    """Tell a lost race from a message that cannot be applied; the last try takes both for the latter.

    Raises:
        LostRaceError: another process has just opened the same.
    """
    lost = isinstance(error, IntegrityError) and _OPEN_KEY in str(error.orig)
    if lost and session.info.get(_MAY_RACE):
        raise LostRaceError(str(error)) from error


async def quarantine(session: WriteSession, received: Received, error: str, *, now: datetime) -> None:
    """Keep bytes that could not be used, and say so in the log."""
    log.error("message_quarantined", topic=received.topic, bytes=len(received.payload), error=error)
    session.add(
        Quarantined(
            topic=received.topic[:200],
            gateway=received.gateway,
            payload=received.payload,
            error=error[:_MOST_ERROR_CHARS],
            received_at=now,
        )
    )


async def _apply_halving(
    session: WriteSession,
    batch: Sequence[Received],
    done: Ingested,
    *,
    now: datetime,
    policies: Policies,
) -> None:
    part = Ingested()
    announced = len(session.info.get("announced", ()))
    try:
        async with session.begin_nested():
            await _apply_all(session, batch, part, now=now, policies=policies)
    except NOT_OUR_FAULT:
        raise
    except Exception as error:  # noqa: BLE001 - whatever one message does, the others go through
        _check_race(session, error)
        del session.info.get("announced", [])[announced:]
        if len(batch) == 1:
            await _keep_poison(session, batch[0], error, done, now=now, policies=policies)
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            await _apply_halving(session, half, done, now=now, policies=policies)
        return
    for key, seqs in part.acks.items():
        done.acks[key] += seqs
    done.applied += part.applied
    done.configurations += part.configurations
    done.quarantined += part.quarantined


async def _apply_all(
    session: WriteSession, batch: Sequence[Received], done: Ingested, *, now: datetime, policies: Policies
) -> None:
    held = await _fetch_known(session, batch, now=now)
    for received in batch:
        await _apply_one(session, received, done, now=now, policies=policies)
    await session.flush()
    del held


async def _fetch_known(session: WriteSession, batch: Sequence[Received], *, now: datetime) -> list[Base]:
    """Read the gateways, devices, alarms and places of a batch in one query each.

    The session finds again what somebody holds, so that no message asks for its own anew.
    """
    named: set[tuple[str, str]] = set()
    stated: set[tuple[str, str]] = set()
    states: list[tuple[str, AlarmState]] = []
    for received in batch:
        try:
            message = read(received)
            if isinstance(message, AlarmMessage):
                state = _readable_state(message)
                named.add((received.gateway, state.device))
                stated.add((received.gateway, state.alarm))
                states.append((received.gateway, state))
        except (*UNREADABLE, BodyError):
            continue
    held = await devices.registered(session, named)
    known = list(await session.scalars(select(Alarm).where(tuple_(Alarm.gateway, Alarm.alarm).in_(stated))))
    session.info[alarms.ABSENT] = stated - {(alarm.gateway, alarm.alarm) for alarm in known}
    return [*held, *known, *await opening.look_ahead(session, states, now=now)]


async def _apply_one(
    session: WriteSession, received: Received, done: Ingested, *, now: datetime, policies: Policies
) -> None:
    try:
        message = read(received)
    except UNREADABLE as error:
        await quarantine(session, received, str(error), now=now)
        done.quarantined += 1
        return
    if message.gateway != received.gateway:
        log.warning("gateway_differs", topic=received.topic, claimed=message.gateway)
    match message:
        case AlarmMessage() if received.gateway == CANARY_GATEWAY:
            await canary.take_in(session, message, now=now)
        case AlarmMessage():
            applied = await _apply_alarm(session, received.gateway, message, now=now)
            told = session.say("alarm_committed", **_trace(applied, message.run, message.seq))
            await opening.follow(session, applied, now=now, policies=policies)
            told["item"] = applied.alarm.item
            done.acks[received.gateway, message.run].append(message.seq)
            done.applied += 1
        case ReportMessage(report=ConfigurationReport() as report):
            done.configurations.append((received.gateway, report))
        case ReportMessage():
            await _apply_report(session, received.gateway, message, now=now, policies=policies)
        case _:
            raise TypeError(f"{received.channel} does not belong here")


async def _apply_alarm(
    session: WriteSession, gateway: str, message: AlarmMessage, *, now: datetime
) -> Applied:
    try:
        state = _readable_state(message)
    except BodyError as error:
        log.warning("alarm_unreadable", gateway=gateway, run=message.run, seq=message.seq, error=str(error))
        await devices.hear(session, gateway, None, now=now)
        raw = bytes(message.alarm)
        return await alarms.keep_unreadable(session, gateway, message, raw, now=now)
    log.info("alarm_received", alarm=state.alarm, gateway=gateway, run=message.run, seq=message.seq)
    await devices.hear(session, gateway, state.device, now=now)
    return await alarms.apply(session, gateway, message, state, now=now)


def _trace(applied: Applied, run: str, seq: int) -> dict[str, object]:
    """Return what the log says of an alarm's state; with the item it ties the alarm to its notices."""
    alarm = applied.alarm
    return {
        "alarm": alarm.alarm,
        "gateway": alarm.gateway,
        "device": alarm.device,
        "change": applied.change.value,
        "missed": applied.missed,
        "condition": alarm.condition.value,
        "run": run,
        "seq": seq,
    }


def _readable_state(message: AlarmMessage) -> AlarmState:
    if message.v != CONTRACT_VERSION:
        raise BodyError(f"contract version {message.v}, known is {CONTRACT_VERSION}")
    return codec.decode_alarm_state(message.alarm)


async def _apply_report(
    session: WriteSession, gateway: str, message: ReportMessage, *, now: datetime, policies: Policies
) -> None:
    match message.report:
        case OpenAlarmsReport(alarms=listed):
            gone = await alarms.supersede(session, gateway, message, listed, now=now)
            for applied in gone:
                await opening.follow(session, applied, now=now, policies=policies)
            log.info("open_alarms_listed", gateway=gateway, listed=len(listed), gone=len(gone))
        case CommandReport() as report:
            await devices.answered(session, gateway, report, now=now)
        case RawTrafficReport() as report:
            await keep_traffic(session, gateway, report, now=now)


async def _keep_poison(
    session: WriteSession,
    received: Received,
    error: Exception,
    done: Ingested,
    *,
    now: datetime,
    policies: Policies,
) -> None:
    """Keep a message that could not be applied: raw, and if it is an alarm, shown to the desk."""
    log.error("message_poisonous", topic=received.topic, error=repr(error))
    await quarantine(session, received, repr(error), now=now)
    done.quarantined += 1
    try:
        message = read(received)
    except UNREADABLE:
        return
    if not isinstance(message, AlarmMessage):
        return
    done.acks[received.gateway, message.run].append(message.seq)
    announced = len(session.info.get("announced", ()))
    try:
        async with session.begin_nested():
            raw = bytes(message.alarm)
            kept = await alarms.keep_unreadable(session, received.gateway, message, raw, now=now)
            await opening.follow(session, kept, now=now, policies=policies)
    except NOT_OUR_FAULT:
        raise
    except Exception as second:  # noqa: BLE001 - the bytes are in quarantine, the line goes on
        _check_race(session, second)
        del session.info.get("announced", [])[announced:]
        log.critical("alarm_only_in_quarantine", topic=received.topic, error=repr(second))


async def _note_runs(session: WriteSession, done: Ingested) -> None:
    query = select(LaneRun).where(
        LaneRun.lane == Lane.ALARMS, tuple_(LaneRun.gateway, LaneRun.run).in_(list(done.acks))
    )
    known = {(row.gateway, row.run): row for row in await session.scalars(query)}
    for (gateway, run), seqs in done.acks.items():
        highest = max(seqs)
        held = known.get((gateway, run))
        if held is None:
            session.add(LaneRun(gateway=gateway, lane=Lane.ALARMS, run=run, seq=highest))
        else:
            held.seq = max(held.seq, highest)
