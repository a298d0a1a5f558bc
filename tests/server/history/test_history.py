"""Readings: applied once, read back in order."""

from datetime import UTC, datetime, timedelta

import pytest

from server.history import service as history
from server.history.database import HistoryDatabase
from server.history.service import Batch
from wire.messages import ReadingsBatch, ReadingSeries
from wire.vocabulary import Quality

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def readings(tmp_path):
    database = HistoryDatabase(f"sqlite+aiosqlite:///{tmp_path}/readings.db")
    await database.prepare()
    yield database
    await database.close()


def batch(seq: int, *, gateway: str = "gw-one", run: str = "r1", offset_s: float = 0) -> Batch:
    content = ReadingsBatch(
        start=START + timedelta(seconds=offset_s),
        series=(
            ReadingSeries(device="gas-1", point="gas_lel", unit="%{LEL}"),
            ReadingSeries(device="meter-1", point="power_w", unit="W"),
        ),
        s=(0, 1, 0),
        offset_ms=(0, 0, 250),
        value=(1.5, 230.0, None),
        quality=(Quality.GOOD, Quality.GOOD, Quality.COMM_FAULT),
    )
    return Batch(gateway=gateway, run=run, seq=seq, content=content)


async def read(readings, **changes):
    values = {"gateway": "gw-one", "device": "gas-1", "since": START, "until": START + timedelta(hours=1)}
    return await history.read_range(readings, **{**values, **changes})


async def test_batches_are_applied_once(readings):
    assert await history.apply(readings, [batch(1), batch(2, offset_s=1)], now=START) == 2
    assert await history.apply(readings, [batch(2, offset_s=1), batch(3, offset_s=2)], now=START) == 1
    found = await read(readings)
    assert [(r.at - START).total_seconds() for r in found] == [0, 0.25, 1, 1.25, 2, 2.25]
    assert (found[0].value, found[0].unit, found[0].quality) == (1.5, "%{LEL}", Quality.GOOD)
    assert (found[1].value, found[1].quality) == (None, Quality.COMM_FAULT)


async def test_gateways_do_not_share_series(readings):
    await history.apply(readings, [batch(1), batch(1, gateway="gw-two")], now=START)
    assert len(await read(readings)) == 2
    assert len(await read(readings, gateway="gw-two", device="meter-1", point="power_w")) == 1
    assert await read(readings, point="power_w") == []


async def test_highest_numbers_by_run(readings):
    await history.apply(readings, [batch(4), batch(9, offset_s=9), batch(2, run="r2", offset_s=5)], now=START)
    assert await history.highest_seqs(readings, "gw-one", ["r1", "r2", "r3"]) == {"r1": 9, "r2": 2, "r3": 0}


async def test_a_failed_transaction_leaves_nothing(readings, monkeypatch):
    def broken(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(history, "_rows_of", broken)
    with pytest.raises(ZeroDivisionError):
        await history.apply(readings, [batch(1)], now=START)
    monkeypatch.undo()
    assert await history.apply(readings, [batch(1)], now=START) == 1
