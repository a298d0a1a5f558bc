"""Texts that gateways, forms and addresses bring are shown as texts, whatever they hold."""

import pytest

from server.items.model import Move
from wire.messages import Action
from wire.vocabulary import ActionState

NASTY = (
    "<script>alert(1)</script>",
    "</p><img src=x onerror=alert(1)>",
    "100% %(name)s %s",
    "{{ 7 * 7 }}",
    "&amp;\"'",
)


def is_shown_as_text(page: str, text: str) -> bool:
    shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
    return shown.replace("'", "&#39;") in page and not any(
        tag in page for tag in ("<script>alert", "<img src=x")
    )


@pytest.mark.parametrize("text", NASTY)
async def test_an_address_cannot_put_anything_into_the_desk(site, text):
    item = await site.world.raise_alarm()
    client = await site.operator()
    answer = await client.get(f"/desk/items/{item.id}", params={"said": text})
    assert answer.status_code == 200
    assert is_shown_as_text(answer.text, text)


@pytest.mark.parametrize("text", NASTY)
async def test_a_gateway_cannot_put_anything_into_a_page(site, text):
    action = Action(action=text, device=text, state=ActionState.FAILED, at=site.clock.now(), detail=text)
    item = await site.world.raise_alarm(
        device=text, rule=text, unit=text, label=text, value=1.0, actions=(action,)
    )
    desk, phone = await site.operator(), await site.visitor()
    link = await site.link(item.id, "desk")
    for client, path in (
        (desk, "/desk"),
        (desk, f"/desk/items/{item.id}"),
        (desk, "/desk/unassigned"),
        (phone, link),
    ):
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert is_shown_as_text(answer.text, text), path


@pytest.mark.parametrize("text", NASTY)
async def test_a_reason_is_shown_as_it_was_typed(site, text):
    item = await site.world.raise_alarm()
    client = await site.operator()
    await site.world.press("leader", Move.NOT_MINE, reason=text)
    assert is_shown_as_text((await client.get(f"/desk/items/{item.id}")).text, text)


async def test_what_cannot_be_read_is_kept_and_shown_harmlessly(site):
    await site.world.take(site.world.bytes(b"\xff\xfe<script>alert(1)</script>"))
    page = await (await site.operator()).get("/desk/quarantine")
    assert page.status_code == 200
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>alert" not in page.text


async def test_a_wrong_name_comes_back_into_the_form_as_text(site):
    client = await site.operator()
    answer = await client.post(
        "/login", data={"name": '"><script>alert(1)</script>', "password": "wrong one"}
    )
    assert answer.status_code == 403
    assert "<script>alert" not in answer.text


async def test_an_action_that_failed_says_why_at_the_desk(site):
    failed = Action(
        action="close_valve",
        device="valve",
        state=ActionState.FAILED,
        at=site.clock.now(),
        detail="阀门没有应答",
    )
    done = Action(action="close_valve", device="valve", state=ActionState.CONFIRMED, at=site.clock.now())
    item = await site.world.raise_alarm(actions=(failed, done))
    page = (await (await site.operator()).get(f"/desk/items/{item.id}")).text
    assert "没有成功" in page
    assert "阀门没有应答" in page
    assert "已完成，已确认" in page
