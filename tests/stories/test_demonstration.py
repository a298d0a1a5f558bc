"""The demonstration as a visitor meets it: leaving it, starting it again, a port that is taken."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest

from firmware_sim.demo.children import command_of
from firmware_sim.demo.incident import HOPS, Trace
from firmware_sim.demo.ports import LOOPBACK, Ports
from tests.harness.waiting import until

pytestmark = [pytest.mark.story, pytest.mark.xdist_group("the demonstration's usual ports")]


class Visit:
    """A running demonstration and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def read(self) -> None:
        while data := await self.process.stdout.readline():
            self.said += data.decode()

    def parts(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@asynccontextmanager
async def visit() -> AsyncIterator[Visit]:
    process = await asyncio.create_subprocess_exec(
        *command_of("gridwarden-sim"),
        "demo",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    running = Visit(process)
    reading = asyncio.create_task(running.read(), name="read-demonstration")
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


@pytest.mark.timeout(300)
async def test_leaving_it_ends_every_part_and_it_starts_a_second_time():
    for _ in range(2):
        async with visit() as demo:
            await until(lambda d=demo: "Ctrl-C ends it" in d.said, what="the introduction")
            parts = demo.parts()
            assert len(parts) >= 5, "broker, devices, phones, server, gateway"
            addresses = {
                address.laddr.ip
                for part in parts
                for address in part.net_connections()
                if address.status == "LISTEN"
            }
            assert addresses == {LOOPBACK}, "nothing listens beyond this machine"
            os.kill(demo.process.pid, signal.SIGINT)
            assert await demo.process.wait() == 0
            assert not any(part.is_running() and part.status() != "zombie" for part in parts)
        assert not any(listening(port) for port in (Ports().server, Ports().phones, Ports().broker))


async def test_leaving_while_it_starts_is_leaving_too():
    async with visit() as demo:
        await until(lambda: "starting" in demo.said and demo.parts(), what="the first part")
        os.kill(demo.process.pid, signal.SIGINT)
        assert await demo.process.wait() == 0


async def test_parts_of_a_killed_demonstration_do_not_live_on():
    async with visit() as demo:
        await until(lambda: "Ctrl-C ends it" in demo.said, what="the introduction")
        parts = demo.parts()
        demo.process.kill()
        await until(
            lambda: not any(part.is_running() and part.status() != "zombie" for part in parts),
            what="the end of every part",
        )


async def test_a_taken_port_is_named():
    taken = await asyncio.start_server(lambda _, writer: writer.close(), LOOPBACK, Ports().phones)
    async with taken, visit() as demo:
        assert await demo.process.wait() == 1
        await until(lambda: "is taken" in demo.said, what="the reason")
        assert str(Ports().phones) in demo.said


def test_the_check_sees_a_missing_hop_and_a_wrong_order():
    trace = Trace()
    names = list(HOPS)
    for hop in names:
        trace.note(hop)
    assert trace.problems() == []
    first, second = trace.seen[names[0]], trace.seen[names[1]]
    trace.seen[names[0]], trace.seen[names[1]] = second, first
    assert any("out of order" in problem for problem in trace.problems())
    del trace.seen[names[-1]]
    assert f"missing: {names[-1]}" in trace.problems()
