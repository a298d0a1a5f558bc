"""The canary's own way: out by a webhook channel, back in at `POST /canary`, and nobody else's."""

import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from server.access.allowances import ALLOWANCES, Door
from server.config import Settings
from server.escalation.tables import CanaryRun
from server.notify.canaryway import CanaryWay
from server.notify.channels import Verdict
from tests.server.web.running_site import open_site

RUN = "01a20d6d-5a00-7738-911d-15b4de68a91c"


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        async with opened.world.database.write() as session:
            session.add(CanaryRun(id=RUN, sent_at=opened.clock.now(), taken_in_at=opened.clock.now()))
        yield opened


@pytest.fixture
async def way(site):
    host, _, port = site.url.removeprefix("http://").rpartition(":")
    async with AsyncExitStack() as stack:
        yield CanaryWay.build(site.settings, (host, int(port)), stack)


async def run_of(site):
    [run] = await site.world.rows(CanaryRun)
    return run


def signed(secret: str, *, run: str = RUN, at: datetime | None = None) -> dict:
    at, body = at or datetime.now(UTC), json.dumps({"id": run})
    headers = {
        "webhook-id": run,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(run, at, body),
    }
    return {"content": body, "headers": headers}


async def test_a_canary_goes_out_by_a_channel_and_comes_back_in(site, way):
    site.world.worker._canary_way = way
    site.clock.advance(seconds=3)
    await site.world.worker.send_due()
    run = await run_of(site)
    assert run.handed_at == run.received_at == site.clock.now()


async def test_the_same_one_again_changes_nothing(site, way):
    claimed = way.claimed(await run_of(site))
    assert (await way.channel.send(claimed.message)).verdict is Verdict.SENT
    first = (await run_of(site)).received_at
    site.clock.advance(seconds=60)
    assert (await way.channel.send(claimed.message)).verdict is Verdict.SENT
    assert (await run_of(site)).received_at == first


async def test_nobody_else_can_say_that_it_arrived(site):
    client, secret = await site.visitor(), site.settings.canary_secret()
    forged = {
        "by the secret that receivers know": signed(site.settings.webhook_key()),
        "too old": signed(secret, at=datetime.now(UTC) - timedelta(minutes=6)),
        "without a signature": {"content": "{}"},
        "with nonsense for a signature": {
            **signed(secret),
            "headers": {**signed(secret)["headers"], "webhook-signature": "x"},
        },
        "of a body that was changed": {**signed(secret), "content": "{}"},
        "of bytes that are no text": {**signed(secret), "content": b"\xff"},
        "of a canary that nobody sent": signed(secret, run="another"),
    }
    for why, request in forged.items():
        assert (await client.post("/canary", **request)).status_code == 404, why
    assert (await run_of(site)).received_at is None
    assert (await client.post("/canary", **signed(secret))).status_code == 204


async def test_whoever_guesses_is_held_up_and_the_canary_is_not(site):
    client = await site.visitor()
    answers = [await client.post("/canary", content="{}") for _ in range(ALLOWANCES[Door.CALLBACK].most + 1)]
    assert answers[-1].status_code == 429
    assert (await client.post("/canary", **signed(site.settings.canary_secret()))).status_code == 204


@pytest.mark.parametrize(
    ("listening", "url", "address"),
    [
        (("127.0.0.1", 8080), "", "http://127.0.0.1:8080/canary"),
        (("0.0.0.0", 8080), "", "http://127.0.0.1:8080/canary"),
        (("::", 8080), "", "http://[::1]:8080/canary"),
        (("10.1.2.3", 8081), "", "http://10.1.2.3:8081/canary"),
        (("0.0.0.0", 8080), "https://street.example/", "https://street.example/canary"),
    ],
)
async def test_it_goes_to_where_the_server_listens_unless_told_otherwise(tmp_path, listening, url, address):
    async with AsyncExitStack() as stack:
        way = CanaryWay.build(Settings(data_folder=tmp_path, canary_url=url), listening, stack)
    assert way.address == address
