"""Gateways that fall silent become an item for their maintainer, and it ends when they speak again.

Silence is judged only by what this server could have heard: after it started, after the broker was away, or
after the wall clock was set forward, every gateway has the whole time once more.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from server.alarms import service as alarms
from server.alarms.tables import Alarm, stands
from server.clock import Clock
from server.db.session import Database, ReadSession, WriteSession
from server.devices.service import SILENT_AFTER, make_gateway_device
from server.devices.tables import Gateway
from server.escalation.plan import Policies
from server.escalation.wallclock import TOLERANCE, read_clocks
from server.intake.mqtt import BrokerLink
from server.items import opening
from server.items.storms import GATEWAY_ITSELF
from server.pulse import Pulses
from wire.messages import CONTRACT_VERSION, AlarmState, LaneEnvelope
from wire.vocabulary import AlarmClass, Condition, Kind, Presence
from wire.vocabulary import Clock as ClockTrust

log = structlog.get_logger()

SILENT_RULE: Final = "gateway-silent"
_SAID_GOODBYE: Final = timedelta(seconds=30)
"""How long a gateway whose connection broke has to come back."""
_LOOK_S: Final = 5.0
_RUN: Final = "server-silence"


class SilenceWatch:
    """Looks for silent gateways."""

    def __init__(
        self, *, database: Database, clock: Clock, link: BrokerLink, policies: Policies, pulses: Pulses
    ) -> None:
        """Join the parts; `run` starts it."""
        self._database = database
        self._clock = clock
        self._link = link
        self._policies = policies
        self._pulses = pulses
        self._listening_since_s: float | None = None
        self._offset: timedelta | None = None
        """Wall time less the time since the start, as of the last look."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._pulses.beat("silence", boot_s=self._clock.boot_s())
            try:
                await self.turn()
            except (SQLAlchemyError, OSError) as error:
                log.warning("silence_not_judged", error=str(error))
            await asyncio.sleep(self._clock.pause_s(_LOOK_S))

    async def turn(self) -> None:
        """Look once."""
        reading = read_clocks(self._clock)
        set_forward = self._offset is not None and reading.offset - self._offset > TOLERANCE
        self._offset = reading.offset
        if not self._link.is_up:
            self._listening_since_s = None
            return
        if self._listening_since_s is None or set_forward:
            self._listening_since_s = reading.boot_s
        now = reading.now
        listened = timedelta(seconds=reading.boot_s - self._listening_since_s)
        async with self._database.read() as session:
            open_ids = await _open_alarms(session)
            silent = await _silent(session, now=now) if listened >= SILENT_AFTER else {}
            spoken = await _spoken(session, [one for one in open_ids if one not in silent], now=now)
        fresh = [gateway for gateway in silent if gateway not in open_ids]
        if not fresh and not spoken:
            return
        async with self._database.write() as session:
            for gateway in fresh:
                await self._say(session, gateway, f"silent-{round(now.timestamp())}", now, active=True)
            for gateway in spoken:
                await self._say(session, gateway, open_ids[gateway], now, active=False)

    async def _say(
        self, session: WriteSession, gateway: str, alarm: str, now: datetime, *, active: bool
    ) -> None:
        await make_gateway_device(session, gateway, now=now)
        held = await session.get(Alarm, (gateway, alarm))
        state = AlarmState(
            alarm=alarm,
            device=GATEWAY_ITSELF,
            rule=SILENT_RULE,
            kind=Kind.CONTACT,
            class_=AlarmClass.FAULT,
            condition=Condition.ACTIVE if active else Condition.NORMAL,
            raised_at=held.raised_at if held else now,
            changed_at=now,
        )
        meta = LaneEnvelope(
            v=CONTRACT_VERSION,
            gateway=gateway,
            session=_RUN,
            boot=_RUN,
            up_ms=round(self._clock.boot_s() * 1000),
            sent_at=now,
            clock=ClockTrust.SYNCED,
            run=_RUN,
            seq=max(round(now.timestamp() * 1000), held.seq + 1 if held else 1),
        )
        applied = await alarms.apply(session, gateway, meta, state, now=now)
        await session.flush()
        await opening.follow(session, applied, now=now, policies=self._policies)
        session.announce("gateway", gateway)
        log.warning("gateway_silent" if active else "gateway_spoke_again", gateway=gateway)


async def _silent(session: ReadSession, *, now: datetime) -> dict[str, datetime]:
    query = select(Gateway.id, Gateway.heard_at).where(
        Gateway.registered,
        (Gateway.heard_at <= now - SILENT_AFTER)
        | ((Gateway.presence == Presence.OFFLINE) & (Gateway.heard_at <= now - _SAID_GOODBYE)),
    )
    return {row.id: row.heard_at for row in await session.execute(query.order_by(Gateway.id))}


async def _open_alarms(session: ReadSession) -> dict[str, str]:
    query = select(Alarm.gateway, Alarm.alarm).where(
        Alarm.device == GATEWAY_ITSELF,
        Alarm.rule == SILENT_RULE,
        stands(),
    )
    return {row.gateway: row.alarm for row in await session.execute(query)}


async def _spoken(session: ReadSession, gateways: list[str], *, now: datetime) -> list[str]:
    query = select(Gateway.id).where(
        Gateway.id.in_(gateways), Gateway.heard_at > now - SILENT_AFTER, Gateway.presence == Presence.ONLINE
    )
    return list(await session.scalars(query.order_by(Gateway.id)))
