"""Who is responsible, over the full street: the proof of a week, one chain, and reading the street anew.

    .venv/bin/python bench/bench_routing.py

A street of 1,414 micro-grids, 204 comprehensive and 129 dedicated ones with 120,000 devices is generated
and imported into a database of its own. CPU seconds of this process; the proof stands beside the same
question asked the plain way, `resolve` for each grid and hour, measured on a sample of the grids.
"""

import asyncio
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from firmware_sim.street.counts import SIZES
from firmware_sim.street.writing import write_street
from server.db.migrate import migrate
from server.db.session import Database
from server.devices.tables import Device
from server.people.model import Role
from server.places.exporter import export_street
from server.places.importer import import_street, read_folder
from server.routing import service
from server.routing.proof import HOURS, prove
from server.routing.resolve import resolve
from server.routing.street import DeviceFacts

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
PROOF_LIMIT_S = 10.0
CHAIN_LIMIT_MS = 2.0
SAMPLE = 40


def cpu(since: float) -> float:
    return time.process_time() - since


async def measure(folder: Path) -> None:
    write_street(folder / "street", SIZES["full"], 1)
    database = Database(_address(folder))
    start = time.process_time()
    await import_street(database, read_folder(folder / "street"), by="bench", now=NOW)
    print(f"import of the street: {cpu(start):.1f} s CPU")
    start = time.process_time()
    async with database.read() as session:
        await export_street(session)
    print(f"export of the street: {cpu(start):.1f} s CPU")
    async with database.read() as session:
        start = time.process_time()
        street = await service.street_now(session)
        street.find_grid((0, 0))
        print(f"reading people, places and polygons anew: {cpu(start):.2f} s CPU")
        start = time.process_time()
        proof = prove(street, NOW)
        proof_s = cpu(start)
        print(
            f"proof, {proof.grids} grids x {HOURS} h, every minute: {proof_s:.2f} s CPU "
            f"(limit {PROOF_LIMIT_S}); listed: {len(proof.gaps)} gaps, {proof.thin_hours} grid hours"
        )
        chance = random.Random(1)
        grids = chance.sample(sorted(street.grids), SAMPLE)
        start = time.process_time()
        for grid in grids:
            for hour in range(HOURS):
                chain = resolve(street, DeviceFacts(grid=grid), NOW + timedelta(hours=hour))
                len(
                    {
                        link.person
                        for link in chain.links
                        if link.reachable and link.role is not Role.MAINTAINER
                    }
                )
        plain_s = cpu(start) * len(street.grids) / SAMPLE
        print(f"the plain way, hours only: {plain_s:.0f} s CPU for all grids ({plain_s / proof_s:.0f} times)")
        rows = list(await session.execute(select(Device.gateway, Device.device)))
        some = chance.sample(rows, 2_000)
        start = time.process_time()
        for row in some:
            chain = await service.chain_for(session, row.gateway, row.device, NOW)
            assert chain.reason
        chain_ms = cpu(start) / len(some) * 1000
        print(
            f"one device's chain from the database, with its reason: {chain_ms:.2f} ms CPU "
            f"(limit {CHAIN_LIMIT_MS})"
        )
    await database.close()
    assert proof_s <= PROOF_LIMIT_S
    assert chain_ms <= CHAIN_LIMIT_MS


def _address(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder}/gridwarden.db"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        migrate(_address(Path(folder)))
        asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
