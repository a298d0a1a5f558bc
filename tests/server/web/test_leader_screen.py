"""What a leader's page says beside the buttons, and the list of a phone."""

import io
import re
from datetime import timedelta

from PIL import Image

from server.items.model import Move
from server.items.tables import Item, ItemMove
from server.people.tables import Person
from wire.vocabulary import AlarmClass


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
