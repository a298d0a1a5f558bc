"""A site file: every mistake at once, each where it stands, with what is allowed there."""

import pytest

from edge.site.siteloader import SiteError, load_site, site_schema

GOOD = """\
version: "1"
gateway: gw-north-07
server: {host: 127.0.0.1, port: 1883}
buses:
  - {id: kitchen, technique: modbus_tcp, host: 127.0.0.1, port: 502}
devices:
  - {id: gas-kitchen, bus: kitchen, unit: 1, profile: honeywell-midas, label: 探测器}
  - {id: valve, bus: kitchen, unit: 9, profile: coil-relay}
rules:
  - id: gas-high
    type: threshold
    devices: [gas-kitchen]
    point: gas_lel
    above: 25
    kind: gas
    class: life_safety
    actions: [{do: close_valve, device: valve}]
"""


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "site.yaml"

    def write(text):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def problems(path):
    with pytest.raises(SiteError) as refusal:
        load_site(path)
    return [(one.line, one.column, one.text) for one in refusal.value.problems]


def test_a_good_file_is_taken_whole(site):
    loaded = load_site(site(GOOD))
    assert loaded.settings.gateway == "gw-north-07"
    assert loaded.settings.rules[0].above == 25.0
    assert len(loaded.hash) == 64


@pytest.mark.parametrize(
    ("found", "instead", "line", "said"),
    [
        ("gateway: gw-north-07", "gateway: GW North", 2, "GW North"),
        ("port: 1883", "port: 70000", 3, "70000"),
        ("port: 1883", "prot: 1883", 3, "did you mean 'port'"),
        ("technique: modbus_tcp", "technique: carrier-pigeon", 5, "carrier-pigeon"),
        ("bus: kitchen, unit: 1", "bus: kichen, unit: 1", 7, "did you mean 'kitchen'"),
        ("unit: 1,", "unit: one,", 7, "one"),
        ("honeywell-midas", "honeywell-midos", 7, "did you mean 'honeywell-midas'"),
        ("id: valve,", "id: gas-kitchen,", 8, "a second time"),
        ("unit: 9", "unit: 1", 8, "two profiles"),
        ("type: threshold", "type: hunch", 11, "hunch"),
        ("devices: [gas-kitchen]", "devices: [gas-kitchn]", 12, "did you mean 'gas-kitchen'"),
        ("devices: [gas-kitchen]", "devices: []", 12, "at least 1"),
        ("point: gas_lel", "point: gas_lle", 13, "did you mean 'gas_lel'"),
        ("above: 25", "above: high", 14, "a number"),
        ("kind: gas", "kind: smell", 15, "smell"),
        ("class: life_safety", "class: urgent", 16, "urgent"),
        ("do: close_valve", "do: open_valve", 17, "open_valve"),
        ("device: valve", "device: vlave", 17, "did you mean 'valve'"),
    ],
)
def test_a_mistake_is_said_where_it_stands(site, found, instead, line, said):
    assert found in GOOD
    found_problems = problems(site(GOOD.replace(found, instead, 1)))
    assert any(at == line and said in text for at, _, text in found_problems), found_problems


def test_all_mistakes_are_said_at_once(site):
    text = GOOD
    for found, instead in (
        ("port: 1883", "port: 70000"),
        ("bus: kitchen, unit: 1", "bus: kichen, unit: 1"),
        ("above: 25", "above: high"),
        ("device: valve", "device: vlave"),
        ("kind: gas", "kind: smell"),
    ):
        text = text.replace(found, instead, 1)
    lines = {line for line, _, _ in problems(site(text))}
    assert {3, 7, 14, 15} <= lines


SERIAL = "{id: kitchen, technique: modbus_rtu, device: /dev/serial/by-id/usb-1, baud: 9600, parity: even}"
TCP = "{id: kitchen, technique: modbus_tcp, host: 127.0.0.1, port: 502}"


@pytest.mark.parametrize(
    "bus", [SERIAL, "{id: kitchen, technique: modbus_rtu_over_tcp, host: 10.0.0.9, port: 4196}"]
)
def test_a_bus_may_be_a_serial_line(site, bus):
    assert load_site(site(GOOD.replace(TCP, bus))).settings.buses[0].id == "kitchen"


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        ("baud: 9600", "baud: 9601", "9601"),
        ("parity: even", "parity: perhaps", "perhaps"),
        ("device: /dev/serial/by-id/usb-1", "device: COM1", "COM1"),
        ("device: /dev/serial/by-id/usb-1", "host: 127.0.0.1", "'device'"),
        ("baud: 9600", "baudrate: 9600", "did you mean 'baud'"),
        ("technique: modbus_rtu, ", "", "'technique'"),
        ("technique: modbus_rtu,", "technique: modbus_rtuu,", "modbus_rtu_over_tcp"),
    ],
)
def test_a_mistake_in_a_serial_line_is_said_where_it_stands(site, found, instead, said):
    broken = problems(site(GOOD.replace(TCP, SERIAL.replace(found, instead, 1))))
    assert any(line == 5 and said in text for line, _, text in broken), broken


def test_a_limit_is_needed_and_two_mean_outside_of_them(site):
    assert any("neither" in text for _, _, text in problems(site(GOOD.replace("    above: 25\n", ""))))
    both = GOOD.replace("    above: 25\n", "    above: 25\n    below: 3\n")
    assert load_site(site(both)).settings.rules[0].below == 3
    crossed = GOOD.replace("    above: 25\n", "    above: 3\n    below: 25\n")
    assert any("outside" in text for _, _, text in problems(site(crossed)))


@pytest.mark.parametrize(
    "rubbish",
    [b"", b"\xff\xfe\x00", b"- just\n- a list\n", b"a: [unclosed", b"a: 1\na: 2\n", b"\tx: 1\n", b"42"],
)
def test_rubbish_is_refused_with_a_place(site, rubbish):
    ((line, column, text), *_) = problems(site(rubbish))
    assert line >= 1
    assert column >= 1
    assert text


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SiteError, match=r"nothing-here\.yaml"):
        load_site(tmp_path / "nothing-here.yaml")


def test_the_schema_for_editors_knows_every_section():
    schema = site_schema()
    assert {"gateway", "server", "buses", "devices", "rules"} <= set(schema["properties"])
