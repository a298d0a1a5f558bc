"""Who gets to the desk: the first operator by a code shown once, then by password."""

import asyncio
import threading
from datetime import timedelta

import pytest

from server.access import secrets, service
from server.access.service import CODE_LIFE, IDLE_LIFE
from tests.server.web.running_site import CODE, OPERATOR, PASSWORD

FORM = {"name": OPERATOR, "password": PASSWORD}


async def set_up(client, **changes: str):
    return await client.post("/setup", data={**FORM, "code": CODE, **changes})


async def is_inside(client) -> bool:
    return (await client.get("/desk")).status_code == 200


async def test_the_code_makes_one_operator_and_no_second(site):
    client = await site.visitor()
    assert (await client.get("/login")).headers["location"] == "/setup"
    assert (await set_up(client)).headers["location"] == "/login"
    again = await set_up(client, name="另一个人")
    assert again.status_code == 409
    assert "请直接登录" in again.text
    assert (await client.get("/setup")).headers["location"] == "/login"


async def test_a_code_may_be_typed_in_small_letters(site):
    assert (await set_up(await site.visitor(), code=f" {CODE.lower()} ")).status_code == 303


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"code": "WRONGWRONGWR"}, "首次启动码不对或已过期"),
        ({"password": "short"}, "密码至少 12 个字符"),
        ({"name": "   "}, "请填写姓名"),
        ({"name": "名" * 61}, "最多 60 个字"),
    ],
)
async def test_a_wrong_set_up_says_why_and_keeps_the_code_good(site, change, said):
    client = await site.visitor()
    answer = await set_up(client, **change)
    assert answer.status_code in (403, 422)
    assert said in answer.text
    assert (await set_up(client)).status_code == 303


async def test_a_code_is_good_for_an_hour(site):
    site.clock.advance(seconds=CODE_LIFE.total_seconds() + 1)
    assert (await set_up(await site.visitor())).status_code == 403


async def test_a_wrong_password_leads_nowhere(site):
    client = await site.visitor()
    await set_up(client)
    for form in ({**FORM, "password": "not the password"}, {**FORM, "name": "没有这个人"}):
        answer = await client.post("/login", data=form)
        assert (answer.status_code, "姓名或密码不对" in answer.text) == (403, True)
    assert not await is_inside(client)


async def test_guessing_gets_slower_and_says_how_long_to_wait(site):
    client = await site.visitor()
    await set_up(client)
    for _ in range(5):
        await client.post("/login", data={**FORM, "password": "a wrong guess"})
    stopped = await client.post("/login", data=FORM)
    assert (stopped.status_code, "请稍后再试" in stopped.text) == (429, True)
    site.clock.advance(seconds=int(stopped.headers["retry-after"]))
    assert (await client.post("/login", data=FORM)).status_code == 303, "nobody is locked out for good"


async def test_a_session_ends_with_signing_out_even_for_who_kept_its_cookie(site):
    client = await site.operator()
    kept = dict(client.cookies)
    assert await is_inside(client)
    await client.post("/logout")
    assert not await is_inside(client)
    thief = await site.visitor()
    thief.cookies.update(kept)
    assert not await is_inside(thief)


async def test_a_session_that_nobody_uses_ends(site):
    client = await site.operator()
    site.clock.advance(seconds=(IDLE_LIFE - timedelta(minutes=1)).total_seconds())
    assert await is_inside(client)
    site.clock.advance(seconds=120)
    assert not await is_inside(client)


async def test_pressing_keeps_a_session_going(site):
    item = await site.world.raise_alarm()
    client = await site.operator()
    site.clock.advance(seconds=IDLE_LIFE.total_seconds() - 60)
    note = {"move": "note", "press": "press-0001", "reason": "在看"}
    assert (await client.post(f"/desk/items/{item.id}/moves", data=note)).status_code == 303
    site.clock.advance(seconds=120)
    assert await is_inside(client)


async def test_an_alarm_is_committed_while_a_password_is_hashed(site, monkeypatch):
    client = await site.visitor()
    await set_up(client)
    begun, released = threading.Event(), threading.Event()
    healthy = secrets._fits

    def slow(password, kept):
        begun.set()
        assert released.wait(30), "the alarm waited for the log-in"
        return healthy(password, kept)

    monkeypatch.setattr(secrets, "_fits", slow)
    signing_in = asyncio.create_task(client.post("/login", data=FORM))
    try:
        assert await asyncio.to_thread(begun.wait, 30)
        async with asyncio.timeout(10):
            item = await site.world.raise_alarm()
        assert not signing_in.done()
    finally:
        released.set()
    assert item.owner == "leader"
    assert (await signing_in).headers["location"] == "/desk"


async def test_a_password_changed_while_the_old_one_is_checked_lets_nobody_in(site, monkeypatch):
    client = await site.operator()
    healthy = service.prove_password

    async def overtaken(session, name, password):
        proven = await healthy(session, name, password)
        body = {"old": PASSWORD, "new": "another long password"}
        changed = await client.post("/api/v1/me/password", json=body)
        assert changed.status_code == 204, changed.text
        return proven

    monkeypatch.setattr(service, "prove_password", overtaken)
    answer = await (await site.visitor()).post("/login", data=FORM)
    assert answer.status_code == 403
