"""What is on a gateway's bus, as its reports show it after an order: the last of them, for each bus."""

from datetime import datetime
from typing import Final

import msgspec
import structlog
from sqlalchemy import ColumnElement, delete, select

from server.db.session import ReadSession, WriteSession
from server.devices.tables import BusTraffic
from wire.traffic import RawTrafficReport

KEPT_REPORTS: Final = 50
"""Of one bus: some minutes of a busy one."""
KEPT_BUSES: Final = 32
"""Of one gateway: a gateway that names more makes the oldest go."""

log = structlog.get_logger(__name__)


async def keep_traffic(
    session: WriteSession, gateway: str, report: RawTrafficReport, *, now: datetime
) -> None:
    """Keep a report, and forget what is beyond the last ones."""
    session.add(
        BusTraffic(
            gateway=gateway,
            bus=report.bus,
            received_at=now,
            frames=msgspec.to_builtins(report.frames),
            dropped=report.dropped,
        )
    )
    await session.flush()
    of_bus = (BusTraffic.gateway == gateway) & (BusTraffic.bus == report.bus)
    await _forget_beyond(session, of_bus, KEPT_REPORTS)
    await _forget_beyond(session, BusTraffic.gateway == gateway, KEPT_REPORTS * KEPT_BUSES)
    log.info("raw_traffic", gateway=gateway, bus=report.bus, frames=len(report.frames))
    session.announce("traffic", f"{gateway}/{report.bus}")


async def last_traffic(
    session: ReadSession, gateway: str, bus: str, *, after: int = 0, most: int = KEPT_REPORTS
) -> list[BusTraffic]:
    """Return the newest reports of a bus, oldest first.

    Args:
        session: to read with.
        gateway: whose.
        bus: which of its buses.
        after: only those with a higher id, for whoever looks again and again.
        most: how many.
    """
    query = select(BusTraffic).where(
        BusTraffic.gateway == gateway, BusTraffic.bus == bus, BusTraffic.id > after
    )
    newest = list(await session.scalars(query.order_by(BusTraffic.id.desc()).limit(most)))
    return newest[::-1]


async def _forget_beyond(session: WriteSession, which: ColumnElement[bool], most: int) -> None:
    oldest = await session.scalar(
        select(BusTraffic.id).where(which).order_by(BusTraffic.id.desc()).offset(most - 1).limit(1)
    )
    if oldest is not None:
        await session.execute(delete(BusTraffic).where(which, BusTraffic.id < oldest))
