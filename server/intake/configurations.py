"""Configurations that gateways report, kept apart from alarms: no alarm waits for one.

After an update six hundred gateways tell theirs at once. Their parts wait in a queue of their own and are
kept a few at a time; what does not fit is told again by its gateway.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from server.clock import Clock
from server.db.session import Database
from server.devices.configuration import keep_part
from server.intake.ingest import NOT_OUR_FAULT
from server.intake.mqtt import LinkDownError
from server.intake.queue import BoundedQueue
from wire.configuration import ConfigurationReport
from wire.messages import ConfigurationReply

_MOST_WAITING: Final = 2_000
_AT_ONCE: Final = 8
"""A transaction of so many parts takes a few milliseconds: an alarm waits no longer for its turn."""
_PATIENCE_S: Final = 5.0

log = structlog.get_logger(__name__)

Say = Callable[[str, ConfigurationReply], Awaitable[None]]
"""Says something to a gateway; raises `LinkDownError` when it cannot."""


class ConfigurationIntake:
    """Keeps configurations and tells their gateways so."""

    def __init__(self, *, database: Database, clock: Clock, say: Say) -> None:
        """Join the parts."""
        self._database = database
        self._clock = clock
        self._say = say
        self._parts = BoundedQueue[tuple[str, ConfigurationReport]](_MOST_WAITING)

    def offer(self, gateway: str, report: ConfigurationReport) -> None:
        """Take a part; where there is no room its gateway will tell it again."""
        if not self._parts.offer((gateway, report)):
            log.warning("configuration_put_off", gateway=gateway, part=report.part, parts=report.parts)

    async def run(self, beat: Callable[[], None]) -> None:
        """Keep what comes until cancelled; `beat` is called whenever the loop comes round."""
        while True:
            beat()
            await self.turn(patience_s=_PATIENCE_S)

    async def turn(self, *, patience_s: float) -> None:
        """Keep some parts, and say which configurations are whole."""
        taken = await self._parts.take(_AT_ONCE, linger_s=0.0, patience_s=patience_s)
        if not taken:
            return
        try:
            whole = await self._keep(taken)
        except NOT_OUR_FAULT as error:
            log.warning("configurations_not_kept", count=len(taken), error=str(error))
            return
        for gateway, content_hash in whole:
            try:
                await self._say(gateway, ConfigurationReply(content_hash=content_hash))
            except LinkDownError as error:
                log.info("configuration_kept_not_said", gateway=gateway, error=str(error))

    async def _keep(self, taken: list[tuple[str, ConfigurationReport]]) -> list[tuple[str, str]]:
        whole: dict[tuple[str, str], None] = {}
        now = self._clock.now()
        async with self._database.write() as session:
            for gateway, report in taken:
                try:
                    async with session.begin_nested():
                        kept = await keep_part(session, gateway, report, now=now)
                except NOT_OUR_FAULT:
                    raise
                except Exception as error:  # noqa: BLE001 - one odd part does not keep the others out
                    log.error("configuration_part_refused", gateway=gateway, error=repr(error))
                    continue
                if kept:
                    whole[gateway, report.content_hash] = None
        return list(whole)
