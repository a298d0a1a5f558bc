"""What bleak 3.1 and BlueZ do to whoever uses them, and that the gateway survives each of it."""

import asyncio
from pathlib import Path

import pytest

from edge.drivers import blescan, gatt, radio
from edge.errors import LinkError, NoAnswerError, ReadBackError
from firmware_sim.devices.ble import BleFault
from tests.harness.waiting import until
from tests.sim.air import open_air

GAS, PROBE, VALVE = "bthome-gas", "gatt-gas-probe", "gatt-valve"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def connected(air, model=PROBE) -> None:
    """Let a device be seen until it has been connected to and read."""
    before = len(air.ear.of(model))

    def read():
        air.speak(model)
        air.clock.advance(seconds=0.5)
        return len(air.ear.of(model)) > before and not air.ear.lost(model)

    await until(read, what=f"{model} was read")


async def start_anew(air, how: str) -> None:
    match how:
        case "power":
            air.bluez.set_powered(on=False)
        case "restart":
            await air.bluez.stop()
            await air.bluez.start()
        case "crash":
            await air.bluez.stop(crash=True)
            await air.bluez.start()


# 1
async def test_links_that_a_device_ends_leak_nothing():
    async with open_air(PROBE) as air:
        await connected(air)
        before = open_files()
        for _ in range(6):
            losses = air.ear.losses(PROBE)
            air.bluez.drop_link(air.devices[PROBE].peripheral)
            await until(lambda losses=losses: air.ear.losses(PROBE) > losses, what="noticed")
            await connected(air)
        assert open_files() <= before


# 2
async def test_a_callback_that_fails_swallows_neither_the_scan_nor_a_disconnection(monkeypatch):
    async with open_air(GAS, PROBE) as air:
        await connected(air)

        def fail(_sighting):
            raise RuntimeError("a mistake of ours")

        monkeypatch.setattr(air.bus._hearing, "take", fail)
        air.bluez.drop_link(air.devices[PROBE].peripheral)
        await until(lambda: air.ear.losses(PROBE) == 1, what="the disconnection")
        assert air.bus._radio.callback_errors > 0
        monkeypatch.undo()
        await air.hear(GAS)


# 3
async def test_a_change_of_state_is_no_advertisement():
    async with open_air(GAS) as air:
        air.devices[GAS].numbered = False
        await air.hear(GAS)
        count = len(air.ear.of(GAS))
        for _ in range(4):
            air.bluez.flicker(air.devices[GAS].peripheral)
        await air.settle()
        assert len(air.ear.of(GAS)) == count
        await air.hear(GAS)


# 4
async def test_an_unchanged_advertisement_of_a_device_that_does_not_number_them_is_heard_again():
    async with open_air(GAS) as air:
        air.devices[GAS].numbered = False
        for _ in range(4):
            await air.hear(GAS)
        assert all(session["DuplicateData"] for session in air.bluez.sessions.values())


# 5
async def test_the_scan_filters_no_service_since_bthome_names_none():
    async with open_air(GAS) as air:
        assert all("UUIDs" not in session for session in air.bluez.sessions.values())
        await air.hear(GAS)


# 6
async def test_connecting_starts_no_second_scan():
    async with open_air(PROBE, VALVE) as air:
        await connected(air, PROBE)
        await connected(air, VALVE)
        assert air.bluez.calls.count("StartDiscovery") == 1


async def test_connections_are_made_one_after_another():
    async with open_air(PROBE, VALVE) as air:
        for model in (PROBE, VALVE):
            air.devices[model].peripheral.connect_delay_s = 0.1
        at_once = 0

        async def connect(address, on_gone, original=air.bus._connect):
            nonlocal at_once
            at_once += 1
            assert at_once == 1
            try:
                return await original(address, on_gone)
            finally:
                at_once -= 1

        air.bus._links._connect = connect
        await asyncio.gather(connected(air, PROBE), connected(air, VALVE))


# 7
async def test_where_no_passive_scan_is_offered_the_scan_is_active(capsys):
    async with open_air(GAS, passive=True, experimental=False) as air:
        await air.hear(GAS)
        assert air.bluez.sessions
    assert "passive_scan_refused" in capsys.readouterr().out


# 8
@pytest.mark.parametrize("error", ["le-connection-abort-by-local", "le-connection-failed"])
async def test_a_connection_that_fails_ends_in_time_and_is_tried_again(monkeypatch, error):
    monkeypatch.setattr(radio, "CONNECT_LIMIT_S", 0.2)
    async with open_air(GAS, PROBE) as air:
        air.devices[PROBE].peripheral.connect_error = error
        air.devices[PROBE].peripheral.connect_delay_s = 0.02

        def lost():
            air.speak()
            return air.ear.lost(PROBE)

        await until(lost, what="a failure that is said")
        await air.hear(GAS)
        air.devices[PROBE].peripheral.connect_error = ""
        air.clock.advance(seconds=40)
        await connected(air)


# 9
@pytest.mark.parametrize("passive", [False, True], ids=["active", "passive"])
@pytest.mark.parametrize("how", ["power", "restart", "crash"])
async def test_the_scan_is_begun_anew_when_adapter_or_daemon_were_away(how, passive):
    async with open_air(GAS, passive=passive) as air:
        await air.hear(GAS)
        await start_anew(air, how)
        await air.hear(GAS)
        assert air.bluez.powered
        # A daemon that goes and comes may be seen as two changes; never as one after another without end.
        assert 1 <= air.bus._scan.restarts <= 2
        assert air.bus.state().connected
        assert air.bus.state().last_error, "what went wrong stays to be read"
        assert air.bus.state().last_error_at == air.clock.moment().as_datetime()


@pytest.mark.parametrize("how", ["power", "restart", "crash"])
async def test_a_link_remembered_from_before_is_never_taken_for_one(how):
    async with open_air(PROBE) as air:
        air.devices[PROBE].pinned = {"gas_lel": 3}
        await connected(air)
        began = air.devices[PROBE].peripheral.connections
        await start_anew(air, how)
        air.devices[PROBE].pinned = {"gas_lel": 42}

        def read_anew():
            air.speak()
            air.clock.advance(seconds=0.5)  # a connection that failed is tried again after a pause
            return air.ear.value(PROBE, "gas_lel") == 42

        await until(read_anew, what="read over a new link")
        assert air.devices[PROBE].peripheral.connections > began


@pytest.mark.parametrize(
    "member", ["StartDiscovery", "ReadValue", "Disconnect", "Connect", "StartNotify", "*"]
)
async def test_a_daemon_that_never_answers_stops_nothing(monkeypatch, member):
    async with open_air(GAS, PROBE) as air:
        await air.hear(GAS)
        air.bluez.hanging = {member}
        before = air.bus.attempts
        with monkeypatch.context() as short:  # only while nothing answers: a busy machine takes its time
            for limit in ("SCAN_LIMIT_S", "CONNECT_LIMIT_S", "TRANSACTION_LIMIT_S", "DISCONNECT_LIMIT_S"):
                short.setattr(radio, limit, 0.2)
            short.setattr("edge.drivers.bluezwatch.CALL_LIMIT_S", 0.2)
            air.bluez.set_powered(on=False)
            air.speak()
            await until(lambda: air.bus.attempts > before + 30, what="attempts go on")
            air.bluez.hanging = set()
        await air.hear(GAS, passing_s=1)
        await connected(air)


async def test_a_daemon_that_is_not_there_is_waited_for_and_the_devices_are_lost():
    async with open_air(GAS, running=False) as air:
        await until(lambda: air.bus.attempts > 1, what="attempts")
        assert not air.bus.state().connected
        assert air.bus.state().last_error, "why there is no scan"
        air.clock.advance(seconds=11)
        await until(lambda: air.ear.lost(GAS), what="lost")
        await air.bluez.start()
        await air.hear(GAS, passing_s=1)


async def test_a_scan_that_hears_nothing_is_begun_anew_then_the_adapter_reset_then_people_told(capsys):
    async with open_air(GAS) as air:
        await air.hear(GAS)
        air.bluez.deaf = air.bluez.deaf_until_reset = True
        air.clock.advance(seconds=89)
        air.speak()
        await air.settle()
        assert air.bus._scan.restarts == 0
        air.clock.advance(seconds=1)
        await until(lambda: air.bus._scan.restarts == 1, what="the scan is begun anew after 90 s")
        air.clock.advance(seconds=30)
        await until(lambda: not air.bluez.deaf, what="the adapter is reset after 120 s")
        await until(lambda: air.bus._scan.restarts == 2 and air.bus._scan.scanning, what="and scans")
        assert not air.bus.state().connected
        await air.hear(GAS)
        await until(lambda: air.bus.state().connected, what="sound again")
        air.bluez.deaf = True
        for seconds, remedy in ((90, "restart"), (30, "reset"), (30, "tell")):
            air.clock.advance(seconds=seconds)
            await until(lambda remedy=remedy: air.bus._scan._silence.done == remedy, what=remedy)
            await until(lambda: air.bus._scan.scanning, what="scanning")
        assert not air.bus.state().connected
        assert "nothing was heard on the air for 150 s" in air.bus.state().last_error
    assert "remedy=none" in capsys.readouterr().out


def test_the_remedies_come_in_order_and_the_reset_again_every_five_minutes():
    silence = blescan.Silence(0)
    found = [(t, r) for t in range(0, 800_000, 10_000) if (r := silence.judge(t)) is not blescan.Remedy.NONE]
    assert [(t // 1000, r.value) for t, r in found] == [
        (90, "restart"),
        (120, "reset"),
        (150, "tell"),
        (420, "reset"),
        (720, "reset"),
    ]


async def test_an_adapter_over_which_a_device_answers_is_not_reset(monkeypatch):
    async with open_air(PROBE) as air:
        await connected(air)
        resets = air.bluez.calls.count("Set")
        for _ in range(5):
            air.clock.advance(seconds=30)
            await connected(air)
        assert air.bluez.calls.count("Set") == resets


# --- devices that are connected to -------------------------------------------------------------


async def test_a_probe_is_read_and_tells_changes_by_itself():
    async with open_air(PROBE) as air:
        air.devices[PROBE].pinned = {"gas_lel": 2.5, "temperature_c": 19}
        await connected(air)
        assert air.ear.of(PROBE)[-1].values == (2.5, 19.0)
        air.devices[PROBE].pinned = {"gas_lel": 31, "temperature_c": 19}
        air.speak()
        await until(lambda: air.ear.value(PROBE, "gas_lel") == 31, what="told without being asked")
        assert air.ear.of(PROBE)[-1].values == (31.0, None), "the temperature was not said again"


async def test_a_value_cut_short_is_no_value():
    async with open_air(PROBE) as air:
        air.devices[PROBE].misbehave(BleFault.TRUNCATED)

        def lost():
            air.speak()
            return air.ear.lost(PROBE)

        await until(lost, what="refused")
        assert air.ear.value(PROBE, "gas_lel") is None


async def test_a_valve_is_closed_and_read_back():
    async with open_air(VALVE) as air:
        await connected(air, VALVE)
        await air.bus.act(VALVE, "close_valve")
        assert air.devices[VALVE].closed
        await until(lambda: air.ear.value(VALVE, "valve_closed") == 1, what="read after the write")


async def test_a_valve_that_takes_the_write_and_does_nothing_is_told():
    async with open_air(VALVE) as air:
        await connected(air, VALVE)
        air.devices[VALVE].misbehave(BleFault.DISOBEYS)
        with pytest.raises(ReadBackError):
            await air.bus.act(VALVE, "close_valve")


async def test_a_valve_that_was_never_seen_cannot_be_closed():
    async with open_air(VALVE) as air:
        with pytest.raises(LinkError):
            await air.bus.act(VALVE, "close_valve")


async def test_an_action_overtakes_the_polls_of_a_device(monkeypatch):
    async with open_air(VALVE) as air:
        await connected(air, VALVE)
        air.clock.advance(seconds=61)
        seen = []
        original = gatt.GattSessions._visit

        async def visit(self, session):
            seen.append(session.urgent)
            await original(self, session)

        monkeypatch.setattr(gatt.GattSessions, "_visit", visit)
        await asyncio.gather(*(air.bus.act(VALVE, "close_valve") for _ in range(3)))
        await until(lambda: seen, what="polled afterwards")
        assert set(seen) == {0}


async def test_a_link_that_breaks_under_an_action_is_an_error_that_may_be_tried_again():
    async with open_air(VALVE) as air:
        await connected(air, VALVE)
        air.devices[VALVE].misbehave(BleFault.CONNECT_ERROR)
        with pytest.raises(NoAnswerError):
            await air.bus.act(VALVE, "close_valve")
        air.devices[VALVE].misbehave(BleFault.NONE)
        await air.bus.act(VALVE, "close_valve")
        assert air.devices[VALVE].closed
