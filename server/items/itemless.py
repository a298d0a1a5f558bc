"""Alarms that are kept and make no item: the answer to a walk test, and the silence of what was retired."""

from datetime import datetime
from typing import Final

from server.alarms.machine import Change
from server.alarms.service import Applied
from server.alarms.tables import Alarm
from server.db.session import WriteSession
from server.devices import walktests
from server.devices.tables import Device
from server.items.model import URGENT
from wire.vocabulary import Kind, Mode

_RAISES: Final = (Change.RAISED, Change.RERAISED)


async def makes_no_item(session: WriteSession, applied: Applied, *, now: datetime) -> bool:
    """Tell whether nobody is told of an alarm's newest state, and note for whom it was instead.

    What has its item already is never kept back.
    """
    alarm = applied.alarm
    if alarm.item is not None or applied.change is Change.SUPERSEDED:
        return False
    if alarm.mode is Mode.TEST:
        return await walktests.take_in(session, alarm, now=now)
    return applied.change in _RAISES and await _is_of_one_retired(session, alarm)


async def _is_of_one_retired(session: WriteSession, alarm: Alarm) -> bool:
    """Tell whether an alarm only says that a retired device is gone or unwell: nobody is sent for that.

    What may hurt somebody is told whatever the register says.
    """
    if not alarm.readable or (alarm.kind is not Kind.CONTACT and alarm.class_ in URGENT):
        return False
    device = await session.get(Device, (alarm.gateway, alarm.device))
    return device is not None and device.retired_at is not None
