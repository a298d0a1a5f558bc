"""Secrets of docker-compose.yml: made once, and real: Mosquitto takes them, and its ACL goes by the certificate."""

import asyncio
import base64
import getpass
import ssl
import stat
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiomqtt
import pytest
from standardwebhooks import Webhook

from firmware_sim.demo.brokers import find_mosquitto
from firmware_sim.demo.ports import pick_port
from server.config import Settings
from tests.harness.composed import ROOT, make_secrets
from tests.harness.waiting import listens, until

GATEWAYS = ("gw-demo-01", "gw-demo-02")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    make_secrets(folder, *GATEWAYS)
    return folder


def test_they_are_made_once_and_kept(secrets):
    before = {path: path.read_bytes() for path in secrets.glob("*") if path.is_file()}
    make_secrets(secrets, *GATEWAYS)
    assert {path: path.read_bytes() for path in secrets.glob("*") if path.is_file()} == before
    random = ("postgres.password", "metrics.token", "influx.token", "grafana.password", "page.code")
    for name in random:
        assert len(before[secrets / name].strip()) == 64
    assert len({before[secrets / name] for name in random}) == len(random)


def test_the_secret_of_the_webhooks_is_one_that_server_and_phones_take(secrets):
    texts = {(secrets / f"for-{who}/webhook.secret").read_text() for who in ("server", "phones")}
    assert len(texts) == 1
    settings = Settings(webhook_secret_file=secrets / "for-server/webhook.secret")
    key = settings.webhook_key()
    assert len(base64.b64decode(key.removeprefix("whsec_"), validate=True)) == 32
    Webhook(key).sign("msg_1", datetime.now(UTC), "{}")


def test_nobody_is_handed_the_authoritys_key_or_anothers(secrets):
    assert stat.S_IMODE((secrets / "ca.key").stat().st_mode) == 0o600
    handed = {path.name: {file.name for file in path.iterdir()} for path in secrets.glob("for-*")}
    assert all("ca.key" not in files for files in handed.values())
    assert handed["for-gw-demo-01"] == {"ca.crt", "gw-demo-01.crt", "gw-demo-01.key", "page.code"}
    assert handed["for-prometheus"] == {"metrics.token", "page.code"}
    assert handed["for-phones"] == {"webhook.secret"}


@asynccontextmanager
async def broker(secrets: Path, tmp_path: Path, *, port: int = 0):
    """The shipped configuration, with this test's port and folders instead of the container's."""
    port = port or pick_port()
    shipped = (ROOT / "deploy/mosquitto/compose.conf").read_text()
    for theirs, ours in (
        ("listener 8883", f"user {getpass.getuser()}\nlistener {port} 127.0.0.1"),
        ("/secrets/", f"{secrets}/for-broker/"),
        ("/mosquitto/config/acl", str(ROOT / "deploy/mosquitto/acl")),
        ("/mosquitto/data/", f"{tmp_path}/"),
    ):
        assert theirs in shipped
        shipped = shipped.replace(theirs, ours)
    config = tmp_path / "mosquitto.conf"
    config.write_text(shipped)
    process = await asyncio.create_subprocess_exec(
        str(find_mosquitto()), "-c", str(config), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: listens(port), what="the broker's port")
        yield port
    finally:
        process.terminate()
        await process.wait()


def client(secrets: Path, port: int, name: str | None) -> aiomqtt.Client:
    folder = secrets / f"for-{name}"
    context = ssl.create_default_context(cafile=str(secrets / "ca.crt"))
    if name is not None:
        context.load_cert_chain(str(folder / f"{name}.crt"), str(folder / f"{name}.key"))
    return aiomqtt.Client("localhost", port, tls_context=context, timeout=10)


@pytest.mark.story
async def test_a_gateway_speaks_under_its_own_name_only_and_nobody_without_a_certificate(secrets, tmp_path):
    async with broker(secrets, tmp_path) as port:
        with pytest.raises(aiomqtt.MqttError):
            async with client(secrets, port, None) as stranger:
                await stranger.publish("gw/gw-demo-01/up/alarms", b"x", qos=1)
        async with client(secrets, port, "server") as server, client(secrets, port, "gw-demo-01") as gateway:
            await server.subscribe("gw/+/up/alarms", qos=1)
            await gateway.publish("gw/gw-demo-02/up/alarms", b"forged", qos=1)
            await gateway.publish("gw/gw-demo-01/up/alarms", b"true", qos=1)
            async with asyncio.timeout(10):
                first = await anext(aiter(server.messages))
            assert (str(first.topic), first.payload) == ("gw/gw-demo-01/up/alarms", b"true")
