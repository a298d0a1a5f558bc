"""Child processes that never outlive the demonstration, and what they log."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

STOP_LIMIT_S: Final = 4.5
_START_LIMIT_S: Final = 60.0
_PR_SET_PDEATHSIG: Final = 1
_LINE_BYTES: Final = 1 << 20

Line = Mapping[str, Any]


class ChildError(RuntimeError):
    """A process did not start, or ended by itself; the text says which and what it said last."""


@dataclass(slots=True)
class Child:
    """One running process and the lines it logged."""

    name: str
    process: asyncio.subprocess.Process
    lines: list[Line] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _reader: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        name: str,
        command: list[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> "Child":
        """Start a process in a session of its own; it dies with this one, however this one dies."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
            limit=_LINE_BYTES,
        )
        child = cls(name=name, process=process)
        child._reader = asyncio.create_task(child._read(), name=f"read-{name}")
        return child

    async def wait_for(
        self, matches: Callable[[Line], bool], *, timeout_s: float = _START_LIMIT_S, since: int = 0
    ) -> Line:
        """Return the first logged line that matches, waiting for it.

        Args:
            matches: what is looked for.
            timeout_s: how long to wait.
            since: the index of the first line to look at.

        Raises:
            ChildError: the process ended, or nothing matched in time.
        """
        seen = since
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    while seen < len(self.lines):
                        if matches(self.lines[seen]):
                            return self.lines[seen]
                        seen += 1
                    if self.process.returncode is not None:
                        raise ChildError(f"{self.name} ended: {self.last_words()}")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as error:
            raise ChildError(f"{self.name} did not log what was waited for: {self.last_words()}") from error

    async def ready(self, event: str) -> Line:
        """Return the line with which the process says that it is ready.

        Raises:
            ChildError: it ended instead.
        """
        return await self.wait_for(lambda line: line.get("event") == event)

    async def fail_when_ended(self) -> None:
        """Wait for the end of a process that should not end.

        Raises:
            ChildError: it ended.
        """
        await self.process.wait()
        raise ChildError(f"{self.name} ended: {self.last_words()}")

    async def stop(self) -> None:
        """Ask the process to stop; end it if it does not."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_LIMIT_S):
                    await self.process.wait()
            except TimeoutError:
                await self.kill()
        if self._reader is not None:
            await self._reader

    async def kill(self) -> None:
        """End the process at once."""
        # Not by the process's own method: that may take the exit code away from the event loop.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    def last_words(self) -> str:
        """Return the last lines it wrote."""
        return " | ".join(self.raw[-5:]) or "nothing was written"

    async def _read(self) -> None:
        assert self.process.stdout is not None, "started with a pipe"
        while data := await self.process.stdout.readline():
            text = data.decode(errors="replace").rstrip()
            self.raw.append(text)
            with contextlib.suppress(json.JSONDecodeError):
                line = json.loads(text)
                if isinstance(line, dict):
                    self.lines.append(line)
            self._news.set()
        await self.process.wait()
        self._news.set()


def logged_at(line: Line) -> datetime:
    """Return when a line was logged."""
    return datetime.fromisoformat(str(line["timestamp"]))


def command_of(script: str) -> list[str]:
    """Return how to start one of the product's commands from this environment."""
    return [str(Path(sys.executable).with_name(script))]


def _die_with_parent() -> None:
    """Ask Linux to end this process when its parent ends, even by kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
