"""What a site file may say of Bluetooth devices, each refusal at its place."""

import pytest

from edge.site.siteloader import SiteError, load_site

SITE = """\
gateway: gw-1
server: {host: 127.0.0.1}
buses:
  - {id: air, technique: ble, adapter: hci0}
devices:
  - {id: gas, bus: air, profile: bthome-gas-encrypted, address: "A4:C1:38:00:12:EF", key_file: gas.key}
rules:
  - {id: gas-alarm, type: threshold, devices: [gas], point: gas_alarm, above: 0.5, kind: gas, class: life_safety,
     latching: true}
"""


@pytest.fixture
def problems(tmp_path):
    def read(text):
        path = tmp_path / "site.yaml"
        path.write_text(text)
        try:
            load_site(path)
        except SiteError as error:
            return [(one.line, one.text) for one in error.problems]
        return []

    return read


def test_a_detector_with_its_key_and_a_latching_rule_is_taken(problems):
    assert problems(SITE) == []


def test_a_life_safety_rule_on_a_radio_device_has_to_latch(problems):
    [(line, text)] = problems(SITE.replace("latching: true", "latching: false"))
    assert line == 8
    assert "a person resets it" in text


def test_a_lesser_rule_need_not_latch(problems):
    assert problems(SITE.replace("life_safety", "hazard").replace("latching: true", "latching: false")) == []


def test_a_device_that_speaks_encrypted_needs_its_key(problems):
    [(line, text)] = problems(SITE.replace(", key_file: gas.key", ""))
    assert line == 6
    assert "'key_file'" in text


@pytest.mark.parametrize("address", ["A4:C1:38:00:12", "A4-C1-38-00-12-EF", "A4:C1:38:00:12:EG", "gas"])
def test_an_address_has_six_bytes(problems, address):
    [(line, text)] = problems(SITE.replace("A4:C1:38:00:12:EF", address))
    assert line == 6
    assert address in text


def test_an_address_is_needed(problems):
    [(line, text)] = problems(SITE.replace(', address: "A4:C1:38:00:12:EF"', ""))
    assert line == 6
    assert "'address'" in text


def test_one_adapter_is_one_bus(problems):
    twice = SITE.replace("devices:", "  - {id: air-2, technique: ble, adapter: hci0}\ndevices:", 1)
    found = problems(twice)
    assert [line for line, _ in found] == [5]
    assert "'hci0'" in found[0][1]


def test_an_adapter_is_named_as_the_system_names_it(problems):
    [(line, text)] = problems(SITE.replace("adapter: hci0", "adapter: dongle"))
    assert line == 4
    assert "dongle" in text
