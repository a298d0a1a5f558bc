"""Batteries, signals and dirt as the newest readings tell them, for devices that no rule watches.

Few points say such things and they say them seldom, so that they are looked at now and then, beside the
alarm's path. What was read before this server first looked, and is packed away, counts from its next reading.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import delete, func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from server.clock import Clock
from server.db.session import Database
from server.devices.concerns import Concern
from server.devices.tables import DeviceCondition
from server.history.columns import QUALITIES
from server.history.database import HistoryDatabase
from server.history.service import from_ms
from server.history.tables import FreshReading, Series
from server.pulse import Pulses
from wire.vocabulary import Quality

log = structlog.get_logger(__name__)

LOOP: Final = "conditions"
_LOOK_S: Final = 60.0
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """When a point's value is bad.

    Attributes:
        concern: what it then is.
        low: bad at or below this; None where much is bad.
        high: bad at or above this; None where little is bad.
        back: how far past it a value must come to be well again, in the same unit.
    """

    concern: Concern
    low: float | None = None
    high: float | None = None
    back: float = 0.0

    def is_bad(self, value: float, *, was_bad: bool) -> bool:
        """Tell whether a value is bad."""
        back = self.back if was_bad else 0.0
        if self.low is not None:
            return value <= self.low + back
        return self.high is not None and value >= self.high - back


SCALES: Final[Mapping[str, Scale]] = {
    "battery_percent": Scale(concern=Concern.WEAK, low=20, back=10),
    "battery_low": Scale(concern=Concern.WEAK, high=1),
    "rssi_dbm": Scale(concern=Concern.WEAK, low=-95, back=5),
    "link_quality": Scale(concern=Concern.WEAK, low=30, back=20),
    "dirty": Scale(concern=Concern.DIRTY, high=1),
    "contamination_percent": Scale(concern=Concern.DIRTY, high=80, back=10),
}
"""By the name of a point in a profile. Battery points are in the shipped profiles of BTHome, Xiaomi,
Zigbee2MQTT and ChirpStack; the others are for profiles of one's own: no shipped one has them. A battery of
which only the voltage is told (OTIS OI-7032) is not judged: what is low depends on its kind."""


@dataclass(frozen=True, slots=True)
class _Watched:
    gateway: str
    device: str
    point: str
    unit: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.gateway, self.device, self.point


class ConditionKeeper:
    """Looks at the newest readings of such points, and keeps which devices are in a bad way."""

    def __init__(
        self, *, database: Database, readings: HistoryDatabase, clock: Clock, pulses: Pulses
    ) -> None:
        """Join the parts; `run` starts it."""
        self._database = database
        self._readings = readings
        self._clock = clock
        self._pulses = pulses
        self._watched: dict[int, _Watched] = {}
        self._seen: dict[int, int] = {}
        """The newest reading that was judged, by series, as milliseconds since 1970."""
        self._newest_series = 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._pulses.beat(LOOP, boot_s=self._clock.boot_s())
            try:
                await self.turn()
            except (SQLAlchemyError, OSError) as error:
                log.warning("conditions_not_judged", error=str(error))
            await asyncio.sleep(self._clock.pause_s(_LOOK_S))

    async def turn(self) -> None:
        """Look once."""
        await self._find_series()
        fresh: list[tuple[_Watched, datetime, float]] = []
        for part in _parts(sorted(self._watched)):
            fresh += await self._newest(part)
        if not fresh:
            return
        async with self._database.read() as session:
            rows = await session.scalars(select(DeviceCondition))
            held = {(row.gateway, row.device, row.point) for row in rows}
        changes = list(_changes(fresh, held))
        if not changes:
            return
        async with self._database.write() as session:
            for one, at, value in changes:
                await session.execute(
                    delete(DeviceCondition).where(
                        DeviceCondition.gateway == one.gateway,
                        DeviceCondition.device == one.device,
                        DeviceCondition.point == one.point,
                    )
                )
                if one.key not in held:
                    session.add(
                        DeviceCondition(
                            gateway=one.gateway,
                            device=one.device,
                            point=one.point,
                            concern=SCALES[one.point].concern.value,
                            since=at,
                            value=value,
                            unit=one.unit,
                        )
                    )
        log.info("conditions_changed", changed=len(changes))

    async def _find_series(self) -> None:
        """Note series that are new since the last look."""
        query = select(Series).where(
            Series.id > self._newest_series, or_(*(Series.point == name for name in SCALES))
        )
        async with self._readings.begin() as connection:
            newest = await connection.scalar(select(func.max(Series.id)))
            for row in await connection.execute(query):
                self._watched[row.id] = _Watched(row.gateway, row.device, row.point, row.unit)
        self._newest_series = max(self._newest_series, newest or 0)

    async def _newest(self, series: Sequence[int]) -> list[tuple[_Watched, datetime, float]]:
        """Return the newest good reading of each of some series that was not judged yet."""
        at = func.max(FreshReading.at_ms).label("at_ms")
        good = (
            FreshReading.value.is_not(None),
            FreshReading.quality == QUALITIES.index(Quality.GOOD),
            FreshReading.series.in_(series),
        )
        last = select(FreshReading.series, at).where(*good).group_by(FreshReading.series).subquery()
        query = select(FreshReading.series, FreshReading.at_ms, FreshReading.value).join(
            last, (last.c.series == FreshReading.series) & (last.c.at_ms == FreshReading.at_ms)
        )
        async with self._readings.begin() as connection:
            rows = (await connection.execute(query)).all()
        fresh = [row for row in rows if row.at_ms > self._seen.get(row.series, -1)]
        self._seen.update({row.series: row.at_ms for row in fresh})
        return [(self._watched[row.series], from_ms(row.at_ms), row.value) for row in fresh]


def _changes(
    fresh: Iterable[tuple[_Watched, datetime, float]], held: set[tuple[str, str, str]]
) -> Iterator[tuple[_Watched, datetime, float]]:
    """Yield what is bad and was not, or was and is not."""
    for one, at, value in fresh:
        was_bad = one.key in held
        if SCALES[one.point].is_bad(value, was_bad=was_bad) is not was_bad:
            yield one, at, value


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(ids), _CHUNK):
        yield ids[first : first + _CHUNK]
