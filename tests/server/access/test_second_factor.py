"""The second factor at the door: codes of a phone, recovery codes on paper, each once."""

import pyotp
import pytest

from server.access.tables import Operator
from tests.server.web.running_site import OPERATOR, PASSWORD, open_site

FORM = {"name": OPERATOR, "password": PASSWORD}


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def enrol(site):
    """An operator with a phone; returns the browser, the phone and the recovery codes."""
    client = await site.operator()
    begun = (await client.post("/api/v1/me/second-factor")).json()
    phone = pyotp.TOTP(begun["secret"])
    answer = await client.post(
        "/api/v1/me/second-factor/confirmation", json={"code": phone.at(site.clock.now())}
    )
    assert answer.status_code == 200, answer.text
    site.clock.advance(seconds=60)
    return client, phone, answer.json()["recovery_codes"]


async def asked_for_a_code(site):
    client = await site.visitor()
    answer = await client.post("/login", data=FORM)
    assert answer.headers["location"] == "/login/code"
    return client


async def is_inside(client) -> bool:
    return (await client.get("/desk")).status_code == 200


async def test_the_password_alone_opens_nothing_once_there_is_a_second_factor(site):
    _, phone, _ = await enrol(site)
    client = await asked_for_a_code(site)
    assert not await is_inside(client)
    before = dict(client.cookies)
    answer = await client.post("/login/code", data={"code": phone.at(site.clock.now())})
    assert answer.headers["location"] == "/desk"
    assert await is_inside(client)
    assert dict(client.cookies) != before, "the token from before the code opens nothing"
    thief = await site.visitor()
    thief.cookies.update(before)
    assert not await is_inside(thief)


async def test_a_code_counts_once(site):
    _, phone, _ = await enrol(site)
    code = phone.at(site.clock.now())
    first, second = await asked_for_a_code(site), await asked_for_a_code(site)
    assert (await first.post("/login/code", data={"code": code})).status_code == 303
    assert (await second.post("/login/code", data={"code": code})).status_code == 403


async def test_a_recovery_code_stands_in_for_the_phone_once(site):
    _, _, codes = await enrol(site)
    assert len(set(codes)) == 10
    first, second = await asked_for_a_code(site), await asked_for_a_code(site)
    assert (await first.post("/login/code", data={"code": codes[0].lower()})).status_code == 303
    assert (await second.post("/login/code", data={"code": codes[0]})).status_code == 403


async def test_guessing_codes_gets_slow(site):
    await enrol(site)
    client = await asked_for_a_code(site)
    statuses = [(await client.post("/login/code", data={"code": f"{n:06}"})).status_code for n in range(8)]
    assert statuses[:5] == [403] * 5
    assert statuses[-1] == 429


async def test_a_login_waits_five_minutes_for_its_code(site):
    _, phone, _ = await enrol(site)
    client = await asked_for_a_code(site)
    site.clock.advance(seconds=301)
    answer = await client.post("/login/code", data={"code": phone.at(site.clock.now())})
    assert answer.headers["location"] == "/login"


async def test_an_enrolment_that_was_not_finished_locks_nobody_out(site):
    client = await site.operator()
    begun = (await client.post("/api/v1/me/second-factor")).json()
    assert begun["picture"].startswith("data:image/svg+xml")
    assert (await client.post("/login", data=FORM)).headers["location"] == "/desk"
    wrong = await client.post("/api/v1/me/second-factor/confirmation", json={"code": "000000"})
    assert wrong.status_code == 422


async def test_the_secret_lies_encrypted(site):
    client = await site.operator()
    secret = (await client.post("/api/v1/me/second-factor")).json()["secret"]
    (row,) = await site.world.rows(Operator)
    assert row.totp_secret
    assert secret not in row.totp_secret
