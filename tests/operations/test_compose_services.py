"""docker-compose.yml, its services as processes: they start as written, and an alarm arrives on a phone."""

import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest
import yaml

from tests.harness.composed import COMPOSE, ROOT, Composed, image_command, make_secrets
from tests.harness.postgres import running_postgres
from tests.harness.promtool import check_config, lint
from tests.harness.surfaces import Phones
from tests.harness.waiting import until
from tests.operations.test_compose_secrets import broker
from tests.server.history import influx_double

DOCUMENT = ROOT / "docs/operations/compose.md"
CANARY_LATE_S = 300
"""The next one should have come back long before."""
OURS = {
    "phones": "phones_started",
    "simulated-devices": "sim_started",
    "server": "server_started",
    "gateway": "edge_started",
}
"""The services that run our own images, in an order in which they may start; what each says when it is up."""


def test_every_service_is_watched_kept_and_confined():
    whole = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    services = whole["services"]
    assert {*OURS, "secrets"} == {name for name, service in services.items() if "build" in service}
    for name, service in services.items():
        if name == "secrets":
            continue
        assert service["healthcheck"]["test"], name
        assert service["restart"] == "unless-stopped", name
        for entry in service.get("volumes", ()):
            source, inside = entry.split(":")[:2]
            assert source.startswith("./") or source in whole["volumes"], name
            assert inside != "/secrets" or entry.endswith(":ro"), name
        for variable, value in service.get("environment", {}).items():
            secret = re.search(r"PASSWORD|SECRET|TOKEN", variable)
            assert not secret or value.startswith("/secrets/"), f"{name}: {variable} stands in the file"
    for name in OURS:
        assert services[name]["cap_drop"] == ["ALL"], name
        assert image_command(services[name]["build"]["target"])[0], name


async def open_database(url: str, composed: Composed) -> None:
    """Make what the image of PostgreSQL makes at its first start: the role, with its password, and the database."""
    composed.postgres_port = urlsplit(url).port or 0
    composed.make_secrets()
    given = composed.services["postgres"]["environment"]
    password = (composed.secrets / "for-postgres/postgres.password").read_text().strip()
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute(f"CREATE ROLE {given['POSTGRES_USER']} LOGIN PASSWORD '{password}'")
        await connection.execute(f"CREATE DATABASE {given['POSTGRES_DB']} OWNER {given['POSTGRES_USER']}")
    finally:
        await connection.close()


def scrapes(composed: Composed) -> dict[str, tuple[str, dict[str, str]]]:
    """Where Prometheus asks, and with which header, by job."""
    text = composed.here("prometheus", (ROOT / "deploy/prometheus/prometheus.yml").read_text())
    found = {}
    for job in yaml.safe_load(text)["scrape_configs"]:
        token = Path(job["authorization"]["credentials_file"]).read_text("ascii").strip()
        for static in job["static_configs"]:
            for target in static["targets"]:
                found[job["job_name"]] = (f"http://{target}/metrics", {"Authorization": f"Bearer {token}"})
    return found


def asked_of_prometheus(text: str, name: str) -> float | None:
    """The value of a measurement without labels; None where it is not told."""
    found = re.search(rf"^gridwarden_server_{name} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


async def canary_goes_round(composed: Composed) -> None:
    """The server's message to itself passes broker, its ACL, database, sender and web server, and is told of."""
    server = composed.running["server"]
    await server.wait_for(lambda said: said.get("event") == "canary_arrived")
    assert not [line for line in server.lines if line.get("event") in {"canary_refused", "canary_lost"}]
    url, header = scrapes(composed)["gridwarden-server"]
    async with httpx2.AsyncClient(base_url=composed.url(8080), timeout=60, verify=False) as client:
        ready = (await client.get("/health/ready")).json()
        assert ready["canary_failing"] is None
        assert 0 <= ready["canary_age_s"] < CANARY_LATE_S
        measured = (await client.get(url, headers=header)).text
        assert (await client.post("/canary", json={"id": "x"})).status_code == 404, "nobody else can say so"
    age_s = asked_of_prometheus(measured, "canary_age_seconds")
    assert age_s is not None
    assert age_s < CANARY_LATE_S


def test_prometheus_takes_its_configuration_with_the_rules_and_tokens_it_is_given(tmp_path):
    composed = Composed(tmp_path)
    make_secrets(composed.secrets)
    config = tmp_path / "prometheus.yml"
    text = composed.here("prometheus", (ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    (rules,) = [
        entry.split(":")[1] for entry in composed.services["prometheus"]["volumes"] if "/rules/" in entry
    ]
    folder = Path(rules).parent
    assert f"{folder}/*.yml" in text, "the rules are mounted where they are looked for"
    config.write_text(text.replace(f"{folder}/*.yml", f"{ROOT}/deploy/prometheus/gridwarden.yml"), "utf-8")
    assert check_config(config) == ""
    (composed.secrets / "for-prometheus/page.code").unlink()
    assert "page.code" in check_config(config)


@pytest.mark.story
async def test_its_services_start_as_written_and_an_alarm_reaches_a_phone(tmp_path):
    composed = Composed(tmp_path)
    async with AsyncExitStack() as stack:
        await open_database(await stack.enter_async_context(running_postgres()), composed)
        influx = stack.enter_context(influx_double.running())
        composed.ports[8086] = urlsplit(influx.url).port or 0
        await stack.enter_async_context(broker(composed.secrets, tmp_path, port=composed.ports[8883]))
        stack.push_async_callback(composed.stop)
        for name, event in OURS.items():
            await composed.start(name, event)
        await composed.running["server"].ready("committed_said")

        async def healthy(name: str) -> bool:
            asked = await asyncio.create_subprocess_exec(
                *composed.health_check(name), stderr=asyncio.subprocess.DEVNULL
            )
            return await asked.wait() == 0

        for name in OURS:
            await until(lambda name=name: healthy(name), what=f"{name} is healthy")

        await canary_goes_round(composed)

        (documented,) = re.findall(r"docker compose run --rm server (import .*)", DOCUMENT.read_text("utf-8"))
        imported = await composed.run("server", *documented.split())
        assert imported.process.returncode == 0, imported.last_words()

        async with httpx2.AsyncClient(timeout=60, verify=False) as client:
            for job, (url, header) in scrapes(composed).items():
                measured = await client.get(url, headers=header)
                assert measured.status_code == 200, job
                assert lint(measured.content) == "", job
                assert (await client.get(url)).status_code in (401, 403), job
            answer = await client.post(f"{composed.url(8091)}/events/leak")
            answer.raise_for_status()
            phones = Phones(composed.url(8090))
            (message,) = (await until(lambda: phones.messages("wang"), what="a message on a phone"))[:1]
            assert message["payload"]["class"] == "life_safety"
            assert message["link"].startswith(composed.url(8080))
            assert "已收到" in (await client.get(message["link"])).text
        await until(lambda: any("gas-kitchen" in line for line in influx.lines), what="readings in InfluxDB")
