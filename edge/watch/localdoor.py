"""The gateway's door for tools on the same machine: a Unix socket in the state folder.

One question is one line of JSON, `{"ask": "status"}`, one answer is one line of JSON: `{"ok": true,
"answer": …}` or `{"ok": false, "error": …}`. The door only tells, with one exception: a person on site
tests an actuator here, since no order from afar may do that. Tools ask here and
never open the stores, because SQLite before 3.51.3 can lose commits when two connections share a
write-ahead log. Only the gateway's own user and root can reach it.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from edge.errors import EdgeError

SOCKET_NAME: Final = "door.sock"
_MOST_LINE_BYTES: Final = 65_536
_IDLE_S: Final = 60.0
_MOST_PATH_BYTES: Final = 100
"""The kernel takes 107 bytes of path; longer folders are reached through their descriptor."""
_OWNER_ONLY: Final = 0o600

Questions = Mapping[str, Callable[[], Any]]
"""What can be asked, and who answers; answers are whatever msgspec can write as JSON."""
Orders = Mapping[str, Callable[[dict[str, Any]], Awaitable[Any]]]
"""What takes time, by name; each gets what came with its question."""

log = structlog.get_logger(__name__)


class DoorClosedError(EdgeError):
    """No gateway answers at this state folder."""


class LocalDoor:
    """Answers questions at the socket."""

    def __init__(self, folder: Path, questions: Questions, orders: Orders | None = None) -> None:
        """Know the state folder, the answers, and who carries out what a person on site wants."""
        self._folder = folder
        self._questions = questions
        self._orders = orders or {}

    async def run(self) -> None:
        """Answer until cancelled; a door that cannot be opened is said and does not stop the gateway."""
        try:
            server = await self._open()
        except OSError as error:
            log.error("local_door_closed", folder=str(self._folder), error=str(error))
            await asyncio.Event().wait()
            return
        try:
            async with server:
                await server.serve_forever()
        finally:
            with contextlib.suppress(OSError):
                (self._folder / SOCKET_NAME).unlink()

    async def _open(self) -> asyncio.Server:
        with contextlib.suppress(FileNotFoundError):
            (self._folder / SOCKET_NAME).unlink()
        with _reachable(self._folder) as address:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.bind(address)
                (self._folder / SOCKET_NAME).chmod(_OWNER_ONLY)
            except OSError:
                sock.close()
                raise
        return await asyncio.start_unix_server(self._serve, sock=sock, limit=_MOST_LINE_BYTES)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            while True:
                async with asyncio.timeout(_IDLE_S):
                    line = await reader.readline()
                if not line:
                    break
                writer.write(await self.respond(line) + b"\n")
                await writer.drain()
        writer.close()

    async def respond(self, line: bytes) -> bytes:
        """Return the answer to one line, which may be a person's order or a question that takes time."""
        try:
            asked = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError:
            return self.answer(line)
        order = self._orders.get(str(asked.pop("ask", None)))
        if order is None:
            return self.answer(line)
        try:
            return msgspec.json.encode({"ok": True, "answer": await order(asked)})
        except EdgeError as error:
            return _refusal(str(error))

    def answer(self, line: bytes) -> bytes:
        """Return the answer to one line; a question that makes no sense gets an error, never silence."""
        try:
            question = msgspec.json.decode(line, type=dict[str, Any]).get("ask")
        except msgspec.DecodeError as error:
            return _refusal(f"no question: {error}")
        asked = self._questions.get(question) if isinstance(question, str) else None
        if asked is None:
            return _refusal(f"unknown question {question!r}, allowed {', '.join(sorted(self._questions))}")
        try:
            return msgspec.json.encode({"ok": True, "answer": asked()})
        except Exception as error:
            log.exception("local_question_failed", question=question)
            return _refusal(f"{question}: {error}")


def ask_gateway(folder: Path, question: str, *, timeout_s: float = 5.0, **arguments: Any) -> Any:
    """Ask the gateway that runs on a state folder; for tools, blocks.

    Args:
        folder: the state folder of its site file.
        question: `status`, `values`, `alarms`, `buses`, `metrics`, `actions`,
            `frames` or `test_actuator`.
        timeout_s: how long to wait.
        arguments: what the question needs besides its name.

    Raises:
        DoorClosedError: nobody answers, or the answer is an error; the text says which.
    """
    line = json.dumps({"ask": question, **arguments}).encode() + b"\n"
    try:
        with _reachable(folder) as address, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(timeout_s)
            sock.connect(address)
            sock.sendall(line)
            with sock.makefile("rb") as file:
                answer = json.loads(file.readline() or b'{"ok": false, "error": "no answer"}')
    except (OSError, ValueError) as error:
        raise DoorClosedError(f"no gateway answers in {folder}: {error}") from error
    if not answer["ok"]:
        raise DoorClosedError(str(answer["error"]))
    return answer["answer"]


@contextlib.contextmanager
def _reachable(folder: Path) -> Iterator[str]:
    """Give an address for the socket that is short enough for the kernel."""
    direct = str(folder / SOCKET_NAME)
    if len(os.fsencode(direct)) <= _MOST_PATH_BYTES:
        yield direct
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"
    finally:
        os.close(descriptor)


def _refusal(text: str) -> bytes:
    return msgspec.json.encode({"ok": False, "error": text})
