"""A library may swallow a cancellation; its caller still ends."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from edge.cancellation import await_cancellable, await_directly, enter_cancellable


async def swallow(started: asyncio.Event, let_go: asyncio.Event) -> str:
    """What `asyncio.wait_for` of Python 3.11 does when the answer comes together with the cancellation."""
    started.set()
    try:
        await let_go.wait()
    except asyncio.CancelledError:
        return "an answer that nobody waits for"
    return "an answer"


async def test_a_swallowed_cancellation_still_ends_the_caller():
    started = asyncio.Event()
    caller = asyncio.create_task(await_cancellable(swallow(started, asyncio.Event())))
    await started.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_a_swallowed_cancellation_ends_the_caller_that_awaits_directly():
    started = asyncio.Event()
    caller = asyncio.create_task(await_directly(swallow(started, asyncio.Event())))
    await started.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_so_does_one_that_the_library_turned_into_an_error():
    async def complain(started):
        try:
            await swallow(started, asyncio.Event())
        finally:
            raise ValueError("no answer")

    started = asyncio.Event()
    caller = asyncio.create_task(await_directly(complain(started)))
    await started.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_a_time_limit_around_a_direct_call_is_still_a_time_limit():
    started = asyncio.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await await_directly(swallow(started, asyncio.Event()))


async def test_a_count_that_a_task_group_left_raised_is_no_stop():
    """Python 3.11 leaves it so after a child has failed; a lost connection must not look like a stop."""

    async def work():
        task = asyncio.current_task()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        assert task.cancelling() == 1
        let_go = asyncio.Event()
        let_go.set()
        answer = await await_directly(swallow(asyncio.Event(), let_go))
        with pytest.raises(KeyError):
            await await_directly(fail())
        return answer

    async def fail():
        raise KeyError("an error of its own")

    assert await asyncio.create_task(work()) == "an answer"


async def test_without_it_the_caller_would_go_on():
    """The test above can fail."""
    started = asyncio.Event()
    caller = asyncio.create_task(swallow(started, asyncio.Event()))
    await started.wait()
    caller.cancel()
    assert await caller == "an answer that nobody waits for"


async def test_an_answer_comes_through_and_so_does_an_error():
    started, let_go = asyncio.Event(), asyncio.Event()
    let_go.set()
    assert await await_cancellable(swallow(started, let_go)) == "an answer"

    async def fail() -> None:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        await await_cancellable(fail())


class Connection:
    """Says whether it is open; swallows a cancellation while it opens."""

    def __init__(self, *, slow: bool) -> None:
        self.slow, self.open, self.started = slow, False, asyncio.Event()

    @asynccontextmanager
    async def connect(self):
        if self.slow:
            await swallow(self.started, asyncio.Event())
        self.open = True
        try:
            yield self
        finally:
            self.open = False


async def test_what_was_opened_while_being_cancelled_is_closed_again():
    connection = Connection(slow=True)

    async def use() -> None:
        async with enter_cancellable(connection.connect()):
            raise AssertionError("never entered")

    user = asyncio.create_task(use())
    await connection.started.wait()
    user.cancel()
    with pytest.raises(asyncio.CancelledError):
        await user
    assert not connection.open


async def test_an_error_inside_leaves_and_goes_on():
    connection = Connection(slow=False)

    async def use() -> None:
        async with enter_cancellable(connection.connect()) as opened:
            assert opened.open
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        await use()
    assert not connection.open
