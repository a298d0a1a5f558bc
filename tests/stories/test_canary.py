"""The server that tests itself: a message through the whole chain, and a desk that hears when it gets lost."""

import pytest

from firmware_sim.relay import Relay
from tests.harness.waiting import until

pytestmark = pytest.mark.story

LOST = "自检信交出后没有收回来"
EVERY_S, BOUND_S = 300, 60


async def test_the_desk_hears_within_a_minute_that_messages_no_longer_come_back(street):
    async with Relay(street.server_port).serve() as line:
        server = await street.start_server(GRIDWARDEN_CANARY_URL=f"http://127.0.0.1:{line.port}")
        await server.wait_for(lambda said: said.get("event") == "canary_arrived")
        line.cut()
        street.server_clock.move(EVERY_S)
        await server.wait_for(lambda said: said.get("event") == "canary_refused")
        assert LOST not in await street.desk.page("/desk"), "it still has its time"

        street.server_clock.move(BOUND_S)

        async def lost() -> dict:
            health = (await street.desk.client.get(f"{street.desk.url}/health/ready")).json()
            # For a moment after the clock was moved every loop seems stuck.
            return health if health["canary_failing"] and health["status"] == "ready" else {}

        health = await until(lost, what="the loss is noticed, and the server is ready all the same")
        assert health["canary_failing"] == "received"
        assert health["canary_age_s"] >= EVERY_S + BOUND_S
        assert LOST in await street.desk.page("/desk")
        assert LOST in await street.desk.page("/desk/channels")

        async def red_on_the_wall() -> bool:
            board = await street.desk.get("cockpit")
            return board["panels"].get("canary", {}).get("failing") == "received"

        await until(red_on_the_wall, what="the cockpit says it too")

        line.mend()

        async def mended() -> bool:
            street.server_clock.move(5)
            return LOST not in await street.desk.page("/desk")

        await until(mended, what="the line is well again")
