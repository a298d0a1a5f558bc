"""What watches the server learns whether it works, not only whether it answers."""

from datetime import timedelta

import pytest

from server.escalation.tables import CanaryRun
from server.pulse import LOOPS


async def test_a_serving_process_is_alive_and_ready(site):
    client = await site.visitor()
    assert (await client.get("/health/live")).json() == {"status": "alive"}
    site.pulses.beat("intake-alarms", boot_s=site.clock.boot_s())
    ready = await client.get("/health/ready")
    assert ready.status_code == 200
    ready = ready.json()
    assert (ready["status"], ready["loops"], ready["stuck"]) == ("ready", ["intake-alarms"], {})
    assert (ready["canary_age_s"], ready["canary_failing"]) == (None, None)


async def test_a_lost_canary_is_told_and_takes_no_server_away(site):
    client = await site.visitor()
    site.pulses.beat("intake-alarms", boot_s=site.clock.boot_s())
    async with site.world.database.write() as session:
        session.add(CanaryRun(id="c1", sent_at=site.clock.now() - timedelta(seconds=61)))
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert ready.json()["canary_failing"] == "taken_in"


@pytest.mark.parametrize("loop", LOOPS)
async def test_each_loop_that_is_stuck_is_named_until_it_comes_round_again(site, loop):
    client = await site.visitor()
    site.pulses.expect(*LOOPS, boot_s=site.clock.boot_s())
    site.clock.advance(seconds=LOOPS[loop])
    others = [name for name in LOOPS if name != loop]
    for name in others:
        site.pulses.beat(name, boot_s=site.clock.boot_s())
    assert (await client.get("/health/ready")).status_code == 200, "it still has its time"
    site.clock.advance(seconds=1)
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "stuck")
    assert list(ready.json()["stuck"]) == [loop]
    assert (await client.get("/health/live")).status_code == 200, "restarting is not decided by readiness"
    site.pulses.beat(loop, boot_s=site.clock.boot_s())
    assert (await client.get("/health/ready")).status_code == 200


async def test_a_loop_that_never_came_round_at_all_is_stuck_too(site):
    client = await site.visitor()
    site.pulses.expect("notify", boot_s=site.clock.boot_s())
    site.clock.advance(seconds=LOOPS["notify"] + 1)
    assert list((await client.get("/health/ready")).json()["stuck"]) == ["notify"]


async def test_without_its_database_it_is_not_ready(site, monkeypatch):
    async def away(*_args, **_named):
        raise OSError("the disk is gone")

    client = await site.visitor()
    monkeypatch.setattr("server.telemetry.web.canary_standing", away)
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "no_database")
    assert (await client.get("/health/live")).status_code == 200
