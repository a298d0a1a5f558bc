"""Ports by names that stay, one bus on one port, and interlocks that name what there is."""

import pytest

from edge.drivers.profile import shipped_profiles
from edge.interlocks import build_interlocks
from edge.site.busconfig import ModbusRtuBusSettings
from edge.site.serialports import check_ports, list_stable_names
from edge.site.siteloader import SiteError, load_site

BUSES = """\
gateway: gw-north-07
server: {host: 127.0.0.1}
buses:
  - {id: kitchen, technique: modbus_rtu, device: /dev/serial/by-id/usb-FTDI_A1-if00-port0}
  - {id: cellar, technique: modbus_rtu, device: /dev/serial/by-path/platform-1.2-port0}
  - {id: roof, technique: modbus_rtu_over_tcp, host: 10.0.0.7, port: 4001}
devices:
  - {id: gas, bus: kitchen, unit: 1, profile: honeywell-midas}
  - {id: valve, bus: kitchen, unit: 9, profile: coil-relay}
"""


@pytest.fixture
def check(tmp_path):
    def problems(text):
        path = tmp_path / "site.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            load_site(path)
        except SiteError as error:
            return [(one.line, one.column, one.text) for one in error.problems]
        return []

    return problems


def test_ports_by_names_that_stay_are_good(check):
    assert check(BUSES) == []


@pytest.mark.parametrize("name", ["/dev/ttyUSB0", "/dev/ttyACM3"])
def test_a_port_that_may_be_another_one_tomorrow_is_refused_where_it_stands(check, name):
    ((line, column, text),) = check(BUSES.replace("/dev/serial/by-id/usb-FTDI_A1-if00-port0", name))
    assert (line, column) == (4, 50)
    assert "another port tomorrow" in text
    assert "/dev/serial/by-id" in text


@pytest.mark.parametrize(
    ("other", "line"),
    [
        ("{id: two, technique: modbus_rtu, device: /dev/serial/by-id/usb-FTDI_A1-if00-port0}", 7),
        ("{id: two, technique: modbus_tcp, host: 10.0.0.7, port: 4001}", 7),
    ],
)
def test_several_buses_on_one_port_are_refused_where_the_second_stands(check, other, line):
    ((found, _, text),) = check(BUSES.replace("devices:", f"  - {other}\ndevices:"))
    assert found == line
    assert "one port is one bus" in text


def serial(device, name="b"):
    return ModbusRtuBusSettings(id=name, technique="modbus_rtu", device=str(device))


def test_two_names_of_one_port_are_one_port(tmp_path):
    (tmp_path / "tty").touch()
    (tmp_path / "link").symlink_to(tmp_path / "tty")
    found = list(check_ports([(0, serial(tmp_path / "tty", "a")), (1, serial(tmp_path / "link", "b"))]))
    assert [where for where, _ in found] == [("buses", 1, "device")]


def test_the_name_that_is_suggested_leads_to_the_very_port(tmp_path):
    """Two identical adapters share a name in by-id; it leads to one of them, the other gets its socket's."""
    by_id, by_path = tmp_path / "by-id", tmp_path / "by-path"
    for folder in (by_id, by_path):
        folder.mkdir()
    for port in ("ttyUSB0", "ttyUSB1"):
        (tmp_path / port).touch()
        (by_path / f"socket-{port[-1]}").symlink_to(tmp_path / port)
    (by_id / "usb-twin").symlink_to(tmp_path / "ttyUSB1")
    folders = (by_id, by_path, tmp_path / "absent")
    assert list_stable_names(str(tmp_path / "ttyUSB0"), folders) == [str(by_path / "socket-0")]
    assert list_stable_names(str(tmp_path / "ttyUSB1"), folders) == [
        str(by_id / "usb-twin"),
        str(by_path / "socket-1"),
    ]


def test_the_suggestion_stands_in_the_problem():
    ((_, text),) = check_ports([(0, serial("/dev/ttyUSB0"))], stable_names=lambda _: ["/dev/serial/by-id/x"])
    assert text.endswith("use /dev/serial/by-id/x")


INTERLOCK = (
    "interlocks:\n  - {device: valve, do: close_valve, not_while: {device: gas, point: gas_lel, above: 25}}\n"
)


def test_closing_a_gas_valve_is_never_held_up(check):
    ((line, column, text),) = check(BUSES + INTERLOCK)
    assert (line, column) == (11, 25)
    assert "never held up" in text


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        ("device: valve", "device: valv", "did you mean 'valve'"),
        ("do: close_valve", "do: start_fan", "allowed close_valve"),
        ("device: gas,", "device: gass,", "did you mean 'gas'"),
        ("point: gas_lel", "point: gas_lol", "did you mean 'gas_lel'"),
        (", above: 25", "", "exactly one of above and below"),
    ],
)
def test_an_interlock_names_what_there_is(check, found, instead, said):
    texts = [text for _, _, text in check(BUSES + INTERLOCK.replace(found, instead))]
    assert any(said in text for text in texts), texts


def test_an_interlock_knows_how_old_a_value_may_be(tmp_path):
    path = tmp_path / "site.yaml"
    text = BUSES.replace("profile: coil-relay", "profile: fan-relay")
    path.write_text(text + INTERLOCK.replace("close_valve", "start_fan"), encoding="utf-8")
    (lock,) = build_interlocks(load_site(path).settings, shipped_profiles())[("valve", "start_fan")]
    assert (lock.device, lock.point, lock.above, lock.max_age_ms) == ("gas", "gas_lel", 25.0, 30_000)
