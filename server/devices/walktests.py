"""Walk tests: whoever stands beside a device has its gateway raise a test alarm, and sees it come back.

The alarm goes the whole way, sensor's gateway to this server's commit, marked as a test. It makes no item
and no message: it comes back to the page of whoever asked, and wakes nobody. Only alarms that their
gateway marks as a test are kept back so, one for each walk test, within two minutes; a real alarm of the
same device at the same time is told as ever.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import or_, select

from server.alarms.tables import Alarm
from server.db.session import ReadSession, WriteSession
from server.devices import ordering
from server.devices.tables import WalkTest
from wire.ids import new_uuid7
from wire.orders import TestOrder

LISTENS: Final = timedelta(minutes=2)
"""An order lives for one minute; what it raised may wait in the gateway's queue as long again."""
REASON: Final = "安装时测试，不通知人员"

log = structlog.get_logger(__name__)


async def begin(session: WriteSession, *, gateway: str, device: str, by: str, now: datetime) -> WalkTest:
    """Order a test alarm of a device, by the gravest rule that watches it, for the asker alone.

    Args:
        session: the transaction.
        gateway: by id.
        device: its id there.
        by: the account that stands beside it.
        now: the server's time.

    Raises:
        NotFoundError: there is no such gateway or device.
    """
    command = await ordering.give(
        session, gateway=gateway, order=TestOrder(device=device), reason=REASON, issuer=by, now=now
    )
    test = WalkTest(
        id=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
        gateway=gateway,
        device=device,
        by=by,
        command=command.id,
        started_at=now,
        until_at=now + LISTENS,
    )
    session.add(test)
    await session.flush()
    return test


async def take_in(session: WriteSession, alarm: Alarm, *, now: datetime) -> bool:
    """Note a test alarm as the answer to a walk test; returns whether it is one, and is not to be told.

    Args:
        session: the transaction in which the alarm was applied.
        alarm: marked as a test by its gateway, and without an item.
        now: the server's time.
    """
    waiting = WalkTest.alarm.is_(None) & (WalkTest.started_at <= now) & (WalkTest.until_at > now)
    query = (
        select(WalkTest)
        .where(
            WalkTest.gateway == alarm.gateway,
            WalkTest.device == alarm.device,
            or_(WalkTest.alarm == alarm.alarm, waiting),
        )
        .order_by(WalkTest.alarm.is_(None), WalkTest.id.desc())
        .limit(1)
    )
    test = await session.scalar(query)
    if test is None:
        return False
    if test.heard_at is None:
        test.alarm = alarm.alarm
        test.heard_at = now
        log.info("walk_test_heard", gateway=alarm.gateway, device=alarm.device, by=test.by)
    if alarm.cleared_at is not None and test.over_at is None:
        test.over_at = now
    session.announce("device", f"{alarm.gateway}/{alarm.device}")
    return True


async def newest_walk_test(session: ReadSession, gateway: str, device: str) -> WalkTest | None:
    """Return the last walk test of a device, or nothing."""
    query = select(WalkTest).where(WalkTest.gateway == gateway, WalkTest.device == device)
    return await session.scalar(query.order_by(WalkTest.id.desc()).limit(1))
