"""Whoever tries too much waits, also after a restart; a leader who presses a button never does."""

import pytest

from server.access.allowances import ALLOWANCES, Door
from server.items.model import ItemState
from tests.server.web.running_site import CODE, PASSWORD

WRONG = {"code": "ZZZZZZZZZZZZ", "name": "somebody", "password": PASSWORD}


def patience(monkeypatch, door, most):
    """Make an allowance small, so that a test is quick; its refill stays as it is."""
    allowance = ALLOWANCES[door]
    smaller = type(allowance)(most=most, within_s=allowance.within_s, say=allowance.say)
    monkeypatch.setitem(ALLOWANCES, door, smaller)


def must_wait(answer, door):
    assert answer.status_code == 429, answer.text
    assert 1 <= int(answer.headers["retry-after"]) <= ALLOWANCES[door].within_s
    assert ALLOWANCES[door].say in answer.text
    return int(answer.headers["retry-after"])


async def test_guessing_the_first_run_code_waits_over_a_restart_and_its_owner_gets_in(site):
    client = await site.visitor()
    for _ in range(ALLOWANCES[Door.SETUP].most):
        assert (await client.post("/setup", data=WRONG)).status_code == 403
    must_wait(await client.post("/setup", data=WRONG), Door.SETUP)
    await site.restart()
    wait_s = must_wait(await client.post("/setup", data={**WRONG, "code": CODE}), Door.SETUP)
    site.clock.advance(seconds=wait_s)
    assert (await client.post("/setup", data={**WRONG, "code": CODE})).status_code == 303


async def test_nobody_can_make_the_server_hash_passwords_without_a_code(site, monkeypatch):
    async def hash_password(password):
        raise AssertionError("64 MiB and tens of milliseconds for a stranger")

    monkeypatch.setattr("server.access.web.hash_password", hash_password)
    client = await site.visitor()
    assert (await client.post("/setup", data=WRONG)).status_code == 403


async def test_made_up_links_wait_over_a_restart_and_real_ones_never_do(site):
    item = await site.world.raise_alarm()
    link = await site.link(item.id, "leader")
    client = await site.visitor()
    for number in range(ALLOWANCES[Door.LINK].most):
        assert (await client.get(f"/i/made-up-{number}")).status_code == 404
    for path in ("/i/made-up", "/i/made-up/live"):
        must_wait(await client.get(path), Door.LINK)
    form = {"move": "accept", "press": "press-0001"}
    must_wait(await client.post("/i/made-up/moves", data=form), Door.LINK)
    must_wait(await client.post("/i/made-up/photos", files={"photo": b"x"}), Door.LINK)
    await site.restart()
    must_wait(await client.get("/i/made-up"), Door.LINK)
    assert (await client.get(link)).status_code == 200
    assert (await client.post(f"{link}/moves", data=form)).status_code == 303


async def test_a_press_is_taken_whatever_was_opened_and_tried_before_it(site, monkeypatch):
    patience(monkeypatch, Door.OPENING, 3)
    item = await site.world.raise_alarm()
    link = await site.link(item.id, "leader")
    client = await site.visitor()
    for _ in range(3):
        assert (await client.get(link)).status_code == 200
    must_wait(await client.get(link), Door.OPENING)
    pressed = await client.post(f"{link}/moves", data={"move": "accept", "press": "press-0001"})
    assert pressed.status_code == 303
    assert (await site.world.item()).state is ItemState.ACCEPTED
    for _ in range(5):
        assert (await client.get(link)).status_code == 200, "the phone that pressed is never held up"
    for number in range(30):
        again = await client.post(f"{link}/moves", data={"move": "need_help", "press": f"press-1{number:03}"})
        assert again.status_code == 303
    stranger = await site.visitor()
    must_wait(await stranger.get(link), Door.OPENING)


async def test_one_opened_link_holds_up_no_other(site, monkeypatch):
    patience(monkeypatch, Door.OPENING, 1)
    item = await site.world.raise_alarm()
    client = await site.visitor()
    assert (await client.get(await site.link(item.id, "leader"))).status_code == 200
    must_wait(await client.get(await site.link(item.id, "leader")), Door.OPENING)
    assert (await client.get(await site.link(item.id, "officer"))).status_code == 200


async def test_one_source_cannot_fill_the_complaints(site):
    client = await site.visitor()
    for number in range(ALLOWANCES[Door.FEEDBACK].most):
        form = {"press": f"press-{number:04}", "text": "太吵"}
        assert (await client.post("/feedback", data=form)).status_code == 303
    await site.allowances.turn()
    await site.restart()
    must_wait(await client.post("/feedback", data={"press": "press-9999", "text": "太吵"}), Door.FEEDBACK)


async def test_strangers_reports_wait_and_a_providers_never_do(site):
    client, key = await site.visitor(), site.settings.callback_secret()
    for _ in range(ALLOWANCES[Door.CALLBACK].most):
        assert (await client.post("/callbacks/guess/sms", json=[])).status_code == 404
    for report in ("sms", "voice", "voice/keys"):
        must_wait(await client.post(f"/callbacks/guess/{report}", json=[]), Door.CALLBACK)
    await site.restart()
    must_wait(await client.post("/callbacks/guess/sms", json=[]), Door.CALLBACK)
    for report in ("sms", "voice", "voice/keys"):
        assert (await client.post(f"/callbacks/{key}/{report}", json=[])).status_code == 200


async def test_a_program_that_asks_too_often_waits_by_its_key_and_the_desk_goes_on(site, monkeypatch):
    patience(monkeypatch, Door.API, 40)
    item = await site.world.raise_alarm()
    desk = await site.operator()
    made = await desk.post("/api/v1/keys", json={"account": "值班员", "title": "统计", "days": 30})
    assert made.status_code == 201, made.text
    program = await site.visitor(Authorization=f"Bearer {made.json()['key']}")
    for _ in range(40):
        assert (await program.get("/api/v1/items")).status_code == 200
    wait_s = must_wait(await program.get("/api/v1/items"), Door.API)
    assert (await program.get("/api/v1/items")).headers["content-type"] == "application/problem+json"
    await site.allowances.turn()
    await site.restart()
    must_wait(await program.get("/api/v1/items"), Door.API)
    assert (await desk.get("/api/v1/items")).status_code == 200, "the account's own session is another asker"
    pressed = await program.post(
        f"/api/v1/items/{item.id}/moves", json={"move": "accept", "press": "press-0001", "reason": "代收"}
    )
    assert pressed.status_code != 429, "what is done for an item is never held up"
    site.clock.advance(seconds=wait_s)
    assert (await program.get("/api/v1/items")).status_code == 200


async def test_keys_that_fit_nothing_wait_and_one_that_fits_does_not(site):
    desk = await site.operator()
    made = await desk.post("/api/v1/keys", json={"account": "值班员", "title": "统计", "days": 30})
    stranger = await site.visitor(Authorization="Bearer gwk_not-a-key")
    for _ in range(ALLOWANCES[Door.KEY].most):
        assert (await stranger.get("/api/v1/items")).status_code == 401
    must_wait(await stranger.get("/api/v1/items"), Door.KEY)
    await site.restart()
    must_wait(await stranger.get("/api/v1/items"), Door.KEY)
    program = await site.visitor(Authorization=f"Bearer {made.json()['key']}")
    assert (await program.get("/api/v1/items")).status_code == 200


async def test_codes_for_one_person_and_wrong_answers_of_one_account_wait(site, monkeypatch):
    patience(monkeypatch, Door.CONTACT_CODE, 2)
    patience(monkeypatch, Door.CONTACT_GUESS, 3)
    desk = await site.operator()
    path = "/api/v1/people/leader/contacts"
    contact = await desk.post(path, json={"channel": "webhook", "address": "https://phone.example/new"})
    assert contact.status_code == 201, contact.text
    one = f"{path}/{contact.json()['id']}"
    for _ in range(2):
        assert (await desk.post(f"{one}/code")).status_code == 202
        site.clock.advance(seconds=61)
    must_wait(await desk.post(f"{one}/code"), Door.CONTACT_CODE)
    for _ in range(3):
        assert (await desk.post(f"{one}/confirmation", json={"code": "no"})).status_code == 422
    await site.allowances.turn()
    await site.restart()
    must_wait(await desk.post(f"{one}/code"), Door.CONTACT_CODE)
    must_wait(await desk.post(f"{one}/confirmation", json={"code": "no"}), Door.CONTACT_GUESS)
    page = await desk.post(f"/desk/contacts/leader/{contact.json()['id']}/code")
    must_wait(page, Door.CONTACT_CODE)


@pytest.mark.parametrize(
    ("door", "address", "body"),
    [
        (Door.ADOPTION, "PUT /api/v1/devices/gw-one/new-1", {"json": {"reason": "新装"}}),
        (Door.UPLOAD, "POST /api/v1/street/preview", {"files": {"files": ("people.csv", b"code,name\n")}}),
        (Door.UPLOAD, "POST /desk/import", {"files": {"files": ("people.csv", b"code,name\n")}}),
    ],
)
async def test_changing_the_register_waits_over_a_restart(site, monkeypatch, door, address, body):
    patience(monkeypatch, door, 2)
    method, path = address.split()
    desk = await site.operator()
    for _ in range(2):
        answer = await desk.request(method, path, **body)
        assert answer.status_code in (200, 303, 422), answer.text
    must_wait(await desk.request(method, path, **body), door)
    await site.allowances.turn()
    await site.restart()
    must_wait(await desk.request(method, path, **body), door)


async def test_the_numbers_say_who_had_to_wait(site):
    client = await site.visitor()
    for _ in range(ALLOWANCES[Door.LINK].most + 3):
        await client.get("/i/made-up")
    text = (await client.get("/metrics")).text
    assert 'gridwarden_server_held_up_requests_total{door="link"} 3.0' in text
