"""Status of gateways: kept, and answered with what the server holds of each of their runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from server.db.session import Database, ReadSession
from server.devices import service as devices
from server.devices.configuration import held_configuration, note_standing
from server.history import service as history
from server.history.database import HistoryDatabase
from server.intake.ingest import quarantine
from server.intake.received import UNREADABLE, Received, read
from server.intake.tables import LaneRun
from wire.messages import CommittedReply, CommittedSeq, StatusMessage
from wire.vocabulary import Lane, Presence


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A status that was kept."""

    gateway: str
    status: StatusMessage


async def keep(database: Database, batch: Sequence[Received], *, now: datetime) -> list[Heard]:
    """Keep the statuses of a batch in one transaction; returns those that could be read.

    Raises:
        sqlalchemy.exc.OperationalError: the database could not commit.
    """
    heard: list[Heard] = []
    async with database.write() as session:
        for received in batch:
            try:
                message = read(received)
            except UNREADABLE as error:
                await quarantine(session, received, str(error), now=now)
                continue
            if isinstance(message, StatusMessage):
                before = await devices.last_status(session, received.gateway)
                if await devices.apply_status(session, received.gateway, message, now=now):
                    await note_standing(session, received.gateway, before, message, now=now)
                heard.append(Heard(gateway=received.gateway, status=message))
    return heard


async def committed_reply(
    database: Database, readings: HistoryDatabase, heard: Heard
) -> CommittedReply | None:
    """Return what the server holds of a gateway that is online; nothing for one that is not."""
    status = heard.status
    if status.presence is not Presence.ONLINE:
        return None
    async with database.read() as session:
        alarms = await _alarm_runs(session, heard.gateway)
        configuration = await held_configuration(session, heard.gateway)
    for lane in status.lanes:
        if lane.lane is Lane.ALARMS:
            alarms.setdefault(lane.run, 0)
    runs = [lane.run for lane in status.lanes if lane.lane is Lane.READINGS]
    batches = await history.highest_seqs(readings, heard.gateway, runs)
    return CommittedReply(
        session=status.session,
        configuration=configuration,
        committed=tuple(
            CommittedSeq(lane=lane, run=run, seq=seq)
            for lane, runs_of in ((Lane.ALARMS, alarms), (Lane.READINGS, batches))
            for run, seq in sorted(runs_of.items())
        ),
    )


async def _alarm_runs(session: ReadSession, gateway: str) -> dict[str, int]:
    query = select(LaneRun.run, LaneRun.seq).where(LaneRun.gateway == gateway, LaneRun.lane == Lane.ALARMS)
    return {row.run: row.seq for row in await session.execute(query)}
