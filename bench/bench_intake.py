"""Alarms committed with their items: CPU of the server, with the whole street's devices loaded.

    python bench/bench_intake.py [--alarms 3000]

Batches of 100, as the intake takes them, each in one transaction on a real file with full
synchronisation. Bar: 500 alarms a second on two cores, that is at most 4 ms of CPU an alarm.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select
from street_database import GATEWAYS, NOW, street_database

from server.db.session import Database
from server.escalation.plan import make_policies
from server.intake.ingest import ingest
from server.intake.received import Received, receive
from server.items.tables import Item
from server.logs import configure_logs
from server.notify.tables import Notice
from wire import codec
from wire.messages import AlarmMessage, AlarmState
from wire.topics import Up, up_topic
from wire.vocabulary import AlarmClass, Clock, Condition, Kind

BATCH = 100
BAR_MS = 4.0
WHAT = {
    "gas, life safety": (Kind.GAS, AlarmClass.LIFE_SAFETY),
    "electric, hazard": (Kind.ELECTRIC, AlarmClass.HAZARD),
    "faults, into visits": (Kind.FIRE, AlarmClass.FAULT),
    "loss of contact, held": (Kind.CONTACT, AlarmClass.FAULT),
}


def messages(kind: Kind, class_: AlarmClass, count: int) -> Iterator[Received]:
    """Yield alarms of as many devices, spread over all gateways."""
    for n in range(count):
        gateway, device = f"gw-{n % GATEWAYS:03}", f"d{n // GATEWAYS}"
        state = AlarmState(
            alarm=f"{kind.value}-{n}",
            device=device,
            rule=f"{kind.value}-rule",
            kind=kind,
            class_=class_,
            condition=Condition.ACTIVE,
            raised_at=NOW,
            changed_at=NOW,
        )
        message = AlarmMessage(
            v=1,
            gateway=gateway,
            session="s1",
            boot="b1",
            up_ms=n,
            sent_at=NOW,
            clock=Clock.SYNCED,
            run=f"run-{kind.value}",
            seq=n + 1,
            alarm=codec.as_raw(state),
        )
        yield receive(up_topic(gateway, Up.ALARMS), codec.encode(message), at=NOW)


async def measure(url: str, count: int) -> None:
    """Take each kind of alarm in and print what it cost."""
    database = Database(url)
    policies = make_policies()
    for number, (title, (kind, class_)) in enumerate(WHAT.items()):
        arrived = list(messages(kind, class_, count))
        now = NOW + timedelta(minutes=number)
        await ingest(database, arrived[:1], now=now, policies=policies)
        cpu, wall = time.process_time(), time.perf_counter()
        for start in range(1, count, BATCH):
            await ingest(database, arrived[start : start + BATCH], now=now, policies=policies)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        each_ms = cpu / (count - 1) * 1000
        print(
            f"{title}: {each_ms:.2f} ms CPU an alarm (bar {BAR_MS:.0f}), "
            f"{(count - 1) / cpu:.0f} a CPU second, {(count - 1) / wall:.0f} a second of the clock"
        )
    async with database.read() as session:
        items = await session.scalar(select(func.count()).select_from(Item))
        notices = await session.scalar(select(func.count()).select_from(Notice))
    print(f"{items} items, {notices} notices")
    await database.close()


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--alarms", type=int, default=3_000)
    wanted = parser.parse_args()
    with Path(os.devnull).open("w") as nowhere, street_database() as url:
        with redirect_stdout(nowhere):
            configure_logs()  # lines cost here what they cost the server, and are not in the way
        asyncio.run(measure(url, wanted.alarms))


if __name__ == "__main__":
    main()
