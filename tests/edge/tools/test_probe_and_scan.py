"""`probe` and `scan` against simulated devices on real sockets and a pseudo-terminal."""

import asyncio
import fcntl
import json

import pytest

from edge.clock import ManualClock
from edge.drivers.modbusprofile import ModbusProfile
from edge.drivers.profile import shipped_profiles
from edge.drivers.transports import TcpTransport
from edge.frametext import describe_frame, serial_check
from edge.model import Snapshot
from edge.site.siteloader import load_site
from edge.tools import probeshow, scanshow
from edge.tools.occupancy import port_users
from edge.tools.scanning import (
    ScanPlan,
    estimate_s,
    read_identity,
    scan_modbus,
    serial_candidates,
    site_fragment,
)
from edge.watch.answers import Answers, KnownDevice
from edge.watch.localdoor import LocalDoor
from firmware_sim.devices.modbus import FaultKind
from tests.harness.waiting import until
from tests.sim.bus import TRUE_VALUES, simulated_bus

SITE = """\
gateway: gw-north-07
server: {{host: 127.0.0.1}}
buses:
  - {{id: kitchen, technique: modbus_tcp, host: 127.0.0.1, port: {port}, timeout_s: 0.3}}
  - {{id: river, technique: hj212, host: 127.0.0.1, port: 0}}
devices:
  - {{id: gas, bus: kitchen, unit: 1, profile: honeywell-midas}}
  - {{id: meter, bus: kitchen, unit: 2, profile: eastron-sdm120}}
  - {{id: station, bus: river, address: 010000A8900016F000169DC0, profile: river-station-hj212}}
"""


class Heard:
    def __init__(self):
        self.lines, self.notes = [], []

    def probe(self, site, **options):
        wanted = {
            "device": None,
            "bus": "kitchen",
            "listen_s": 0.2,
            "frames": True,
            "as_json": False,
            **options,
        }
        return probeshow.run_probe(site, **wanted, say=self.lines.append, note=self.notes.append)

    @property
    def text(self):
        return "\n".join(self.lines)


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
async def kitchen():
    async with simulated_bus("honeywell-midas", "eastron-sdm120") as bus:
        yield bus


@pytest.fixture
def site(tmp_path, kitchen):
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(port=kitchen.server.port))
    (tmp_path / "state").mkdir()
    return load_site(path)


async def test_values_and_frames_of_every_device_are_shown(site, heard):
    assert await asyncio.to_thread(heard.probe, site) == probeshow.ALL_SPOKE
    assert "gas on kitchen" in heard.text
    assert "gas_lel" in heard.text
    assert "12.5 %{LEL}" in heard.text
    assert "read holding registers 0 to 8" in heard.text
    assert "voltage_v" in heard.text
    assert heard.notes == []


async def test_a_silent_device_is_named_and_the_others_are_shown(site, heard, kitchen):
    kitchen.misbehave(1, FaultKind.MUTE)
    assert await asyncio.to_thread(heard.probe, site) == probeshow.SOME_SILENT
    assert "gas on kitchen: " in heard.text
    assert "229.5 V" in heard.text


async def test_one_device_as_json(site, heard):
    assert await asyncio.to_thread(lambda: heard.probe(site, device="gas", as_json=True)) == 0
    ((answer,),) = [json.loads(text) for text in heard.lines]
    assert answer["device"] == "gas"
    assert {"point": "gas_lel", "unit": "%{LEL}", "value": 12.5, "quality": "good"} in answer["points"]
    assert any(frame.startswith("-> ") for frame in answer["frames"])


async def test_a_station_that_does_not_call_is_said_to_be_silent(site, heard):
    assert await asyncio.to_thread(lambda: heard.probe(site, bus="river")) == probeshow.SOME_SILENT
    assert "said nothing for 0.2 s" in heard.text


async def test_an_unknown_device_is_refused_with_the_known_ones(site, heard):
    assert heard.probe(site, device="gsa", bus=None) == probeshow.NO_SUCH_DEVICE
    assert "gas, meter, station" in heard.notes[0]


async def test_a_running_gateway_is_asked_and_its_lines_are_left_alone(site, heard, kitchen, tmp_path):
    clock = ManualClock()
    points = shipped_profiles()["honeywell-midas"].named_points
    snapshot = Snapshot(device="gas", points=points, values=(7.5,) * len(points), at=clock.moment())
    clock.advance(seconds=3)
    answers = Answers(
        clock=clock,
        devices=[KnownDevice(id="gas", label="", bus="kitchen", profile="honeywell-midas")],
        status=dict,
        latest={"gas": snapshot},
        alarms=dict,
        workers={},
        measures=dict,
    )
    door = asyncio.create_task(LocalDoor(tmp_path / "state", answers.questions).run())
    await until((tmp_path / "state" / "door.sock").exists, what="the door is open")
    before = kitchen.driver.link.transactions
    assert await asyncio.to_thread(lambda: heard.probe(site, device="gas")) == probeshow.ALL_SPOKE
    assert "nothing was sent on its lines" in heard.notes[-1]
    assert "3.0 s ago" in heard.text
    assert "7.5 %{LEL}" in heard.text
    assert kitchen.driver.link.transactions == before
    assert await asyncio.to_thread(heard.probe, site) == probeshow.SOME_SILENT  # the meter was never heard
    door.cancel()
    await asyncio.wait([door])


async def test_a_gateway_whose_door_is_shut_still_keeps_its_lines(site, heard, tmp_path):
    with (tmp_path / "state" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert heard.probe(site) == probeshow.OCCUPIED
    assert "a gateway runs" in heard.notes[0]
    assert heard.lines == []


def test_frames_are_put_into_words():
    question = bytes.fromhex("010300020002")
    sealed = question + serial_check(question).to_bytes(2, "little")
    assert sealed.hex() == "01030002000265cb"  # the well-known example's check
    assert "read holding registers 2 to 3" in describe_frame(sealed, tcp=False, sent=True)
    assert "check does not fit" in describe_frame(sealed[:-1] + b"\0", tcp=False, sent=True)
    assert "illegal data address" in describe_frame(bytes.fromhex("018302c0f1"), tcp=False, sent=False)
    assert "unit 9: write coil 5" in describe_frame(
        bytes.fromhex("000100000006090500 05ff00"), tcp=True, sent=True
    )
    for size in range(12):
        for tcp in (True, False):
            for sent in (True, False):
                assert describe_frame(bytes(size), tcp=tcp, sent=sent)


def test_a_units_own_name_is_read_from_its_identification():
    answer = bytes.fromhex("2b0e010100000200") + b"\x07Eastron" + b"\x01\x06SDM120"
    assert read_identity(answer) == "Eastron SDM120"
    assert read_identity(answer[:12]) == "Eas"
    assert read_identity(b"\xab\x01") == ""


async def test_units_are_found_and_their_models_guessed(kitchen):
    plan = scanshow.plan_scan(
        f"127.0.0.1:{kitchen.server.port}",
        rtu=False,
        units="1-4",
        bauds="9600",
        parities="none",
        timeout_s=0.1,
        pause_s=0,
        thorough=False,
    )
    steps = []
    found = await scan_modbus(plan, steps.append)
    assert [one.unit for one in found] == [1, 2]
    assert [one.matches[0].model for one in found] == ["honeywell-midas", "eastron-sdm120"]
    assert len(steps) == plan.steps == 4
    fragment = site_fragment(found)
    assert "unit: 2, profile: eastron-sdm120" in fragment
    assert "technique: modbus_tcp" in fragment


async def test_what_scan_prints_can_be_pasted_into_a_site_file(kitchen, tmp_path):
    plan = ScanPlan(
        transports=(TcpTransport(host="127.0.0.1", port=kitchen.server.port),),
        units=(1, 2),
        timeout_s=0.2,
        pause_s=0,
    )
    lines, notes = [], []
    code = await asyncio.to_thread(
        lambda: scanshow.run_scan(plan, as_json=False, say=lines.append, note=notes.append)
    )
    assert code == scanshow.FOUND
    path = tmp_path / "site.yaml"
    path.write_text("gateway: gw-1\nserver: {host: 127.0.0.1}\n" + "\n".join(lines) + "\n")
    assert [device.profile for device in load_site(path).settings.devices] == [
        "honeywell-midas",
        "eastron-sdm120",
    ]


async def test_a_serial_line_is_searched_in_every_speed_and_left_when_in_use(tmp_path):
    async with simulated_bus("eastron-sdm120", technique="serial") as bus:
        await bus.driver.close()
        transports = serial_candidates(bus.server.device, (9600, 19200), ("none",))
        plan = ScanPlan(transports=transports, units=(1, 2), timeout_s=0.2, pause_s=0)
        found = await scan_modbus(plan, lambda _: None)
        assert [(one.unit, one.matches[0].model) for one in found] == [(1, "eastron-sdm120")]
        assert port_users(bus.server.device) == []  # this process itself does not count
        assert "baud: 9600" in site_fragment(found)


async def test_a_mute_line_says_what_to_look_at():
    async with simulated_bus("eastron-sdm120") as bus:
        bus.misbehave(1, FaultKind.MUTE)
        transports = (TcpTransport(host="127.0.0.1", port=bus.server.port),)
        plan = ScanPlan(transports=transports, units=(1,), timeout_s=0.1, pause_s=0, functions=(3, 4, 1))
        lines, notes = [], []
        code = await asyncio.to_thread(
            lambda: scanshow.run_scan(plan, as_json=False, say=lines.append, note=notes.append)
        )
    assert code == scanshow.NOTHING
    assert lines == []
    assert estimate_s(plan) == 1
    assert "check wiring" in notes[-1]


@pytest.mark.parametrize(
    ("option", "wrong"),
    [("units", "0"), ("units", "5-1"), ("units", "x"), ("bauds", "9601"), ("parities", "maybe")],
)
def test_wrong_options_say_what_is_allowed(option, wrong):
    options = {"rtu": False, "units": "1", "bauds": "9600", "parities": "none", "thorough": False}
    with pytest.raises(ValueError, match="allowed"):
        scanshow.plan_scan("/dev/ttyS0", **{**options, option: wrong}, timeout_s=0.1, pause_s=0)


@pytest.mark.parametrize(
    "model",
    [
        name
        for name, profile in sorted(shipped_profiles().items())
        if isinstance(profile, ModbusProfile)
        and name in TRUE_VALUES
        and len(profile.points) > 2
        and not profile.start
    ],
)
async def test_every_map_of_some_size_is_recognised_among_the_first_three(model):
    async with simulated_bus(model) as bus:
        transports = (TcpTransport(host="127.0.0.1", port=bus.server.port),)
        plan = ScanPlan(transports=transports, units=(1,), timeout_s=0.3, pause_s=0)
        (found,) = await scan_modbus(plan, lambda _: None)
    assert model in [match.model for match in found.matches[:3]], found.matches[:5]
