"""Readings and alarms of played gateways: of registered devices, and never two of the same moment."""

from datetime import UTC, datetime
from random import Random

import pytest
from typer.testing import CliRunner

from firmware_sim.cli import app
from firmware_sim.load.run import Outage
from firmware_sim.load.traffic import MEASURED, PlayedDevices, StreetFilesError, raised, read_devices
from firmware_sim.street.counts import SIZES
from firmware_sim.street.writing import write_street
from server.places.importer import SAMPLE_STREET
from tests.sim.street.files import read_rows
from wire import codec
from wire.vocabulary import AlarmClass

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("street")
    write_street(made, SIZES["small"], 1)
    return made


def test_every_gateway_of_a_generated_street_has_something_to_say_and_to_alarm(folder):
    devices = read_devices(folder)
    registered = {(row["gateway"], row["device"]): row for row in read_rows(folder, "devices")}
    assert set(devices) == {row["gateway"] for row in read_rows(folder, "gateways")}
    for gateway, played in devices.items():
        assert played.speaking
        assert played.alarming
        for device, measured in played.alarming:
            assert registered[gateway, device]["kind"] == measured.kind.value


def test_the_servers_own_sample_street_can_be_played(tmp_path):
    assert list(read_devices(SAMPLE_STREET)) == ["gw-demo-01"]
    with pytest.raises(StreetFilesError, match=r"gateways\.csv"):
        read_devices(tmp_path)


def test_no_two_readings_of_a_series_are_of_the_same_moment():
    played = PlayedDevices()
    for number in range(3):
        played.add(f"d{number}", "acrel-asj")
    played.add("valve", "coil-relay")
    seen = set()
    for _ in range(4):
        batch = played.measure(8, NOW, Random(1))
        decoded = codec.decode_readings_batch(codec.as_raw(batch))
        for index, offset in zip(decoded.s, decoded.offset_ms, strict=True):
            at_ms = round(decoded.start.timestamp() * 1000) + offset
            assert (decoded.series[index].device, at_ms) not in seen
            seen.add((decoded.series[index].device, at_ms))
    assert len(seen) == 32


def test_an_alarm_says_what_was_measured_and_which_limit_it_crossed():
    for model, measured in MEASURED.items():
        if measured.limit is None:
            continue
        state = raised("a1", "d1", measured, NOW)
        assert state.value != state.limit, model
        assert state.latched is (state.class_ is AlarmClass.LIFE_SAFETY)
        assert not state.cleared


@pytest.mark.parametrize("text", ["", "20", "20+10", "20+10:2", "20+0:0.5", "-1+5:0.5", "a+b:c", "1+2:0"])
def test_an_outage_that_is_not_one_is_refused(text):
    with pytest.raises(ValueError, match="as an outage"):
        Outage.parse(text)
    assert Outage.parse("20+10:0.5") == Outage(at_s=20, for_s=10, share=0.5)


def test_what_cannot_be_played_is_said_before_anything_is_sent(tmp_path, folder):
    nothing = CliRunner().invoke(app, ["load", str(tmp_path)])
    assert nothing.exit_code == 2
    assert "gateways.csv" in nothing.output
    odd = CliRunner().invoke(app, ["load", str(folder), "--outage", "sometimes"])
    assert odd.exit_code == 2
    assert "AT+FOR:SHARE" in odd.output
