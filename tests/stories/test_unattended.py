"""What a gateway does by itself, for years, when nobody looks after it."""

import asyncio
import contextlib
import os
import signal
import socket

import httpx2
import pytest

from firmware_sim.demo.children import ChildError
from firmware_sim.devices.modem import SimulatedModem
from tests.harness.coils import coil_of
from tests.harness.street import GATEWAY, SITE
from tests.harness.waiting import until

pytestmark = [pytest.mark.story, pytest.mark.timeout(300)]

SECOND_WAY = """\
second_way:
  siren: {{device: siren-hall, sound: sound, silence: silence}}
  sms: {{device: MODEM, numbers: ["+8613800000001"]}}
"""


@pytest.fixture
async def modem():
    opened = SimulatedModem()
    opened.open()
    yield opened
    opened.close()


async def silence_noticed(street) -> None:
    """Move the gateway's clock until it has waited half a minute for the server's word.

    It counts from when it first looks, which the move may come before; so the clock is moved again, but
    only after a good while: one more move while the siren is being switched on would outlive its order.
    """
    gateway = street.parts["gateway"]
    for last in (False, False, True):
        street.gateway_clock.move(31)
        try:
            await gateway.wait_for(lambda line: line.get("event") == "server_silent", timeout_s=15)
        except ChildError:
            if last or gateway.process.returncode is not None:
                raise
        else:
            return


async def test_with_server_and_broker_dead_a_leak_sounds_the_siren_and_sends_a_text_message(street, modem):
    await street.add_devices("  - {name: siren-hall, model: siren-relay, bus: relays, unit: 2}\n")
    await street.start()
    await street.stop("server")
    street.proxy.cut()
    siren = "  - {{id: siren-hall, bus: relays, unit: 2, profile: siren-relay, label: 大厅警号}}\nrules:\n"
    street.write_site(SITE.replace("rules:\n", siren, 1) + SECOND_WAY.replace("MODEM", modem.port))
    await street.reload_gateway()
    await street.set_values("gas-kitchen", gas_lel=60)
    await street.journalled("gas-high", "raised")

    await silence_noticed(street)
    settled = await street.parts["gateway"].wait_for(
        lambda line: line.get("event") == "action_settled" and line.get("action") == "send_sms"
    )
    assert settled["state"] == "confirmed"
    (text,) = modem.sent
    assert text.number == "+8613800000001"
    assert "燃气报警：厨房燃气探测器" in text.text

    async def sounds() -> bool:
        return await coil_of(street.ports["relays"], unit=2)

    await until(sounds, what="the siren's coil is on")


async def limits_told(street, rule: str) -> list[float]:
    """The limits of a rule in force, as the desk reads them; none before the gateway has told it."""
    with contextlib.suppress(httpx2.HTTPStatusError):
        told = await street.desk.get(f"gateways/{GATEWAY}/configuration")
        rules = {one["rule"]: one for one in told["rules"]}
        return [limit["limit"] for limit in rules[rule]["limits"]] if told["is_current"] else []
    return []


async def standings(street) -> list[str]:
    """How configurations stood, the newest first."""
    return [one["standing"] for one in await street.desk.get(f"gateways/{GATEWAY}/configuration/history")]


async def test_an_unchanged_configuration_changes_nothing_and_a_changed_one_is_taken_without_a_restart(
    street,
):
    await street.start()
    gateway = street.parts["gateway"]
    await street.set_values("gas-kitchen", gas_lel=60)
    raised = await street.journalled("gas-high", "raised")
    await until(lambda: limits_told(street, "gas-high"), what="the desk knows the rules in force")
    assert await limits_told(street, "hydrant-low") == [140.0], "also of what never raised an alarm"
    buses = sum(line.get("event") == "bus_connected" for line in gateway.lines)
    os.kill(gateway.process.pid, signal.SIGHUP)
    await gateway.ready("config_unchanged")
    assert sum(line.get("event") == "bus_connected" for line in gateway.lines) == buses

    street.write_site(SITE.replace('version: "story"', 'version: "next"').replace("above: 25", "above: 24"))
    await street.reload_gateway()
    await gateway.ready("config_kept")

    async def told() -> bool:
        (status,) = [g["status"] for g in await street.desk.get("gateways") if g["id"] == GATEWAY]
        config = status["config"]
        return config["version"] == "next" and not config.get("trial", False)

    await until(told, what="the desk sees the new configuration in force")

    async def new_limit() -> bool:
        return await limits_told(street, "gas-high") == [24.0]

    await until(new_limit, what="the desk sees the new limit")
    assert (await standings(street))[-1:] == ["in_force"]
    assert (await standings(street))[0] == "in_force"
    raises = {line["alarm"] for line in gateway.lines if line.get("event") == "alarm_journalled"
              and line["rule"] == "gas-high"}  # fmt: skip
    assert raises == {raised["alarm"]}, "the alarm went on, it was not raised anew"


async def test_a_configuration_with_which_the_server_cannot_be_reached_is_rolled_back(street):
    await street.start()
    gateway = street.parts["gateway"]
    await until(
        lambda: "reached_hash" in street.record() and street.record()["reached_hash"], what="it is noted"
    )
    street.write_site(SITE.replace("port: {broker}", "port: 1"))
    started = await street.reload_gateway()
    place = gateway.lines.index(started)

    def buses_are_up() -> bool:
        return sum(line.get("event") == "bus_connected" for line in gateway.lines[place:]) == 3

    await until(buses_are_up, what="every bus")
    street.gateway_clock.move(601)
    rolled = await gateway.ready("config_rolled_back")
    assert "the server was not reached" in rolled["why"]

    async def told() -> bool:
        (status,) = [g["status"] for g in await street.desk.get("gateways") if g["id"] == GATEWAY]
        return "server was not reached" in status["config"].get("rejected", "")

    await until(told, what="the desk is told, over the old address")
    assert await standings(street) == ["rolled_back", "in_force"], "though no server heard of its trial"
    await until(lambda: limits_told(street, "gas-high"), what="the old rules are current")
    await street.set_values("gas-kitchen", gas_lel=60)
    await street.item_of("gas-kitchen")


async def test_an_unplugged_dongle_does_not_keep_the_gateway_from_being_believed_alive(street, tmp_path):
    """systemd's part is played by a socket of the test's own."""
    folder = tmp_path / "n"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(folder / "s"))
        supervisor.setblocking(False)
        street.write_site(
            SITE.replace(
                "devices:\n",
                "  - {{id: dongle, technique: modbus_rtu, device: /dev/serial/by-id/unplugged}}\n"
                "devices:\n  - {{id: meter-2, bus: dongle, unit: 4, profile: eastron-sdm120}}\n",
                1,
            )
        )
        await street.start_server()
        await street.start_gateway(NOTIFY_SOCKET=str(folder / "s"))
        heard: list[bytes] = []

        async def listen() -> None:
            while True:
                heard.append(await asyncio.get_running_loop().sock_recv(supervisor, 200))

        task = asyncio.create_task(listen())
        await until(lambda: b"READY=1" in heard, what="ready")
        for _ in range(3):
            # A minute and a half passes each time: longer than any bus may stand still.
            heard.clear()
            street.gateway_clock.move(95)
            await until(lambda: b"WATCHDOG=1" in heard, what="still fed")
        stuck = [line["what"] for line in street.parts["gateway"].lines if line.get("event") == "stuck"]
        assert not any("bus-dongle" in what for what in stuck)
        assert any(line.get("event") == "bus_unreachable" for line in street.parts["gateway"].lines)
        await street.set_values("gas-kitchen", gas_lel=60)
        await street.journalled("gas-high", "raised")
        assert await street.stop("gateway") == 0
        await until(lambda: b"STOPPING=1" in heard, what="says that it stops")
        task.cancel()
        await asyncio.wait([task])
