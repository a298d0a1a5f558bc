"""Addresses of devices that speak by themselves: each technique's form, said at its place."""

import pytest

from edge.site.siteloader import SiteError, load_site

SITE = """\
gateway: gw-1
server: {{host: 127.0.0.1}}
buses:
  - {{id: bus, technique: {technique}}}
devices:
  - {{id: device, bus: bus, profile: {profile}, address: "{address}"}}
"""
GOOD = [
    ("hj212", "river-station-hj212", "010000A8900016F000169DC0"),
    ("gb26875", "gb26875-transmitter", "0x0D80"),
    ("gb26875", "gb26875-fire-panel", "3456/1.1"),
    ("gb26875", "gb26875-gas-detector", "3456/1.1/11.65539"),
    ("mqtt", "zigbee2mqtt-gas", "zigbee2mqtt/厨房"),
]
WRONG = [
    ("hj212", "river-station-hj212", "an MN with blanks", "an MN"),
    ("gb26875", "gb26875-transmitter", "3456/1.1", "a transmitter such as"),
    ("gb26875", "gb26875-fire-panel", "3456", "system type"),
    ("gb26875", "gb26875-gas-detector", "3456/1.1/11", "component type"),
    ("gb26875", "gb26875-gas-detector", "3456/1.999/11.1", "component type"),
    ("mqtt", "zigbee2mqtt-gas", "zigbee2mqtt/#", "without #"),
]


@pytest.mark.parametrize(("technique", "profile", "address"), GOOD)
def test_an_address_of_its_technique_is_taken(tmp_path, technique, profile, address):
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(technique=technique, profile=profile, address=address), encoding="utf-8")
    assert load_site(path).settings.devices[0].address == address


@pytest.mark.parametrize(("technique", "profile", "address", "allowed"), WRONG)
def test_another_is_named_at_its_place(tmp_path, technique, profile, address, allowed):
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(technique=technique, profile=profile, address=address), encoding="utf-8")
    with pytest.raises(SiteError) as refusal:
        load_site(path)
    (problem,) = refusal.value.problems
    assert problem.line == 6
    assert address in problem.text
    assert allowed in problem.text
