"""Batches of readings: into the readings' database, each once; bad ones into quarantine."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec
import structlog

from server.db.session import Database
from server.devices import service as devices
from server.history import service as history
from server.history.database import HistoryDatabase
from server.history.service import Batch
from server.intake.ingest import NOT_OUR_FAULT, quarantine
from server.intake.received import UNREADABLE, Received, read
from wire import codec
from wire.errors import BodyError
from wire.messages import ReadingsBatch, ReadingsMessage
from wire.vocabulary import Clock

_CLOSE_ENOUGH: Final = timedelta(seconds=10)
"""A clock that is not disciplined but goes right is more exact than the time of arrival."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Stored:
    """What came of some batches."""

    acks: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    """Numbers that may be acknowledged, by (gateway, run)."""
    quarantined: int = 0
    readings: int = 0
    """Readings in the batches that were stored, those sent again included."""


@dataclass(slots=True)
class ReadingsIntake:
    """Applies batches; remembers which devices the register has heard of already."""

    database: Database
    readings: HistoryDatabase
    _heard: set[tuple[str, str]] = field(default_factory=set)

    async def store(self, received: Sequence[Received], *, now: datetime) -> Stored:
        """Apply batches and note devices heard for the first time.

        Raises:
            sqlalchemy.exc.OperationalError: a database could not commit; nothing may be
                acknowledged. Likewise the others of `NOT_OUR_FAULT`.
        """
        done = Stored()
        good: list[tuple[Received, Batch]] = []
        bad: list[tuple[Received, str]] = []
        for one in received:
            try:
                message = read(one)
            except UNREADABLE as error:
                bad.append((one, str(error)))
                continue
            if not isinstance(message, ReadingsMessage):
                raise TypeError(f"{one.channel} does not belong here")
            done.acks[one.gateway, message.run].append(message.seq)
            try:
                good.append((one, _batch_of(one, message)))
            except BodyError as error:
                bad.append((one, str(error)))
        await self._apply_halving(good, bad, now=now)
        await self._note(good, bad, now=now)
        refused = {id(one) for one, _ in bad}
        done.readings = sum(len(batch.content.s) for one, batch in good if id(one) not in refused)
        done.quarantined = len(bad)
        return done

    async def _apply_halving(
        self,
        good: Sequence[tuple[Received, Batch]],
        bad: list[tuple[Received, str]],
        *,
        now: datetime,
    ) -> None:
        if not good:
            return
        try:
            await history.apply(self.readings, [batch for _, batch in good], now=now)
        except NOT_OUR_FAULT:
            raise
        except Exception as error:  # noqa: BLE001 - one bad batch never blocks the others
            if len(good) == 1:
                bad.append((good[0][0], repr(error)))
                return
            middle = len(good) // 2
            await self._apply_halving(good[:middle], bad, now=now)
            await self._apply_halving(good[middle:], bad, now=now)

    async def _note(
        self,
        good: Sequence[tuple[Received, Batch]],
        bad: Sequence[tuple[Received, str]],
        *,
        now: datetime,
    ) -> None:
        heard = {(b.gateway, series.device) for _, b in good for series in b.content.series}
        fresh = heard - self._heard
        if not fresh and not bad:
            return
        async with self.database.write() as session:
            for gateway, group in groupby(sorted(fresh), key=itemgetter(0)):
                await devices.hear_many(session, gateway, [device for _, device in group], now=now)
            for one, error in bad:
                await quarantine(session, one, error, now=now)
        self._heard |= fresh


def _batch_of(received: Received, message: ReadingsMessage) -> Batch:
    content = with_known_time(codec.decode_readings_batch(message.batch), message, at=received.at)
    return Batch(gateway=received.gateway, run=message.run, seq=message.seq, content=content)


def with_known_time(content: ReadingsBatch, message: ReadingsMessage, *, at: datetime) -> ReadingsBatch:
    """Return a batch whose times can be believed.

    A gateway that never knew the time says so, and what it measures would lie years ago, where nobody looks
    and everything is soon forgotten. How old a reading is when it is sent it does know: from that, and from
    when the message came, its time follows.

    Args:
        content: the batch.
        message: what it came in: when it was sent, by the gateway's own clock.
        at: when it came, by the server's clock.
    """
    wrong = at - message.sent_at
    unsure = content.clock is message.clock is Clock.UNSURE
    # What is dated after its sending has its time from a station with a clock of its own.
    if not unsure or abs(wrong) <= _CLOSE_ENOUGH or content.start > message.sent_at:
        return content
    log.warning("readings_dated_by_arrival", gateway=message.gateway, wrong_s=round(wrong.total_seconds()))
    return msgspec.structs.replace(content, start=content.start + wrong)
