"""A connection is served again however often it is lost, and a stop stops it, whenever that comes."""

import asyncio

import pytest

from edge.clock import ManualClock
from edge.errors import LinkError
from edge.uplink.reconnection import keep_connected
from tests.harness.waiting import until


class Link:
    """A connection with two tasks, as the uplink has: one listens until the link breaks."""

    def __init__(self) -> None:
        self.served = 0
        self.broken = asyncio.Event()

    async def serve(self) -> None:
        self.served += 1
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(asyncio.sleep(3600))

    async def _listen(self) -> None:
        await self.broken.wait()
        raise LinkError("the broker ended the connection")


async def test_a_link_that_breaks_again_and_again_is_served_again_and_again():
    link = Link()
    link.broken.set()
    task = asyncio.create_task(keep_connected("alarms", link.serve, clock=ManualClock()))
    await until(lambda: link.served > 5 or task.done(), what="served anew")
    assert not task.done(), "a lost link ends nothing"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("turns", range(6))
async def test_a_stop_in_the_moment_of_the_loss_stops(turns):
    link = Link()
    task = asyncio.create_task(keep_connected("alarms", link.serve, clock=ManualClock()))
    await until(lambda: link.served, what="served")
    link.broken.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,), timeout=10)
    assert task.cancelled()
