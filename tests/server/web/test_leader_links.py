"""A link in a message: whose it is, what it lets somebody do, and when it ends."""

import asyncio

import pytest
from sqlalchemy import delete

from server.access.tables import Link
from server.items.model import ItemState, Move
from wire.vocabulary import AlarmClass, Condition


async def press(client, link: str, move: str, press_id: str = "press-0001", **more: str):
    return await client.post(f"{link}/moves", data={"move": move, "press": press_id, **more})


async def test_opening_a_link_neither_acts_nor_uses_it_up(site):
    item = await site.world.raise_alarm()
    link = await site.link(item.id, "leader")
    for _ in range(3):
        stranger = await site.visitor()
        assert (await stranger.get(link)).status_code == 200
    [row] = await site.world.rows(Link)
    assert row.phone_hash is None
    assert (await site.world.item()).state is ItemState.NEW


async def test_the_first_press_binds_the_link_to_its_phone(site):
    item = await site.world.raise_alarm()
    link = await site.link(item.id, "leader")
    hers, other = await site.visitor(), await site.visitor()
    assert (await press(hers, link, "accept")).status_code == 303
    refused = await press(other, link, "arrive", "press-0002")
    assert (refused.status_code, "请用原来的手机" in refused.text) == (403, True)
    assert "phone" not in other.cookies
    page = (await other.get(link)).text
    assert "这里只能看，不能按" in page
    assert 'value="arrive"' not in page
    assert (await press(hers, link, "arrive", "press-0003")).status_code == 303
    assert (await site.world.item()).state is ItemState.ON_SITE


async def test_the_same_press_twice_is_one_move(site):
    item = await site.world.raise_alarm()
    link, client = await site.link(item.id, "leader"), await site.visitor()
    for _ in range(2):
        assert (await press(client, link, "accept")).status_code == 303
    assert [move for move, _ in await site.world.moves()].count(Move.ACCEPT) == 1


async def test_who_lost_the_item_reads_that_somebody_else_has_it(site):
    item = await site.world.raise_alarm()
    link, client = await site.link(item.id, "leader"), await site.visitor()
    await site.world.press("op-li", Move.REASSIGN, to="deputy")
    opened = await client.get(link)
    assert (opened.status_code, "已转给别人" in opened.text) == (410, True)
    assert (await press(client, link, "accept")).status_code == 403
    assert (await site.world.item()).owner == "deputy"


async def test_a_link_to_what_is_over_can_be_read_but_not_pressed(site):
    item = await site.world.raise_alarm()
    link, client = await site.link(item.id, "leader"), await site.visitor()
    await site.world.press("leader", Move.FINISH)
    await site.world.clear_alarm()
    assert (await site.world.item()).state is ItemState.CLOSED
    page = (await client.get(link)).text
    assert "已结束" in page
    assert 'class="press"' not in page


@pytest.mark.parametrize(
    "token", ["nonsense", "0190f2b4-0000-7000-8000-000000000001.AAAA", "%00", "é.é", "a.b.c"]
)
async def test_a_token_that_was_never_made_here_is_not_found(site, token):
    client = await site.visitor()
    for answer in (
        await client.get(f"/i/{token}"),
        await press(client, f"/i/{token}", "accept"),
        await client.get(f"/i/{token}/live"),
    ):
        assert answer.status_code == 404
        assert "没有找到" in answer.text


async def test_a_token_changed_by_one_letter_is_not_found(site):
    item = await site.world.raise_alarm()
    link, client = await site.link(item.id, "leader"), await site.visitor()
    changed = link[:-2] + ("A" if link[-2] != "A" else "B") + link[-1]
    assert (await client.get(changed)).status_code == 404


@pytest.mark.parametrize("move", ["close_exception", "reassign", "confirm_false_alarm", "verify", "open"])
async def test_a_leader_cannot_do_what_only_others_may(site, move):
    item = await site.world.raise_alarm()
    before = await site.world.moves()
    link, client = await site.link(item.id, "leader"), await site.visitor()
    answer = await press(client, link, move, reason="我想")
    page = await client.get(answer.headers["location"])
    assert "这个操作不在您的权限内" in page.text
    assert await site.world.moves() == before


@pytest.mark.parametrize(
    ("move", "press_id"), [("dance", "press-0001"), ("accept", "short"), ("accept", "x" * 65)]
)
async def test_a_press_that_no_page_offers_is_refused_politely(site, move, press_id):
    item = await site.world.raise_alarm()
    client = await site.visitor()
    answer = await press(client, await site.link(item.id, "leader"), move, press_id)
    assert answer.status_code == 422
    assert "填写有误" in answer.text


async def test_a_form_with_something_missing_is_answered_in_her_language(site):
    item = await site.world.raise_alarm()
    link = await site.link(item.id, "leader")
    answer = await (await site.visitor()).post(f"{link}/moves", data={"move": "accept"})
    assert (answer.status_code, "请返回上一页再试" in answer.text, "Field required" in answer.text) == (
        422,
        True,
        False,
    )
    english = await site.visitor(**{"Accept-Language": "en"})
    assert "Please go back" in (await english.get(f"{link}/moves")).text


async def test_every_page_that_refuses_says_whom_to_call_and_where_to_complain(site):
    await site.world.set_person("desk", phone="12345")
    item = await site.world.raise_alarm()
    link, hers, other = await site.link(item.id, "leader"), await site.visitor(), await site.visitor()
    await press(hers, link, "accept")
    refused = {"other phone": await press(other, link, "arrive", "press-0002")}
    await site.world.press("op-li", Move.REASSIGN, to="deputy")
    refused["given away"] = await hers.get(link)
    refused["too old a page"] = await press(hers, await site.link(item.id, "deputy"), "accept", "short")
    refused["lost"] = await hers.get("/i/nonsense")
    refused["no such page"] = await hers.get("/my/nothing")
    async with site.world.database.write() as session:
        await session.execute(delete(Link))
    refused["expired"] = await hers.get(link)
    for what, answer in refused.items():
        assert answer.status_code in {403, 404, 410, 422}, what
        assert 'href="tel:12345"' in answer.text, what
        assert 'href="/feedback"' in answer.text, what
    assert "现在由deputy某负责。" in refused["given away"].text
    assert "这个链接已过期" in refused["expired"].text
    assert "这个链接已过期" not in refused["lost"].text
    foreign = await hers.post(
        "/feedback", data={"text": "x"}, headers={"Origin": "https://elsewhere.example"}
    )
    assert (foreign.status_code, 'href="/feedback"' in foreign.text) == (403, True)


async def test_numbers_of_colleagues_are_shown_to_the_phone_of_the_link_alone(site):
    for person, number in {"desk": "12345", "deputy": "139", "room": "138"}.items():
        await site.world.set_person(person, phone=number)
    item = await site.world.raise_alarm()
    link, hers, other = await site.link(item.id, "leader"), await site.visitor(), await site.visitor()
    await press(hers, link, "accept")
    mine = (await hers.get(link)).text
    assert all(f'href="tel:{number}"' in mine for number in ("12345", "139", "138"))
    elsewhere = (await other.get(link)).text
    assert 'href="tel:12345"' in elsewhere
    assert 'href="tel:139"' not in elsewhere


async def test_what_another_has_taken_or_done_is_said_at_the_top(site):
    item = await site.world.raise_alarm()
    client, link = await site.visitor(), await site.link(item.id, "room")
    assert "已经接手" not in (await client.get(link)).text
    await site.world.press("leader", Move.ACCEPT)
    assert "leader某已经接手。您可以先打电话问问要不要帮忙。" in (await client.get(link)).text
    await site.world.press("leader", Move.FINISH)
    assert "leader某已经处理，等设备确认。" in (await client.get(link)).text
    await site.world.clear_alarm()
    page = (await client.get(link)).text
    assert "这件事已经结束，您不用再做什么。现场要是还有危险，马上打电话。" in page
    assert 'href="tel:119"' in page


async def test_a_reason_is_kept_with_the_press(site):
    item = await site.world.raise_alarm()
    client = await site.visitor()
    await press(client, await site.link(item.id, "leader"), "not_mine", reason="我在外地 " + "很远" * 400)
    operator = await site.operator()
    moves = (await operator.get(f"/api/v1/items/{item.id}")).json()["moves"]
    [reason] = [move["reason"] for move in moves if move["move"] == "not_mine"]
    assert reason.startswith("我在外地")


async def test_her_own_list_opens_with_the_phone_that_pressed(site):
    item = await site.world.raise_alarm()
    link, client = await site.link(item.id, "leader"), await site.visitor()
    unknown = (await client.get("/my")).text
    assert "这部手机还没有在消息里按过按钮" in unknown
    assert "现在没有要处理的事" not in unknown, "whose list it is cannot be known, so nothing calm is said"
    await press(client, link, "accept")
    page = (await client.get("/my")).text
    assert "燃气泄漏" in page
    await press(client, link, "finish", "press-0002")
    await site.world.clear_alarm()
    assert "现在没有要处理的事" in (await client.get("/my")).text
    assert f'href="{link}"' in page
    stranger = await site.visitor()
    assert "燃气泄漏" not in (await stranger.get("/my")).text


async def test_the_list_is_looked_at_while_alarms_are_written(site):
    item = await site.world.raise_alarm()
    client = await site.visitor()
    await press(client, await site.link(item.id, "leader"), "accept")
    async with site.world.database.write(), asyncio.timeout(30):
        page = (await client.get("/my")).text
    assert f"/i/{(await site.world.rows(Link))[0].id}" in page


async def test_the_size_of_letters_is_kept_and_leads_back_only_to_our_own_pages(site):
    client = await site.visitor()
    for back, led in (
        ("/feedback", "/feedback"),
        ("//evil.example", "/my"),
        ("https://evil.example", "/my"),
        ("/\\evil.example", "/%5Cevil.example"),
    ):
        assert (await client.post("/size", data={"size": "30", "back": back})).headers["location"] == led
    assert 'data-size="30"' in (await client.get("/my")).text
    assert (await client.post("/size", data={"size": "99"})).status_code == 422


async def test_a_page_says_when_the_air_is_clear_but_the_device_waits_for_a_reset(site):
    item = await site.world.raise_alarm(latched=True)
    await site.world.take(
        site.world.alarm_message(site.world.state(condition=Condition.NORMAL, latched=True, value=1.0))
    )
    page = (await (await site.visitor()).get(await site.link(item.id, "leader"))).text
    assert "现在已降下来，等复位。" in page


async def test_a_page_that_is_not_there_says_so_in_words(site):
    client = await site.visitor()
    answer = await client.get("/no/such/page")
    assert (answer.status_code, "没有这个页面" in answer.text) == (404, True)
    wrong = await client.delete("/my")
    assert (wrong.status_code, "请返回上一页" in wrong.text, wrong.headers["allow"]) == (405, True, "GET")


async def test_the_matters_of_a_visit_are_ticked_off_on_its_page(site):
    low = {"class_": AlarmClass.ADVICE}
    await site.world.raise_alarm("m1", "gas-1", **low)
    visit = await site.world.raise_alarm("m2", "gas-2", **low)
    matters = [item.id for item in await site.world.items() if item.parent == visit.id]
    link, client = await site.link(visit.id, "leader"), await site.visitor()
    page = (await client.get(link)).text
    assert page.count("办好了") == 2
    assert (await press(client, link, "finish", "press-0001", matter=matters[0])).status_code == 303
    states = {item.id: item.state for item in await site.world.items()}
    assert (states[matters[0]], states[matters[1]]) == (ItemState.DONE, ItemState.NEW)
    stranger = await site.world.raise_alarm("g1", "meter-1")
    assert (await press(client, link, "finish", "press-0002", matter=stranger.id)).status_code == 404
