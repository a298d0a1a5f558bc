"""Each loop that the running server has is watched: whichever hangs, `/health/ready` says so by its name."""

import asyncio
import json
from contextlib import AsyncExitStack

import httpx2
import pytest

from firmware_sim.demo.ports import pick_port
from firmware_sim.phone.accounts import Accounts
from server.app import _build, _Parts
from server.config import Settings
from server.pulse import ALWAYS, LOOPS
from tests.harness.street import MovedClock
from tests.harness.waiting import until

PAST_EVERY_LIMIT_S = max(LOOPS.values()) + 1


def settings_of_everything(folder) -> Settings:
    """Settings with which every loop runs: InfluxDB, WeCom's cards, the canary."""
    wecom = Accounts().wecom
    names = ("corpid", "secret", "agentid", "token", "encoding_aes_key")
    card = {name: getattr(wecom, name) for name in names}
    accounts = folder / "accounts.json"
    accounts.write_text(json.dumps({"wecom": {**card, "base_url": f"http://127.0.0.1:{pick_port()}"}}))
    accounts.chmod(0o600)
    return Settings(
        data_folder=folder / "data",
        mqtt_port=pick_port(),
        influx_url=f"http://127.0.0.1:{pick_port()}",
        channels_file=accounts,
    )


def start(parts: _Parts) -> list[asyncio.Task[None]]:
    """Start everything but the pages, each under its name, as the server does."""
    runs = {
        "intake": parts.intake,
        "commands": parts.commands,
        "escalation": parts.escalation,
        "notify": parts.notify,
        **parts.others,
    }
    return [asyncio.create_task(part.run(), name=name) for name, part in runs.items()]


def batched(names: list[str], count: int) -> list[list[str]]:
    """A few at a time: each round waits for the slowest of those that go on."""
    return [names[begin : begin + count] for begin in range(0, len(names), count)]


def task_called(name: str) -> asyncio.Task[None]:
    (found,) = [task for task in asyncio.all_tasks() if task.get_name() == name]
    return found


async def test_whichever_loop_hangs_is_named(tmp_path, monkeypatch):
    clock = MovedClock(tmp_path / "clock")
    clock.move(0)
    monkeypatch.setenv("GRIDWARDEN_TEST_CLOCK", str(clock.path))
    async with AsyncExitStack() as stack:
        parts = await _build(settings_of_everything(tmp_path), stack, listening=("127.0.0.1", 0))
        client = await stack.enter_async_context(
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app=parts.web), base_url="http://x")
        )

        async def stuck() -> set[str]:
            return set((await client.get("/health/ready")).json()["stuck"])

        running = start(parts)
        try:
            await until(lambda: all(task.get_coro().cr_await for task in running), what="all loops run")
            loops = (await client.get("/health/ready")).json()["loops"]
            assert set(loops) == set(LOOPS)
            assert set(ALWAYS) < set(loops)
            hanging: set[str] = set()
            for few in batched(loops, 3):
                for loop in few:
                    task_called(loop).cancel()
                    hanging.add(loop)
                clock.move(PAST_EVERY_LIMIT_S)

                async def only_those() -> bool:
                    return await stuck() == hanging

                await until(only_those, what=f"{few} alone are stuck besides those before")
            assert (await client.get("/health/ready")).status_code == 503
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


@pytest.mark.parametrize("loop", [*LOOPS])
def test_no_loop_may_hang_for_longer_than_five_minutes(loop):
    assert 0 < LOOPS[loop] <= 300
