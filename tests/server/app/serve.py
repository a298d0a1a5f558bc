"""A server process without pages, over the tables of a test: `python serve.py FOLDER BROKER_PORT PHONE_PORT`."""

import asyncio
import sys
from pathlib import Path

from server.clock import SystemClock
from server.db.base import Base
from server.db.session import Database
from server.escalation.plan import make_policies
from server.history.database import HistoryDatabase
from server.intake.mqtt import BrokerAddress
from server.intake.service import Intake
from server.notify.channels.webhook import WebhookChannel
from server.notify.worker import NotifyWorker
from server.pulse import Pulses
from tests.server.world import fill, plain_link

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


async def serve(folder: Path, broker_port: int, phone_port: int) -> None:
    fresh = not (folder / "gridwarden.db").exists()
    database = Database(f"sqlite+aiosqlite:///{folder}/gridwarden.db")
    if fresh:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        await fill(database, phones=f"http://127.0.0.1:{phone_port}/hook")
    readings = HistoryDatabase(f"sqlite+aiosqlite:///{folder}/readings.db")
    await readings.prepare()
    clock, pulses = SystemClock(), Pulses()
    intake = Intake(
        database=database,
        readings=readings,
        clock=clock,
        address=BrokerAddress(host="127.0.0.1", port=broker_port),
        policies=make_policies(),
        pulses=pulses,
    )
    webhook = WebhookChannel(SECRET, allowed=frozenset({f"127.0.0.1:{phone_port}"}))
    worker = NotifyWorker(
        database=database, clock=clock, channels={"webhook": webhook}, make_link=plain_link, pulses=pulses
    )
    database.listen(worker.hear)
    async with asyncio.TaskGroup() as group:
        group.create_task(intake.run(), name="intake")
        group.create_task(worker.run(), name="notify")


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
