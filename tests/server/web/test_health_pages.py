"""What watches the server learns whether it works, not only whether it answers."""

from server.pulse import STALE_AFTER_S


async def test_a_serving_process_is_alive_and_ready(site):
    client = await site.visitor()
    assert (await client.get("/health/live")).json() == {"status": "alive"}
    site.pulses.beat("intake", boot_s=site.clock.boot_s())
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "loops": ["intake"], "stuck": {}})


async def test_a_stuck_loop_is_named_until_it_comes_round_again(site):
    client = await site.visitor()
    site.pulses.beat("intake", boot_s=site.clock.boot_s())
    site.pulses.beat("notify", boot_s=site.clock.boot_s())
    site.clock.advance(seconds=STALE_AFTER_S + 1)
    site.pulses.beat("intake", boot_s=site.clock.boot_s())
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"], set(ready.json()["stuck"])) == (
        503,
        "stuck",
        {"notify"},
    )
    assert (await client.get("/health/live")).status_code == 200, "restarting is not decided by readiness"
    site.pulses.beat("notify", boot_s=site.clock.boot_s())
    assert (await client.get("/health/ready")).status_code == 200
