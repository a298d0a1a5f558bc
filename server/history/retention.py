"""How long what is kept, from the settings and the register of devices."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from server.config import Settings
from server.db.session import Database
from server.devices.tables import Device
from server.history.database import HistoryDatabase
from server.history.packer import Retention, RetentionPlan
from server.history.tables import Series
from wire.vocabulary import Kind

LIFE_SAFETY: Final = "life_safety"
_KINDS: Final = (Kind.GAS.value, Kind.FIRE.value)
"""Kinds of devices on which a life may depend."""


def plan_retention(settings: Settings, database: Database, readings: HistoryDatabase) -> RetentionPlan:
    """Return the retention of everything; gas detectors and fire equipment keep every reading longer."""
    default = Retention(
        raw=timedelta(days=settings.history_raw_days),
        minutes=timedelta(days=settings.history_minute_days),
        hours=timedelta(days=settings.history_hour_days),
    )
    raw = timedelta(days=max(settings.history_life_safety_raw_days, settings.history_raw_days))
    longer = Retention(raw=raw, minutes=max(raw, default.minutes), hours=max(raw, default.hours))

    async def members(_class: str) -> Collection[int]:
        async with database.read() as session:
            query = select(Device.gateway, Device.device).where(Device.kind.in_(_KINDS))
            devices = set((await session.execute(query)).all())
        async with readings.begin() as connection:
            found = await connection.execute(select(Series.id, Series.gateway, Series.device))
            return {id_ for id_, gateway, device in found if (gateway, device) in devices}

    return RetentionPlan(default=default, classes={LIFE_SAFETY: longer}, members=members)
