"""Readings put into a server's store, as its gateways would have sent them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count

from server.history import service
from server.history.database import HistoryDatabase
from server.history.service import Batch
from wire.messages import ReadingsBatch, ReadingSeries
from wire.vocabulary import Quality

_SEQS = count(1)


async def record(
    readings: HistoryDatabase,
    what: str,
    unit: str,
    at: datetime,
    values: Sequence[float | None],
    *,
    every: timedelta = timedelta(minutes=1),
    gateway: str = "gw-one",
) -> None:
    """Keep values of `device/point`, one every so often from a moment on; None is a device that is silent."""
    device, point = what.split("/")
    content = ReadingsBatch(
        start=at,
        series=(ReadingSeries(device=device, point=point, unit=unit),),
        s=(0,) * len(values),
        offset_ms=tuple(index * every // timedelta(milliseconds=1) for index in range(len(values))),
        value=tuple(values),
        quality=tuple(Quality.COMM_FAULT if value is None else Quality.GOOD for value in values),
    )
    batch = Batch(gateway=gateway, run="recorded", seq=next(_SEQS), content=content)
    assert await service.apply(readings, [batch], now=at) == 1
