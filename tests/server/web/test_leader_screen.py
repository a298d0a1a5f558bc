"""What a leader's page says beside the buttons, and the list of a phone."""

import io
import re
from datetime import timedelta

from PIL import Image

from server.items.model import Move
from server.items.tables import Item, ItemMove
from server.people.tables import Person
from wire.vocabulary import AlarmClass, Kind, Mode


async def press(client, link: str, move: str, press_id: str = "press-0001", **more: str):
    return await client.post(f"{link}/moves", data={"move": move, "press": press_id, **more})


async def page_of(site, item: str, person: str = "leader") -> str:
    return (await (await site.visitor()).get(await site.link(item, person))).text


async def give_phone(site, person: str, phone: str) -> None:
    async with site.world.database.write() as session:
        (await session.get(Person, person)).phone = phone


async def test_how_sure_is_said_without_units_that_only_engineers_know(site):
    item = await site.world.raise_alarm(value=60.0, limit=25.0, unit="%{LEL}")
    page = await page_of(site, item.id)
    assert "测到的数是报警线的 2.4 倍。" in page
    assert "LEL" not in page


async def test_the_command_centre_can_be_called_when_the_register_has_its_number(site):
    item = await site.world.raise_alarm()
    assert "打电话给指挥中心" not in await page_of(site, item.id)
    await give_phone(site, "desk", "12345")
    page = await page_of(site, item.id)
    assert 'href="tel:12345"' in page
    assert 'href="tel:119"' in page
    assert 'href="tel:12345"' in (await (await site.visitor()).get("/feedback")).text


async def test_who_else_knows_is_named_and_who_is_at_work_can_be_called(site):
    item = await site.world.raise_alarm()
    await give_phone(site, "leader", "130")
    name = {person.code: person.name for person in await site.world.rows(Person)}
    client, link = await site.visitor(), await site.link(item.id, "leader")
    await press(client, link, "accept")
    await press(client, link, "need_help", "press-0002")
    hers = (await client.get(link)).text
    assert f"{name['deputy']}：已通知" in hers
    assert "tel:130" not in hers, "nobody is asked to call themselves"
    deputy = await page_of(site, item.id, "deputy")
    assert f"{name['leader']}：正在处理" in deputy
    assert 'href="tel:130"' in deputy


async def test_a_press_kept_on_the_phone_counts_at_the_time_it_was_made(site):
    item = await site.world.raise_alarm()
    opened = site.clock.now()
    client, link = await site.visitor(), await site.link(item.id, "leader")
    site.clock.advance(seconds=600)
    pressed = opened + timedelta(seconds=240)
    late = {"pressed_at_ms": str(round(pressed.timestamp() * 1000))}
    for _ in range(2):  # the first answer got lost on the line
        assert (await press(client, link, "accept", **late)).status_code == 303
    [move] = [row for row in await site.world.rows(ItemMove) if row.move is Move.ACCEPT]
    assert abs(move.at - pressed) < timedelta(milliseconds=1)


async def test_a_phone_with_a_clock_gone_wrong_cannot_bend_the_story(site):
    item = await site.world.raise_alarm()
    client, link = await site.visitor(), await site.link(item.id, "leader")
    site.clock.advance(seconds=60)
    await press(client, link, "accept", pressed_at_ms="0")
    await press(client, link, "arrive", "press-0002", pressed_at_ms=str(4_000_000_000_000))
    at = {row.move: row.at for row in await site.world.rows(ItemMove)}
    [row] = await site.world.rows(Item)
    assert (at[Move.ACCEPT], at[Move.ARRIVE]) == (row.opened_at, site.clock.now())
    assert (await press(client, link, "finish", "press-0003", pressed_at_ms="-1")).status_code == 422


async def test_the_list_puts_danger_first_then_visits_then_what_others_do(site):
    low = {"class_": AlarmClass.ADVICE}
    await site.world.raise_alarm("m1", "gas-1", **low)
    visit = await site.world.raise_alarm("m2", "gas-2", **low)
    site.clock.advance(seconds=1)
    danger = await site.world.raise_alarm("g1", "meter-1")
    client, link = await site.visitor(), await site.link(danger.id, "leader")
    await press(client, link, "accept")
    page = (await client.get("/my")).text
    assert page.index("马上要处理") < page.index("下次上门要办的事")
    assert page.count('class="matter"') == 2
    matters = [item.id for item in await site.world.items() if item.parent == visit.id]
    await press(client, await site.link(visit.id, "leader"), "finish", "press-0002", matter=matters[0])
    assert "（已办好）" in (await client.get("/my")).text

    await press(client, link, "not_mine", "press-0003")
    page = (await client.get("/my")).text
    assert "马上要处理" not in page
    assert "我的网格里，别人在办的" in page
    assert link not in page, "what is not hers cannot be pressed from her list"


async def test_a_photo_may_be_added_and_is_looked_at_on_the_page(site):
    item = await site.world.raise_alarm()
    client, link = await site.visitor(), await site.link(item.id, "leader")
    assert "加一张照片（可以不加）" in (await client.get(link)).text
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "PNG")
    sent = await client.post(f"{link}/photos", files={"photo": ("a.png", file.getvalue(), "image/png")})
    assert sent.status_code == 303
    page = (await client.get(link)).text
    [address] = re.findall(rf'href="({re.escape(link)}/photos/[^"]+)"', page)
    assert (await client.get(address)).headers["content-type"] == "image/jpeg"


async def test_a_drill_and_what_another_has_taken_come_after_what_waits_for_her(site):
    await site.world.raise_alarm("d1", "gas-2", mode=Mode.DRILL)
    site.clock.advance(seconds=1)
    wire = await site.world.raise_alarm("g1", "meter-1", kind=Kind.ELECTRIC, class_=AlarmClass.HAZARD)
    site.clock.advance(seconds=1)
    leak = await site.world.raise_alarm("g2", "gas-1")
    client = await site.visitor()
    await press(client, await site.link(wire.id, "leader"), "need_help")
    page = (await client.get("/my")).text
    first, second, third = (page.index(words) for words in ("燃气泄漏", "用电异常", "演练"))
    assert first < second < third
    await site.world.press("room", Move.ACCEPT, item=leak.id)
    page = (await client.get("/my")).text
    assert page.index("用电异常") < page.index("燃气泄漏") < page.index("演练")
    assert "由room某负责" in page


async def test_a_visit_says_of_each_device_what_is_wrong_with_it(site):
    low = {"class_": AlarmClass.ADVICE, "point": "battery_percent"}
    said = {"sentence": "电池电量低于 15 %", "sentence_en": "battery below 15 %"}
    await site.world.raise_alarm("m1", "gas-1", **low, **said)
    visit = await site.world.raise_alarm("m2", "gas-2", **low, sentence="一年没有测试")
    page = await page_of(site, visit.id)
    assert "电池电量低于 15 % · 还在报警。" in page
    assert "一年没有测试 · 还在报警。" in page
    assert "有多确定" not in page, "one alarm's figure says nothing of the others"
    english = await site.visitor(**{"Accept-Language": "en"})
    assert (
        "battery below 15 % · Still in alarm."
        in (await english.get(await site.link(visit.id, "leader"))).text
    )


async def test_nobody_is_led_to_call_the_fire_brigade_for_a_drill(site):
    drill = await site.world.raise_alarm("d1", "gas-2", kind=Kind.FIRE, mode=Mode.DRILL)
    page = await page_of(site, drill.id)
    assert "演练：不要真的打 119、120" in page
    assert "tel:119" not in page
    site.clock.advance(seconds=1)
    hazard = await site.world.raise_alarm("f1", "gas-1", kind=Kind.FIRE, class_=AlarmClass.HAZARD)
    page = await page_of(site, hazard.id)
    assert "先打 119，再去看" in page
    assert 'href="tel:119"' in page, "what the first line asks for is at hand"


async def test_what_was_said_after_a_press_is_not_said_when_it_is_so_no_more(site):
    item = await site.world.raise_alarm(value=60.0, limit=25.0)
    client, link = await site.visitor(), await site.link(item.id, "leader")
    here = (await press(client, link, "false_alarm")).headers["location"]
    assert "设备还在报警，请注意安全" in (await client.get(here)).text
    await site.world.clear_alarm()
    assert "设备还在报警，请注意安全" not in (await client.get(here)).text


async def test_whoever_sends_what_is_no_photo_finds_the_way_back(site):
    item = await site.world.raise_alarm()
    client, link = await site.visitor(), await site.link(item.id, "leader")
    refused = await client.post(f"{link}/photos", files={"photo": ("a.jpg", b"no picture", "image/jpeg")})
    assert refused.status_code == 422
    assert f'class="other wide" href="{link}"' in refused.text
    assert f'name="back" value="{link}"' in refused.text, "larger letters lead there too"
    assert "没有加上" in (await client.get(f"{link}?said=photo_unusable")).text
