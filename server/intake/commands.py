"""Sends commands to gateways, again and again until each is answered or expires."""

import asyncio
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from server.clock import Clock
from server.db.session import Announcement, Database
from server.devices import service as devices
from server.intake.mqtt import BrokerLink, LinkDownError
from server.pulse import Pulses

log = structlog.get_logger()

_LONGEST_SLEEP_S: Final = 2.0


class CommandSender:
    """Sends what waits to be sent."""

    def __init__(self, *, database: Database, clock: Clock, link: BrokerLink, pulses: Pulses) -> None:
        """Join the parts; `run` starts the sender."""
        self._database = database
        self._clock = clock
        self._link = link
        self._pulses = pulses
        self._nudge = asyncio.Event()

    def hear(self, announced: list[Announcement]) -> None:
        """Wake up when a command was ordered; for `Database.listen`."""
        if any(what == "command" for what, _ in announced):
            self._nudge.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            self._pulses.beat("commands", boot_s=self._clock.boot_s())
            self._nudge.clear()
            if self._link.is_up:
                try:
                    await self.turn()
                except (SQLAlchemyError, OSError) as error:
                    log.warning("commands_not_sent", error=str(error))
            try:
                async with asyncio.timeout(self._clock.pause_s(_LONGEST_SLEEP_S)):
                    await self._nudge.wait()
            except TimeoutError:
                continue

    async def turn(self) -> None:
        """Send every command whose time it is; the register says when it is sent again."""
        async with self._database.write() as session:
            due = await devices.due_commands(session, now=self._clock.now())
        for gateway, message in due:
            try:
                await self._link.command(gateway, message)
            except LinkDownError as error:
                log.info("command_not_sent", gateway=gateway, error=str(error))
                return
            log.info("command_sent", gateway=gateway, command=message.command)
