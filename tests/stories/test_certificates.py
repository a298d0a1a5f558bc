"""TLS to the broker with a client certificate: a real Mosquitto that lets nobody in without one."""

import datetime as dt
import getpass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from firmware_sim.demo.brokers import find_mosquitto
from firmware_sim.demo.children import Child, command_of
from firmware_sim.demo.ports import pick_port

pytestmark = pytest.mark.story

SITE = """\
gateway: gw-north-07
server: {{host: localhost, port: {port}, tls: {{ca: ca.pem, certificate: own.pem, key: own.key}}}}
buses:
  - {{id: kitchen, technique: modbus_tcp, host: 127.0.0.1, port: 1}}
devices:
  - {{id: gas, bus: kitchen, profile: honeywell-midas, contact: {{after_s: 1}}}}
"""
BROKER = """\
listener {port} 127.0.0.1
user {user}
cafile {folder}/ca.pem
certfile {folder}/broker.pem
keyfile {folder}/broker.key
require_certificate true
use_identity_as_username true
log_dest none
"""


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} of a test")])
        self.write(name, self.name, self.key, ca=True)

    def write(self, file, name, key, *, ca=False, days=30):
        now = dt.datetime.now(dt.UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=60))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        (self.folder / f"{file}.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
        (self.folder / f"{file}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def issue(self, file, common_name, **more):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        self.write(file, name, ec.generate_private_key(ec.SECP256R1()), **more)


@pytest.fixture
async def world(tmp_path):
    """A broker that demands certificates, and how to start a gateway beside it."""
    authority = Authority(tmp_path)
    authority.issue("broker", "localhost")
    port = pick_port()
    config = tmp_path / "broker.conf"
    config.write_text(BROKER.format(port=port, user=getpass.getuser(), folder=tmp_path))
    (tmp_path / "site.yaml").write_text(SITE.format(port=port))
    (tmp_path / "clock").write_text("0")
    children = [await Child.start("mosquitto", [find_mosquitto(), "-c", str(config)])]

    async def run(*arguments):
        child = await Child.start(
            "gateway",
            [*command_of("gridwarden-edge"), *arguments, str(tmp_path / "site.yaml")],
            env={"GRIDWARDEN_TEST_CLOCK": str(tmp_path / "clock")},
            cwd=tmp_path,
        )
        children.append(child)
        return child

    yield authority, run
    for child in reversed(children):
        await child.stop()


async def test_a_gateway_shows_its_certificate_and_takes_a_renewed_one_without_a_restart(world):
    authority, run = world
    authority.issue("own", "gw-north-07")
    gateway = await run("run")
    await gateway.ready("link_up")
    before = len(gateway.lines)
    authority.issue("own", "gw-north-07", days=90)
    await gateway.wait_for(lambda line: line.get("event") == "files_renewed", since=before)
    await gateway.wait_for(lambda line: line.get("event") == "link_up", since=before)


async def test_with_a_strangers_certificate_the_log_says_why_and_the_alarm_is_kept(world, tmp_path):
    authority, run = world
    (tmp_path / "elsewhere").mkdir()
    stranger = Authority(tmp_path / "elsewhere")
    stranger.issue("own", "gw-north-07")
    for file in ("own.pem", "own.key"):
        (tmp_path / file).write_bytes((tmp_path / "elsewhere" / file).read_bytes())
    gateway = await run("run")
    lost = await gateway.ready("link_lost")
    assert lost["error"]
    await gateway.ready("alarm_journalled")
    assert not any(line.get("event") == "link_up" for line in gateway.lines)
    authority.issue("own", "gw-north-07")
    await gateway.ready("link_up")


async def test_an_expired_or_missing_certificate_is_named_with_its_place_and_stops_no_alarm(world, tmp_path):
    authority, run = world
    authority.issue("own", "gw-north-07", days=-1)
    said = await run("check")
    await said.process.wait()
    await said.stop()
    assert said.process.returncode == 1
    assert any("site.yaml:2:" in line and "expired on" in line for line in said.raw), said.raw
    (tmp_path / "own.pem").unlink()
    gateway = await run("run")
    unusable = await gateway.ready("config_file_unusable")
    assert "own.pem" in unusable["problem"]
    lost = await gateway.ready("link_lost")
    assert "own.pem" in lost["error"]
    await gateway.ready("alarm_journalled")
