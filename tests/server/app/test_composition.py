"""The shape of the process: what happens when a part crashes, and when it is told to stop."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from firmware_sim.demo.ports import pick_port
from server import app
from server.app import STOP_S, _listening, _Parts, _run_parts
from server.errors import ServerError


async def for_ever() -> None:
    await asyncio.Event().wait()


def make_parts(*, in_flight: asyncio.Event, **runs) -> _Parts:
    web = FastAPI()

    @web.get("/slow")
    async def slow() -> dict[str, str]:
        in_flight.set()
        await asyncio.sleep(0.3)
        return {"finished": "yes"}

    @web.get("/live")
    async def live() -> StreamingResponse:
        async def beats():
            while True:
                yield b"event: beat\n\n"
                in_flight.set()
                await asyncio.sleep(0.05)

        return StreamingResponse(beats(), media_type="text/event-stream")

    def part(name: str) -> SimpleNamespace:
        return SimpleNamespace(run=runs.get(name, for_ever))

    return _Parts(
        intake=part("intake"),
        commands=part("commands"),
        escalation=part("escalation"),
        notify=part("notify"),
        web=web,
    )


@asynccontextmanager
async def request(port: int, path: str):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)  # its socket listens before it runs
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    try:
        yield reader
    finally:
        writer.close()


async def test_a_crash_of_any_part_ends_the_process_after_open_requests():
    in_flight = asyncio.Event()

    async def crash() -> None:
        await in_flight.wait()
        raise ZeroDivisionError

    with _listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        parts = make_parts(in_flight=in_flight, escalation=crash)
        running = asyncio.create_task(_run_parts(parts, listener, asyncio.Event()))
        async with request(port, "/slow") as reader:
            answer = await reader.read()
        assert b"200 OK" in answer
        assert b"finished" in answer
        with pytest.raises(ExceptionGroup) as caught:
            await running
    assert caught.group_contains(ZeroDivisionError)


async def test_a_stop_ends_everything_even_with_open_streams():
    in_flight, stop, ended = asyncio.Event(), asyncio.Event(), []

    async def drain() -> None:
        try:
            await for_ever()
        finally:
            ended.append("drained")

    with _listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        running = asyncio.create_task(
            _run_parts(make_parts(in_flight=in_flight, notify=drain), listener, stop)
        )
        async with request(port, "/live"):
            await in_flight.wait()
            stop.set()
            async with asyncio.timeout(STOP_S + 1):
                await running
    assert ended == ["drained"]


async def test_a_part_that_will_not_stop_is_cut_off(monkeypatch):
    monkeypatch.setattr(app, "STOP_S", 0.2)
    started, stop = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        started.set()
        try:
            await for_ever()
        except asyncio.CancelledError:
            await for_ever()

    with _listening("127.0.0.1", 0) as listener:
        parts = make_parts(in_flight=asyncio.Event(), notify=stubborn)
        running = asyncio.create_task(_run_parts(parts, listener, stop))
        await started.wait()
        stop.set()
        with pytest.raises(TimeoutError):
            await running


def test_a_taken_port_is_named():
    port = pick_port()
    with (
        _listening("127.0.0.1", port),
        pytest.raises(ServerError, match=str(port)),
        _listening("127.0.0.1", port),
    ):
        pass
