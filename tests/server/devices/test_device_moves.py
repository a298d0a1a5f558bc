"""A device is moved, replaced, retired and taken back; what is open stays open."""

import re

from server.audit.tables import AuditRow
from server.devices.tables import Device
from server.items.model import Move
from server.items.tables import Item, ItemMove
from server.places.tables import Building
from tests.server.devices.installer import HERE, WHY, device
from tests.server.world import GATEWAY
from wire.vocabulary import AlarmClass, Kind


async def test_a_move_takes_future_alarms_along_and_leaves_the_open_item_where_it_is(site, installer):
    async with site.world.database.write() as session:
        session.add(Building(code="b2", estate="e1", name="8号楼", grid="g1"))
        (await session.get_one(Device, (GATEWAY, "gas-1"))).grid = "g1"
    item = await site.world.raise_alarm()
    page = (await installer.get(f"{HERE}/gas-1/move")).text
    assert "1 件未结束的事项" in page
    to = {"building": "b2", "floor": "1", "door": "101"}
    refused = await installer.post(f"{HERE}/gas-1/move", data={**to, **WHY})
    assert "正在报警" in refused.text
    await site.world.clear_alarm()
    untold = await installer.post(f"{HERE}/gas-1/move", data={**to, "reason": "换地方"})
    assert untold.status_code == 409, "it has to be seen that something is open"
    await installer.post(f"{HERE}/gas-1/move", data={**to, "reason": "换地方", "meant": "yes"})
    row = await device(site, "gas-1")
    assert (row.building, row.door, row.grid) == ("b2", "101", None), "what was said of the old place is gone"
    async with site.world.database.read() as session:
        same = await session.get(Item, item.id)
    assert (same.where, same.owner) == (item.where, item.owner)
    [note] = [one for one in await site.world.rows(ItemMove) if one.move is Move.NOTE]
    assert note.reason == "设备从“东苑 3号楼 2层 201”移到“东苑 8号楼 1层 101”：换地方"
    assert "换地方" in (await installer.get(f"{HERE}/gas-1")).text


async def test_a_replacement_keeps_the_place_and_the_old_ones_history(site, installer):
    form = {"new_device": "gas-9", "model": "M2 序列号 77", "installed_on": "2026-11-24", **WHY}
    answer = await installer.post(f"{HERE}/gas-1/replace", data=form)
    assert answer.headers["location"] == f"{HERE}/gas-9/check?done=replaced", "the new one is to be tried now"
    assert "已更换" in (await installer.get(answer.headers["location"])).text
    new, old = await device(site, "gas-9"), await device(site, "gas-1")
    assert (new.building, new.door, new.model) == ("b1", "201", "M2 序列号 77")
    assert old.replaced_by == f"{GATEWAY}/gas-9"
    past = (await installer.get(f"{HERE}/gas-1")).text
    assert "更换设备" in past
    assert f'href="{HERE}/gas-9"' in past
    same = await installer.post(f"{HERE}/gas-2/replace", data={"new_device": "gas-2", "model": "M3", **WHY})
    assert same.status_code == 303
    assert (await device(site, "gas-2")).retired_at is None


async def test_a_whole_code_typed_by_a_chinese_keyboard_is_the_device_it_names(site, installer):
    form = {"new_device": f"{GATEWAY}／gas-9", **WHY}
    answer = await installer.post(f"{HERE}/gas-1/replace", data=form)
    assert answer.headers["location"] == f"{HERE}/gas-9/check?done=replaced"
    assert (await device(site, "gas-1")).replaced_by == f"{GATEWAY}/gas-9"


async def test_a_device_without_a_building_is_moved_to_none_that_nobody_chose(site, installer):
    async with site.world.database.write() as session:
        (await session.get_one(Device, (GATEWAY, "gas-1"))).building = None
    page = (await installer.get(f"{HERE}/gas-1/move")).text
    assert re.search(r'<select name="building" required><option value="">', page)
    assert (
        '<option value="">' not in (await installer.get(f"{HERE}/gas-2/move")).text.partition("</select>")[0]
    )


async def test_a_retired_device_is_silent_its_open_item_stays_and_danger_is_still_told(site, installer):
    item = await site.world.raise_alarm()
    assert (await installer.post(f"{HERE}/gas-1/retire", data={"reason": "拆了"})).status_code == 409
    await installer.post(f"{HERE}/gas-1/retire", data={"reason": "拆了", "meant": "yes"})
    assert [one.id for one in await site.world.items()] == [item.id]
    assert (await site.world.item()).state == item.state
    async with site.world.database.write() as session:
        (await session.get_one(Device, (GATEWAY, "gas-2"))).retired_at = site.clock.now()
    for alarm, kind, class_ in (("c1", Kind.CONTACT, AlarmClass.FAULT), ("c2", Kind.GAS, AlarmClass.ADVICE)):
        lost = site.world.state(alarm, "gas-2", rule=alarm, kind=kind, class_=class_)
        await site.world.take(site.world.alarm_message(lost))
    assert len(await site.world.items()) == 1, "nobody is sent to what was taken away"
    await site.world.take(site.world.alarm_message(site.world.state("a5", "gas-2")))
    assert len(await site.world.items()) == 2, "gas is gas"


async def test_what_stands_is_raised_when_a_device_comes_back_into_use(site, installer):
    await installer.post(f"{HERE}/gas-1/retire", data=WHY)
    lost = site.world.state("c1", "gas-1", rule="contact", kind=Kind.CONTACT, class_=AlarmClass.FAULT)
    await site.world.take(site.world.alarm_message(lost))
    assert await site.world.items() == []
    assert "恢复使用" in (await installer.get(f"{HERE}/gas-1")).text
    answer = await installer.post(f"{HERE}/gas-1/return", data={"reason": "又装回去"})
    assert answer.headers["location"] == f"{HERE}/gas-1?done=returned"
    assert [one.device for one in await site.world.items()] == ["gas-1"]


async def test_every_act_stands_in_the_audit_with_who_and_why(site, installer):
    await installer.post(f"{HERE}/gas-1/move", data={"building": "b1", "door": "305", **WHY})
    await installer.post(f"{HERE}/gas-1/replace", data={"new_device": "gas-1", **WHY})
    await installer.post(f"{HERE}/gas-1/retire", data=WHY)
    await installer.post(f"{HERE}/gas-1/return", data=WHY)
    await installer.post(f"{HERE}/gas-1/check")
    await installer.post("/desk/labels/printed", data={"code": [f"{GATEWAY}/gas-1", f"{GATEWAY}/gas-2"]})
    rows = [(row.action, row.reason) for row in await site.world.rows(AuditRow) if row.actor == "安装工"]
    assert rows[-6:] == [
        ("device_moved", "现场"),
        ("device_replaced", "现场"),
        ("device_retired", "现场"),
        ("device_returned", "现场"),
        ("command_ordered", "安装时测试，不通知人员"),
        ("labels_printed", ""),
    ]
