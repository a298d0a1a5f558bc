"""`scan ble`: what advertisements say, which models may say it, and lines to paste."""

import pytest
import structlog
from typer.testing import CliRunner

from edge.cli import app
from edge.drivers.adverts import BTHOME_UUID
from edge.tools import scanningble
from edge.tools.scanningble import ble_fragment, take_sighting
from tests.edge.drivers.test_adverts import GAS, SEALED

ADDRESS = "54:48:E6:8F:80:A5"


@pytest.fixture(autouse=True)
def own_logs():
    """A command sends logs beside its results, for its whole process."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def found():
    return {}


def test_a_gas_sensor_is_read_and_its_model_suggested(found):
    take_sighting(found, ADDRESS, {BTHOME_UUID: GAS, "0000180f-0000-1000-8000-00805f9b34fb": b"x"})
    (sensor,) = found.values()
    assert sensor.values["gas_alarm"] == 1
    assert "bthome-gas" in sensor.models
    assert "bthome-gas-encrypted" not in sensor.models
    assert f'address: "{ADDRESS}"' in ble_fragment("hci0", [sensor])


def test_a_sealed_one_asks_for_its_key(found):
    take_sighting(found, ADDRESS, {BTHOME_UUID: SEALED})
    (sensor,) = found.values()
    assert sensor.values == {}
    assert "no key" in sensor.remark
    assert sensor.models == ("bthome-gas-encrypted",)
    assert "key_file: sensor-1.key" in ble_fragment("hci0", [sensor])


def test_noise_is_remarked_and_others_are_left_out(found):
    take_sighting(found, ADDRESS, {BTHOME_UUID: b"\x00"})
    take_sighting(found, "00:00:00:00:00:01", {"0000180f-0000-1000-8000-00805f9b34fb": b"x"})
    (sensor,) = found.values()
    assert sensor.remark


def test_no_radio_is_said(monkeypatch):
    class NoRadio:
        def __init__(self, *_):
            pass

        async def start_scan(self, *, passive):
            assert not passive
            raise scanningble_error

    from edge.errors import LinkError

    scanningble_error = LinkError("hci0: no adapter")
    monkeypatch.setattr(scanningble, "Radio", NoRadio)
    said = CliRunner().invoke(app, ["scan", "ble"])
    assert said.exit_code == 2
    assert "no adapter" in said.stderr
