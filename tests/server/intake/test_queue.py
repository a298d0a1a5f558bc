"""What comes alone is taken at once; where batch follows batch, each has a little time to fill up."""

import asyncio

import pytest

from server.intake import queue as queues
from server.intake.queue import BoundedQueue


@pytest.fixture
def pauses(monkeypatch):
    """Every pause the queue made, none of them really slept."""
    made = []
    sleep = asyncio.sleep

    async def note(seconds):
        made.append(seconds)
        await sleep(0)

    monkeypatch.setattr(queues.asyncio, "sleep", note)
    return made


async def test_an_alarm_that_comes_alone_is_not_held_up(pauses):
    queue = BoundedQueue(10)
    taking = asyncio.ensure_future(queue.take(5, linger_s=1e-9, patience_s=60))
    while queue._filled.is_set() or not queue._filled._waiters:
        await asyncio.wait((taking,), timeout=0)
    queue.offer("alarm")
    assert await taking == ["alarm"]
    assert pauses == []


async def test_a_batch_that_follows_another_waits_for_more(pauses):
    queue = BoundedQueue(10)
    queue.offer("first")
    assert await queue.take(5, linger_s=60, patience_s=60) == ["first"]
    assert len(pauses) == 1
    assert 0 < pauses[0] <= 60


async def test_a_full_batch_waits_for_nothing(pauses):
    queue = BoundedQueue(10)
    for number in range(4):
        queue.offer(number)
    assert await queue.take(3, linger_s=60, patience_s=60) == [0, 1, 2]
    assert pauses == []
