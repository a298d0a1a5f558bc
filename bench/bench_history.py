"""The store of readings: how fast it takes in, how many bytes a reading takes, how fast a trend is.

    python bench/bench_history.py [intake] [size] [trend]

`intake` sends batches of 100 readings of 24,000 series through decoding and storing, as the server does.
`size` packs days of a quiet, a lively and a noisy sensor. `trend` fills a file with thirty days of a
tenth of the street (12,000 devices, two quantities each, a value every quarter of an hour and on change)
and a year of hours, then asks for trends of single points.
"""

import asyncio
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles

import numpy as np

from server.clock import ManualClock
from server.history import blocks, service, trends
from server.history.columns import (
    DAY_MS,
    HOUR_BLOCK_MS,
    HOUR_MS,
    MINUTE_MS,
    Buckets,
    Readings,
    roll_up,
    widen,
)
from server.history.database import HistoryDatabase
from server.history.packer import Packer
from server.history.service import Batch
from server.history.tables import Level, Series
from server.pulse import Pulses
from wire import codec
from wire.messages import ReadingsBatch, ReadingSeries

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GATEWAYS, DEVICES = 60, 200
QUIET, DAYS = 96, 30


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def batches(rounds: int) -> Iterator[tuple[str, int, bytes]]:
    """Each gateway's devices in turn, 100 readings a batch, values with two decimals."""
    chance = random.Random(1)
    for seq in range(1, rounds + 1):
        for gateway in range(GATEWAYS):
            first = seq * 50 % DEVICES
            content = ReadingsBatch(
                start=NOW + timedelta(seconds=5 * seq),
                series=tuple(
                    ReadingSeries(device=f"d{first + i}", point=point, unit="V")
                    for i in range(50)
                    for point in ("voltage_v", "current_a")
                ),
                s=tuple(range(100)),
                offset_ms=tuple(chance.randrange(5000) for _ in range(100)),
                value=tuple(round(chance.gauss(220, 5), 2) for _ in range(100)),
            )
            yield f"gw-{gateway}", seq, codec.encode(content)


async def intake(folder: Path, rounds: int = 80) -> None:
    database = HistoryDatabase(f"sqlite+aiosqlite:///{folder}/intake.db")
    await database.prepare()
    packer = Packer(database=database, clock=ManualClock(time=NOW), pulses=Pulses())
    sent = list(batches(rounds))
    began_s, began = cpu_s(), time.perf_counter()
    for first in range(0, len(sent), 40):
        part = [
            Batch(gateway=gateway, run="r", seq=seq, content=codec.decode_readings_batch(data))
            for gateway, seq, data in sent[first : first + 40]
        ]
        await service.apply(database, part, now=NOW)
    stored_s, count = cpu_s() - began_s, 100 * len(sent)
    elapsed_s = time.perf_counter() - began
    await packer.pack_all()
    all_s = cpu_s() - began_s
    print(
        f"intake: {count:,} readings; {stored_s / count * 1e6:.1f} us CPU each until committed, "
        f"{all_s / count * 1e6:.1f} us packed too: "
        f"20,000/s take {all_s / count * 20_000:.2f} cores (limit 2); "
        f"{count / elapsed_s:,.0f}/s committed on the wall"
    )
    await database.close()


def day_of(kind: str, seed: int, day_ms: int) -> Readings:
    chance = np.random.default_rng(seed)
    count = {"quiet": QUIET, "lively": 1440, "noisy": 86_400}[kind]
    at_ms = day_ms + np.arange(count) * (DAY_MS // count) + chance.integers(0, 900, count)
    level = 20 + np.cumsum(chance.normal(0, 0.05, count))
    if kind == "noisy":
        level = level + chance.normal(0, 2, count)
    return Readings(at_ms, np.round(level, 1), np.zeros(count, np.int64))


def size() -> None:
    for kind in ("quiet", "lively", "noisy"):
        readings = [day_of(kind, seed, 20_000 * DAY_MS) for seed in range(20)]
        raw = sum(len(one.pack()) for one in readings) / sum(map(len, readings))
        minutes = [roll_up(one, MINUTE_MS) for one in readings]
        fine = sum(len(one.pack()) for one in minutes) / 20
        coarse = sum(len(widen(one, HOUR_MS).pack()) for one in minutes) / 20
        print(
            f"size: {kind}, {len(readings[0]):,} readings a day: {raw:.2f} bytes each; "
            f"minutes {fine:,.0f}, hours {coarse:,.0f} bytes a day"
        )


async def trend(folder: Path) -> None:
    path = folder / "trend.db"
    database = HistoryDatabase(f"sqlite+aiosqlite:///{path}")
    await database.prepare()
    count = 2 * GATEWAYS * DEVICES
    today = service.to_ms(NOW) // DAY_MS * DAY_MS
    async with database.begin() as connection:
        await connection.execute(
            service.insert_new(connection.dialect, Series),
            [
                {"gateway": f"gw-{i % GATEWAYS}", "device": f"d{i // 2}", "point": f"p{i % 2}", "unit": "V"}
                for i in range(count)
            ],
        )
    days = [day_of("quiet", seed, 0) for seed in range(64)]
    packed = [_packed(one) for one in days]
    readings = 0
    for day in range(DAYS):
        start = today - (day + 1) * DAY_MS
        shifted = [_shifted(one, start) for one in packed]
        written: dict[blocks.BlockKey, bytes] = {}
        for series in range(1, count + 1):
            raw, fine, _ = shifted[(series + day) % 64]
            written[series, Level.RAW, start] = raw
            written[series, Level.MINUTE, start] = fine
            readings += QUIET
        async with database.begin() as connection:
            await blocks.write_blocks(connection, written)
    await _fill_hours(database, days, count, today)
    bytes_ = path.stat().st_size
    print(
        f"trend: {readings:,} readings of {count:,} series with roll-ups and a year of hours in "
        f"{bytes_ / 2**20:,.0f} MiB; the whole street ten times that"
    )
    for name, length in (("day", 1), ("month", 30), ("year", 365)):
        await _ask(database, name, timedelta(days=length), count)
    await database.close()


def _packed(day: Readings) -> tuple[Readings, Buckets, Buckets]:
    minutes = roll_up(day, MINUTE_MS)
    return day, minutes, widen(minutes, HOUR_MS)


def _shifted(one: tuple[Readings, Buckets, Buckets], start: int) -> tuple[bytes, bytes, bytes]:
    day, *rolled = one
    moved = [Buckets.of((part.start_ms + start, *part.columns[1:])) for part in rolled]
    raw = Readings(day.at_ms + start, day.value, day.quality)
    return raw.pack(), moved[0].pack(), moved[1].pack()


async def _fill_hours(database: HistoryDatabase, days: list[Readings], count: int, today: int) -> None:
    hours = [widen(roll_up(one, MINUTE_MS), HOUR_MS) for one in days]
    first = (today - 365 * DAY_MS) // HOUR_BLOCK_MS * HOUR_BLOCK_MS
    for start in range(first, today, HOUR_BLOCK_MS):
        made = []
        for seed in range(64):
            parts = [hours[(seed + day) % 64] for day in range(32)]
            columns = [np.concatenate(column) for column in zip(*(p.columns for p in parts), strict=True)]
            columns[0] = columns[0] + start + np.repeat(np.arange(32), [len(p) for p in parts]) * DAY_MS
            made.append(Buckets.of(columns).between(start, today).pack())
        async with database.begin() as connection:
            await blocks.write_blocks(
                connection, {(series, Level.HOUR, start): made[series % 64] for series in range(1, count + 1)}
            )


async def _ask(database: HistoryDatabase, name: str, length: timedelta, count: int) -> None:
    chance = random.Random(2)
    wall: list[float] = []
    began_s = cpu_s()
    for _ in range(200):
        i = chance.randrange(count)
        began = time.perf_counter()
        (series,) = await trends.find_series(
            database, gateway=f"gw-{i % GATEWAYS}", device=f"d{i // 2}", point=f"p{i % 2}"
        )
        found = await trends.read_trend(database, series, since=NOW - length, until=NOW)
        wall.append(1000 * (time.perf_counter() - began))
    p95 = quantiles(wall, n=20)[-1]
    print(
        f"trend of a {name}: {len(found.buckets)} spans, p95 {p95:.1f} ms on the wall "
        f"(limit {300 if name == 'year' else 100}), {(cpu_s() - began_s) / 200 * 1000:.1f} ms CPU each"
    )


def main() -> None:
    wanted = sys.argv[1:] or ["intake", "size", "trend"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "intake" in wanted:
            asyncio.run(intake(folder))
        if "size" in wanted:
            size()
        if "trend" in wanted:
            asyncio.run(trend(folder))


if __name__ == "__main__":
    main()
