"""Orders that two people must want: whatever keeps an alarm about lives from people."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from server.alarms.tables import Alarm
from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.devices.tables import Command, CommandState, Device
from server.errors import ConflictError
from wire.orders import Order, OutOfServiceOrder, ShelveOrder
from wire.vocabulary import AlarmClass, Kind

_LIFE: Final = timedelta(minutes=1)
_OVER_LIVES: Final = (Kind.GAS.value, Kind.FIRE.value)


async def needs_second(session: ReadSession, gateway: str, order: Order) -> bool:
    """Tell whether an order needs a second person: it hides what may be about lives.

    The gateway judges once more, by its own rules, and refuses what lacks a second person there.
    """
    if not isinstance(order, ShelveOrder | OutOfServiceOrder):
        return False
    query = select(Alarm.alarm).where(Alarm.gateway == gateway, Alarm.class_ == AlarmClass.LIFE_SAFETY)
    if isinstance(order, ShelveOrder) and order.alarm:
        query = query.where(Alarm.alarm == order.alarm)
    else:
        query = query.where(Alarm.device == order.device)
    if isinstance(order, ShelveOrder) and not order.alarm:
        query = query.where(Alarm.rule == order.rule)
    if await session.scalar(query.limit(1)) is not None:
        return True
    device = await session.get(Device, (gateway, order.device)) if order.device else None
    return device is not None and device.kind in _OVER_LIVES


async def agree(session: WriteSession, command: Command, *, by: str, now: datetime) -> None:
    """Let an order go out because a second person agrees.

    Raises:
        ConflictError: it waits for nobody, waited too long, or the same person asks twice.
    """
    if command.state is not CommandState.PROPOSED:
        raise ConflictError("这个指令不需要第二人同意。")
    if command.expires_at <= now:
        command.state = CommandState.EXPIRED
        raise ConflictError("等待第二人同意的时间已过，请重新下达。")
    if command.issuer == by:
        raise ConflictError("必须由另一个人同意。")
    command.order = {**command.order, "agreed_by": by}
    command.state = CommandState.WAITING
    command.issued_at = command.send_at = now
    command.expires_at = now + _LIFE
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action="command_agreed",
        subject_kind="gateway",
        subject=command.gateway,
        reason=command.reason,
        detail={"command": command.id, "issuer": command.issuer},
    )
    session.announce("command", command.id)
