"""Keeps the steps in force the same as the stored ones, whichever process changed them."""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from server.clock import Clock
from server.db.session import Announcement, Database
from server.escalation.plan import Policies, Policy
from server.escalation.stored import read_stored, stored_version
from server.pulse import Pulses
from wire.vocabulary import AlarmClass

log = structlog.get_logger()

_LOOK_S: Final = 5.0


class PolicyKeeper:
    """Reads stored steps when they change."""

    def __init__(self, *, database: Database, policies: Policies, clock: Clock, pulses: Pulses) -> None:
        """Join the parts; what `policies` holds now are the defaults."""
        self._database = database
        self._policies = policies
        self._defaults: Mapping[AlarmClass, Policy] = dict(policies)
        self._clock = clock
        self._pulses = pulses
        self._version: tuple[int, int] = (0, 0)
        self._nudge = asyncio.Event()

    def hear(self, announced: list[Announcement]) -> None:
        """Look at once after a change; for `Database.listen`."""
        if any(what == "policies" for what, _ in announced):
            self._nudge.set()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._pulses.beat("policies", boot_s=self._clock.boot_s())
            self._nudge.clear()
            try:
                await self.turn()
            except (SQLAlchemyError, OSError) as error:
                log.warning("policies_not_read", error=str(error))
            try:
                async with asyncio.timeout(self._clock.pause_s(_LOOK_S)):
                    await self._nudge.wait()
            except TimeoutError:
                continue

    async def turn(self) -> bool:
        """Read the stored steps if they changed; tells whether they did."""
        async with self._database.read() as session:
            version = await stored_version(session)
            if version == self._version:
                return False
            street, communities = await read_stored(session, self._defaults)
        self._policies.replace(street, communities)
        self._version = version
        log.info("policies_read", own_of_communities=len(communities))
        return True
