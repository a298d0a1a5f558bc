"""Accounts, roles, sessions and keys as an administrator manages them; a change counts at once."""

import asyncio

import pytest

from server.access.model import AccessRole
from server.access.service import LONGEST_LIFE
from server.people.model import Scope
from tests.server.access.street_of_two import PLACES, account
from tests.server.web.running_site import OPERATOR, PASSWORD, open_site
from tests.server.web.test_live_stream import following

DESK = {"role": "desk", "scope": "street"}


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def new_account(site, admin, name="接班人", **values):
    body = {"name": name, "password": PASSWORD, "grants": [DESK], **values}
    answer = await admin.post("/api/v1/accounts", json=body)
    assert answer.status_code == 201, answer.text
    client = await site.visitor()
    assert (await client.post("/login", data={"name": name, "password": PASSWORD})).status_code == 303
    return client


async def test_a_role_taken_away_ends_rights_at_once_and_an_open_stream_within_a_beat(site):
    admin = await site.operator()
    desk = await new_account(site, admin)
    async with following(desk, "/desk/live") as (_, next_event):
        assert await next_event() == "beat"
        answer = await admin.put("/api/v1/accounts/接班人/grants", json={"grants": []})
        assert answer.status_code == 204
        assert (await desk.get("/api/v1/items")).status_code == 403
        async with asyncio.timeout(15):
            assert await next_event() == "gone"


async def test_shutting_an_account_out_ends_its_sessions_and_keys(site):
    admin = await site.operator()
    desk = await new_account(site, admin)
    key = (await admin.post("/api/v1/keys", json={"account": "接班人", "title": "大屏"})).json()["key"]
    program = await site.visitor(Authorization=f"Bearer {key}")
    assert (await program.get("/api/v1/items")).status_code == 200
    assert (await admin.post("/api/v1/accounts/接班人/disabling")).status_code == 204
    assert (await desk.get("/api/v1/items")).status_code == 401
    assert (await program.get("/api/v1/items")).status_code == 401
    assert (await admin.delete("/api/v1/accounts/接班人/disabling")).status_code == 204
    assert (await desk.get("/api/v1/items")).status_code == 401, "old sessions stay ended"


async def test_the_last_administrator_cannot_lock_the_street_out(site):
    admin = await site.operator()
    for answer in (
        await admin.put(f"/api/v1/accounts/{OPERATOR}/grants", json={"grants": [DESK]}),
        await admin.post(f"/api/v1/accounts/{OPERATOR}/disabling"),
    ):
        assert answer.status_code == 409
    assert (await admin.get("/api/v1/accounts")).status_code == 200


@pytest.mark.parametrize(
    ("grant", "status"),
    [
        ({"role": "leader", "scope": "street"}, 422),
        ({"role": "desk", "scope": "community", "code": "c1"}, 422),
        ({"role": "leader", "scope": "grid", "code": "no-such-grid"}, 404),
        ({"role": "desk", "scope": "street", "code": "c1"}, 422),
    ],
)
async def test_a_role_for_a_place_it_cannot_have_is_refused(site, grant, status):
    admin = await site.operator()
    body = {"name": "某人", "grants": [grant]}
    assert (await admin.post("/api/v1/accounts", json=body)).status_code == status
    assert len((await admin.get("/api/v1/accounts")).json()) == 1


async def test_sessions_are_listed_and_ended_everywhere(site):
    first = await site.operator()
    second = await site.visitor(**{"User-Agent": "the second browser"})
    await second.post("/login", data={"name": OPERATOR, "password": PASSWORD})
    listed = (await first.get("/api/v1/me/sessions")).json()
    assert {one["this_one"] for one in listed} == {True, False}
    assert "the second browser" in {one["agent"] for one in listed}
    assert (await first.delete("/api/v1/me/sessions?others_only=true")).json() == {"ended": 1}
    assert (await second.get("/api/v1/items")).status_code == 401
    assert (await first.get("/api/v1/items")).status_code == 200
    await first.delete("/api/v1/me/sessions")
    assert (await first.get("/api/v1/items")).status_code == 401


async def test_a_new_password_ends_every_other_session(site):
    first = await site.operator()
    second = await site.visitor()
    await second.post("/login", data={"name": OPERATOR, "password": PASSWORD})
    wrong = await first.post("/api/v1/me/password", json={"old": "wrong", "new": PASSWORD})
    assert wrong.status_code == 422
    answer = await first.post("/api/v1/me/password", json={"old": PASSWORD, "new": "another long password"})
    assert answer.status_code == 204
    assert (await first.get("/api/v1/items")).status_code == 200
    assert (await second.get("/api/v1/items")).status_code == 401


async def test_a_session_ends_however_much_it_is_used(site):
    item = await site.world.raise_alarm()
    client = await site.operator()
    for turn in range(int(LONGEST_LIFE.total_seconds() // 36_000)):
        site.clock.advance(seconds=36_000)
        note = {"move": "note", "press": f"press-{turn:04}", "reason": "在看"}
        await client.post(f"/desk/items/{item.id}/moves", data=note)
    assert (await client.get("/api/v1/items")).status_code == 200
    site.clock.advance(seconds=36_000)
    assert (await client.get("/api/v1/items")).status_code == 401


async def test_a_key_manages_no_access_and_ends_when_its_time_is_over(site):
    admin = await site.operator()
    made = await admin.post("/api/v1/keys", json={"account": OPERATOR, "title": "大屏", "days": 1})
    key = made.json()["key"]
    program = await site.visitor(Authorization=f"Bearer {key}")
    assert (await program.get("/api/v1/items")).status_code == 200
    for path in ("/api/v1/accounts", "/api/v1/keys", "/api/v1/me/sessions"):
        assert (await program.get(path)).status_code == 403, path
    assert key not in (await admin.get("/api/v1/keys")).text
    site.clock.advance(seconds=86_401)
    assert (await program.get("/api/v1/items")).status_code == 401


async def test_a_key_is_revoked(site):
    admin = await site.operator()
    key = (await admin.post("/api/v1/keys", json={"account": OPERATOR, "title": "大屏"})).json()["key"]
    program = await site.visitor(Authorization=f"Bearer {key}")
    (listed,) = (await admin.get("/api/v1/keys")).json()
    assert (await admin.delete(f"/api/v1/keys/{listed['id']}")).status_code == 204
    assert (await program.get("/api/v1/items")).status_code == 401
    assert (await (await site.visitor(Authorization="Bearer x")).get("/api/v1/items")).status_code == 401


async def test_somebody_with_a_narrow_role_sees_nothing_of_accounts(site):
    leader = await account(site, "王", (AccessRole.LEADER, *PLACES[AccessRole.LEADER]))
    assert (await leader.get("/api/v1/accounts")).status_code == 403
    me = (await leader.get("/api/v1/me")).json()
    assert me["grants"] == [{"role": "leader", "scope": Scope.GRID.value, "code": "g1"}]
