"""The register of gateways and devices, what they say of themselves, and commands to them."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import select, tuple_, update

from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.db.shifting import bring_forward
from server.devices.health import Health, health_after
from server.devices.tables import Command, CommandState, Device, Gateway
from wire.codec import as_raw
from wire.ids import new_uuid7
from wire.messages import (
    CONTRACT_VERSION,
    CommandMessage,
    CommandReport,
    StatusMessage,
)
from wire.orders import Order, ResetOrder
from wire.vocabulary import CommandOutcome, Presence

SILENT_AFTER: Final = timedelta(seconds=90)
"""Three statuses were missed."""
GATEWAY_DEVICE: Final = "gateway"
"""The id under which a gateway speaks of itself, as a device that hangs where it hangs."""
_SEND_AGAIN: Final = timedelta(seconds=5)
_DEFAULT_LIFE: Final = timedelta(minutes=1)
AGREEMENT_WITHIN: Final = timedelta(minutes=10)
"""How long an order waits for its second person."""
_MOST_VARIABLES: Final = 500
"""Of one question to the database."""

log = structlog.get_logger(__name__)


async def hear(session: WriteSession, gateway: str, device: str | None, *, now: datetime) -> None:
    """Note that a gateway spoke, and of which device; unknown ones become rows to be adopted.

    Args:
        session: the transaction of what was said.
        gateway: by its topic.
        device: the device's id there, or None when only the gateway is known.
        now: the server's time.
    """
    if await session.get(Gateway, gateway) is None:
        session.add(Gateway(id=gateway, registered=False, heard_at=now))
        session.announce("gateway", gateway)
        log.warning("gateway_unregistered", gateway=gateway)
        await session.flush()
    if device is None:
        return
    known = await session.get(Device, (gateway, device))
    if known is None:
        session.add(Device(gateway=gateway, device=device, adopted=False, first_heard_at=now))
        session.announce("device", f"{gateway}/{device}")
        log.warning("device_unassigned", gateway=gateway, device=device)
        await session.flush()
    elif known.first_heard_at is None:
        known.first_heard_at = now


async def registered(session: ReadSession, devices: Collection[tuple[str, str]]) -> list[Gateway | Device]:
    """Return the rows of devices and their gateways, in one question each; held, a session finds them again.

    Args:
        session: where to read.
        devices: gateway and device of each.
    """
    if not devices:
        return []
    owners = {gateway for gateway, _ in devices}
    found: list[Gateway | Device] = [*await session.scalars(select(Gateway).where(Gateway.id.in_(owners)))]
    query = select(Device).where(tuple_(Device.gateway, Device.device).in_(devices))
    return [*found, *await session.scalars(query)]


async def hear_many(session: WriteSession, gateway: str, devices: Collection[str], *, now: datetime) -> None:
    """Note of which devices a gateway spoke, with a few questions to the database however many they are.

    After an import a street's 120,000 devices are heard for the first time within minutes.
    """
    await hear(session, gateway, None, now=now)
    wanted = sorted(devices)
    for first in range(0, len(wanted), _MOST_VARIABLES):
        part = wanted[first : first + _MOST_VARIABLES]
        of_part = (Device.gateway == gateway) & Device.device.in_(part)
        await session.execute(
            update(Device).where(of_part, Device.first_heard_at.is_(None)).values(first_heard_at=now)
        )
        known = set(await session.scalars(select(Device.device).where(of_part)))
        for device in part:
            if device not in known:
                await hear(session, gateway, device, now=now)


async def last_status(session: ReadSession, gateway: str) -> dict[str, Any] | None:
    """Return the newest status of a gateway as it is kept; None where there is none."""
    row = await session.get(Gateway, gateway)
    return None if row is None else row.status


async def apply_status(session: WriteSession, gateway: str, message: StatusMessage, *, now: datetime) -> bool:
    """Keep a gateway's status; returns whether it counted.

    A last will is published by the broker for a connection that may long have been replaced: one
    that quotes an older session is ignored. Sessions are UUIDv7 and sort by time within one start
    of the machine.
    """
    await hear(session, gateway, None, now=now)
    row = await session.get(Gateway, gateway)
    assert row is not None, "just heard"
    if message.presence is Presence.OFFLINE and message.session != row.session:
        log.info("old_will_ignored", gateway=gateway, session=message.session)
        return False
    came = row.presence is not message.presence
    row.presence = message.presence
    row.session = message.session
    row.boot = message.boot
    row.heard_at = now
    if message.presence is Presence.ONLINE:
        row.status = msgspec.to_builtins(message)
        _keep_health(row, message, now=now)
    if came:
        log.info("gateway_presence", gateway=gateway, presence=message.presence.value)
        session.announce("gateway", gateway)
    return True


async def make_gateway_device(session: WriteSession, gateway: str, *, now: datetime) -> None:
    """Register a gateway as a device of itself, which hangs where it hangs, unless it is already."""
    if await session.get(Device, (gateway, GATEWAY_DEVICE)) is None:
        known = await session.get(Gateway, gateway)
        name = known.name if known is not None and known.name else gateway
        session.add(
            Device(gateway=gateway, device=GATEWAY_DEVICE, name=name, adopted=True, first_heard_at=now)
        )
        await session.flush()


def _keep_health(row: Gateway, message: StatusMessage, *, now: datetime) -> None:
    names = [one.name for one in fields(Health)]
    held = Health(**{name: getattr(row, name) for name in names})
    after = health_after(held, message, now=now)
    for name in names:
        setattr(row, name, getattr(after, name))


async def silent_gateways(session: ReadSession, *, now: datetime) -> list[Gateway]:
    """Return registered gateways of which nothing was heard for too long, or that said goodbye."""
    query = select(Gateway).where(
        Gateway.registered,
        (Gateway.heard_at < now - SILENT_AFTER) | (Gateway.presence == Presence.OFFLINE),
    )
    return list(await session.scalars(query.order_by(Gateway.id)))


async def order(
    session: WriteSession,
    *,
    gateway: str,
    order: Order,
    item: str | None,
    issuer: str,
    reason: str = "",
    now: datetime,
    expires_in: timedelta = _DEFAULT_LIFE,
    needs_second: bool = False,
) -> str:
    """Keep an order to a gateway until it is answered or expires; returns its id.

    One that needs a second person waits ten minutes for them before it is sent at all.
    """
    if needs_second:
        expires_in = AGREEMENT_WITHIN
    command = Command(
        id=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
        gateway=gateway,
        order=msgspec.to_builtins(order),
        item=item,
        issuer=issuer,
        reason=reason,
        issued_at=now,
        expires_at=now + expires_in,
        state=CommandState.PROPOSED if needs_second else CommandState.WAITING,
        send_at=now + expires_in if needs_second else now,
    )
    session.add(command)
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=issuer,
        action="command_ordered",
        subject_kind="gateway",
        subject=gateway,
        reason=reason,
        detail={"command": command.id, "order": command.order},
    )
    session.announce("command", command.id)
    return command.id


async def order_reset(
    session: WriteSession,
    *,
    gateway: str,
    alarm: str,
    item: str | None,
    issuer: str,
    now: datetime,
    expires_in: timedelta = _DEFAULT_LIFE,
) -> str | None:
    """Order the reset of an alarm's latch, unless the same order is already waiting."""
    wanted = ResetOrder(alarm=alarm)
    waiting = await session.scalars(
        select(Command).where(
            Command.gateway == gateway, Command.state == CommandState.WAITING, Command.item == item
        )
    )
    if any(command.order == msgspec.to_builtins(wanted) for command in waiting):
        return None
    return await order(
        session,
        gateway=gateway,
        order=wanted,
        item=item,
        issuer=issuer,
        now=now,
        expires_in=expires_in,
    )


async def answered(session: WriteSession, gateway: str, report: CommandReport, *, now: datetime) -> None:
    """Keep a gateway's answer to a command. One of a stale session is sent again, not closed."""
    command = await session.get(Command, report.command)
    if command is None or command.gateway != gateway:
        log.warning("answer_unknown", gateway=gateway, command=report.command)
        return
    if command.state is not CommandState.WAITING:
        return
    if report.outcome is CommandOutcome.STALE_SESSION:
        command.send_at = now
        return
    command.state = CommandState.ANSWERED
    command.outcome = report.outcome
    command.detail = report.detail
    command.answered_at = now
    await _record(session, command, "command_answered", now=now)
    log.info("command_answered", gateway=gateway, command=command.id, outcome=report.outcome.value)
    session.announce("command", command.id)
    if command.item is not None:
        session.announce("item", command.item)


async def due_commands(session: WriteSession, *, now: datetime) -> list[tuple[str, CommandMessage]]:
    """Return what is to be sent now as (gateway, command), and put it off until its next turn.

    Commands to gateways that are not connected wait; those whose time is over expire, also those to which
    no second person agreed.
    """
    due: list[tuple[str, CommandMessage]] = []
    alive = Command.state.in_((CommandState.WAITING, CommandState.PROPOSED))
    query = select(Command).where(alive, Command.send_at <= now)
    for command in await session.scalars(query.order_by(Command.id)):
        if command.expires_at <= now:
            command.state = CommandState.EXPIRED
            await _record(session, command, "command_expired", now=now)
            session.announce("command", command.id)
            log.warning("command_expired", gateway=command.gateway, command=command.id)
            continue
        if command.state is CommandState.PROPOSED:
            continue
        gateway = await session.get(Gateway, command.gateway)
        command.send_at = now + _SEND_AGAIN
        if gateway is None or gateway.session is None or gateway.presence is not Presence.ONLINE:
            continue
        due.append((command.gateway, _message(command, gateway.session)))
    return due


async def clock_set_back(session: WriteSession, by: timedelta, *, now: datetime) -> None:
    """Let no order live longer and no silence last longer unnoticed because the clock was set back."""
    alive = Command.state.in_((CommandState.WAITING, CommandState.PROPOSED))
    await bring_forward(session, Command, ("send_at", "expires_at"), where=alive, by=by)
    await bring_forward(session, Gateway, ("heard_at",), where=Gateway.heard_at > now, by=by, latest=now)


async def _record(session: WriteSession, command: Command, action: str, *, now: datetime) -> None:
    """Let the audit say what became of an order, as it says who gave it."""
    await audit.record(
        session,
        at=now,
        actor_kind="gateway" if command.outcome is not None else "system",
        actor=command.gateway if command.outcome is not None else "server",
        action=action,
        subject_kind="gateway",
        subject=command.gateway,
        detail={"command": command.id, "outcome": command.outcome.value if command.outcome else ""},
    )


def _message(command: Command, session: str) -> CommandMessage:
    return CommandMessage(
        v=CONTRACT_VERSION,
        command=command.id,
        session=session,
        issuer=command.issuer,
        reason=command.reason,
        issued_at=command.issued_at,
        expires_in_ms=round((command.expires_at - command.issued_at).total_seconds() * 1000),
        order=as_raw(msgspec.convert(command.order, Order)),
    )
