"""`diag`: an archive that explains a gateway and holds none of the secrets that were planted everywhere."""

import asyncio
import base64
import json
import zipfile

import pytest
from typer.testing import CliRunner

from edge.cli import app
from edge.tools.redaction import MARK, Redactor
from edge.watch.localdoor import LocalDoor
from tests.harness.waiting import until

BROKER = "kx-broker-7f31"
STATION = "998877"
BLE_KEY = "231d39c1d7cc1ab1aee224cd096db932"
TLS_KEY = "MHcCAQEEIPlantedTlsKeyMaterial0123456789"
ENVIRON = "env-token-51c9"
INLINE = "inline-pass-88"
IN_URL = "url-pass-4d2e"
OLD = "older-pass-19aa"
PLANTED = (BROKER, STATION, BLE_KEY, TLS_KEY, ENVIRON, INLINE, IN_URL, OLD)

SITE = f"""\
gateway: gw-north-07
# once: mqtt://gw:{IN_URL}@10.0.0.1 and password: {OLD}
server: {{host: 127.0.0.1, username: gw, password_file: broker.password}}
buses:
  - {{id: air, technique: ble}}
  - {{id: river, technique: hj212}}
devices:
  - {{id: smoke, bus: air, address: "54:48:E6:8F:80:A5", key_file: smoke.key, profile: xiaomi-jtyjgd03mi}}
  - {{id: station, bus: river, address: 010000A8900016F000169DC0, profile: river-station-hj212, password_file: pw}}
"""


@pytest.fixture
def path(tmp_path, monkeypatch):
    secrets = {
        "broker.password": BROKER,
        "pw": STATION,
        "smoke.key": BLE_KEY,
        "tls.key": f"-----BEGIN EC PRIVATE KEY-----\n{TLS_KEY}\n-----END EC PRIVATE KEY-----\n",
    }
    for name, text in secrets.items():
        (tmp_path / name).write_text(text + "\n")
    monkeypatch.setenv("SOME_API_TOKEN", ENVIRON)
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    (tmp_path / "site.yaml.last-good").write_text(
        f"gateway: gw-1\nserver: {{password: {INLINE}, tls: {{key: tls.key}}}}\n"
    )
    (tmp_path / "state").mkdir()
    return file


def leaky_answers():
    """What a gateway might say if it were careless."""
    return {
        "status": lambda: {
            "config": {"rejected": f"password: {INLINE}", "hash": "x"},
            "note": f"https://u:{IN_URL}@host/ {TLS_KEY}",
        },
        "values": lambda: [{"label": f"after {BROKER} came", "points": []}],
        "alarms": lambda: [{"raw": f"QN=1;ST=21;CN=2011;PW={STATION};MN=1"}],
        "buses": lambda: [{"bus": "river", "connected": True, "devices": 1, "silent": [], "secret": ENVIRON}],
        "metrics": lambda: {
            "connected": True,
            "header": f"Authorization: Bearer {ENVIRON}-longer",
            "hex": BLE_KEY,
            "packed": base64.b64encode(BROKER.encode()).decode(),
        },
    }


async def test_planted_secrets_are_nowhere_in_the_archive(path, tmp_path):
    door = asyncio.create_task(LocalDoor(tmp_path / "state", leaky_answers()).run())
    await until((tmp_path / "state" / "door.sock").exists, what="the door is open")
    target = tmp_path / "diag.zip"
    done = await asyncio.to_thread(
        lambda: CliRunner().invoke(app, ["diag", str(path), "--output", str(target)])
    )
    door.cancel()
    await asyncio.wait([door])
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(target) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {"site.yaml", "site.yaml.last-good", "gateway/metrics.json", "doctor.json", "machine.txt"} <= set(
        texts
    )
    for name, text in texts.items():
        for secret in PLANTED:
            assert secret not in text, (name, secret)
        assert base64.b64encode(BROKER.encode()).decode().rstrip("=") not in text, name
    assert MARK in texts["site.yaml"]
    assert target.stat().st_mode & 0o077 == 0
    # What explains the gateway is still there.
    assert "password_file: broker.password" in texts["site.yaml"]
    assert json.loads(texts["gateway/buses.json"])[0]["bus"] == "river"
    assert all(name in texts["README.txt"] for name in texts if name != "README.txt")
    assert not any(name.endswith((".db", ".key")) for name in texts)


def test_a_site_file_that_cannot_be_used_still_gives_an_archive(path, tmp_path):
    path.write_text(f"gateway: [\npassword: {INLINE}\nnote: {BROKER}\npassword_file: broker.password\n")
    target = tmp_path / "diag.zip"
    assert CliRunner().invoke(app, ["diag", str(path), "-o", str(target)]).exit_code == 0
    with zipfile.ZipFile(target) as archive:
        assert "site_problems" in archive.read("doctor.json").decode()
        text = archive.read("site.yaml").decode()
    assert INLINE not in text
    assert BROKER not in text


def test_an_archive_that_cannot_be_written_is_said(path, tmp_path):
    done = CliRunner().invoke(app, ["diag", str(path), "-o", str(tmp_path / "no" / "diag.zip")])
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "password: tiger7",
        "password=tiger7",
        '"password": "tiger7"',
        "'mqtt_password': 'tiger7'",
        "GRIDWARDEN_API_TOKEN=tiger7",
        "PW=tiger7;MN=1",
        "https://user:tiger7@example.org/x",
        "https://example.org/hook?access_token=tiger7&x=1",
        "Authorization: Bearer tiger7tiger7",
        "-----BEGIN PRIVATE KEY-----\ntiger7\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\ntiger7 and cut off",
        "secret = tiger7",
    ],
)
def test_secrets_that_nobody_told_us_of_are_taken_out_by_key_or_shape(text):
    assert "tiger7" not in Redactor([]).redact(text)


@pytest.mark.parametrize(
    "text", ["password_file: /etc/x", "code_path: 7", "unit: 1", "key_file: a.key", "monkey: 3"]
)
def test_what_is_no_secret_stays(text):
    assert Redactor([]).redact(text) == text
