"""Certificates and passwords that are renewed while the gateway runs: the connections are made anew."""

import asyncio
from typing import Final, NoReturn, Protocol

import structlog

from edge.errors import ConfigError, LinkError
from edge.ports import Clock

_LOOK_EVERY_S: Final = 30.0

log = structlog.get_logger(__name__)


class WatchedFiles(Protocol):
    """Whoever makes connections with files."""

    def files(self) -> object:
        """Return what differs as soon as one of the files was replaced."""

    def check(self) -> None:
        """Check that the files can be used as they now are; raises `ConfigError` when not."""


class FileWatch:
    """Notices renewed files; what cannot be used leaves the connections as they are."""

    def __init__(self, files: WatchedFiles, *, clock: Clock) -> None:
        """Begin with the files as they are."""
        self._files = files
        self._clock = clock
        self._renewed = asyncio.Event()

    async def run(self) -> None:
        """Look now and then. Runs until cancelled."""
        seen = self._files.files()
        while True:
            await asyncio.sleep(self._clock.pause_s(_LOOK_EVERY_S))
            found = self._files.files()
            if found == seen:
                continue
            seen = found
            try:
                self._files.check()
            except ConfigError as error:
                log.error("renewed_files_unusable", error=str(error))
                continue
            log.info("files_renewed")
            self._renewed.set()
            self._renewed = asyncio.Event()

    async def leave_when_renewed(self) -> NoReturn:
        """End a connection as soon as its files were renewed.

        Raises:
            LinkError: they were.
        """
        await self._renewed.wait()
        raise LinkError("certificate or password renewed")
