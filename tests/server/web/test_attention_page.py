"""The page of what needs attention: what it says, its presses, its copy, and how a matter on a visit list ends."""

from datetime import timedelta

import pytest

from server.access.model import AccessRole
from server.alarms.tables import Alarm
from server.audit.tables import AuditRow
from server.devices.tables import Device
from server.items.model import ItemState, Move
from tests.server.access.street_of_two import FOREIGN, accounts, build
from tests.server.world import GATEWAY

OVERDUE = f"/desk/attention/devices/{GATEWAY}/gas-1/untested"


@pytest.fixture
async def desk(site):
    async with site.world.database.write() as session:
        row = await session.get_one(Device, (GATEWAY, "gas-1"))
        row.kind, row.test_due_on = "gas", site.clock.now().date() - timedelta(days=5)
    return await site.operator()


async def test_a_line_says_what_where_since_when_and_what_to_do(site, desk):
    page = (await desk.get("/desk/attention?concern=untested")).text
    for words in (
        "检测过期",
        "厨房探测器",
        "东苑 3号楼",
        "201",
        "前检测",
        "到现场做一次检测",
        "列入上门清单",
    ):
        assert words in page
    assert 'href="/desk/attention"' in (await desk.get("/desk")).text or "/desk/attention" in page
    assert "没有登记寿命" in page


async def test_one_press_puts_it_on_the_next_visit_list_once_and_the_tick_ends_it(site, desk):
    first = await desk.post(OVERDUE)
    assert first.status_code == 303
    page = (await desk.get(first.headers["location"])).text
    assert "已列入" in page
    assert "已有事项" in page
    again = await desk.post(OVERDUE)
    assert again.headers["location"] == first.headers["location"], "pressed twice counts once"
    matter = next(item for item in await site.world.items() if item.parent is not None)
    visit = next(item for item in await site.world.items() if item.id == matter.parent)
    assert visit.grouping is not None
    await site.world.settle()
    assert "leader" in await site.world.told()
    await site.world.take(site.world.open_alarms(boot="another", up_ms=1))
    assert (await site.world.rows(Alarm))[0].superseded_at is None, "no gateway knows of it"
    await site.world.press("leader", Move.FINISH, item=matter.id)
    states = {item.id: item.state for item in await site.world.items()}
    assert states == {matter.id: ItemState.CLOSED, visit.id: ItemState.CLOSED}
    acts = [one for one in await site.world.rows(AuditRow) if one.action == "matter_put_on_list"]
    assert {(row.subject, row.detail["item"]) for row in acts} == {(f"{GATEWAY}/gas-1", matter.id)}


async def test_a_visit_ended_as_a_whole_ends_its_matters(site, desk):
    await desk.post(OVERDUE)
    visit = await site.world.item()
    await site.world.press("leader", Move.FINISH, item=visit.id)
    assert {item.state for item in await site.world.items()} == {ItemState.CLOSED}


async def test_what_is_well_again_is_not_put_on_a_list(site, desk):
    async with site.world.database.write() as session:
        (await session.get_one(Device, (GATEWAY, "gas-1"))).test_due_on = None
    answer = await desk.post(OVERDUE)
    assert answer.status_code == 409
    assert "现在没有这个问题" in answer.text
    assert await site.world.items() == []


async def test_of_a_gateway_its_maintainer_is_told(site, desk):
    assert f'href="/desk/gateways/{GATEWAY}"' in (await desk.get("/desk/attention?concern=unheard")).text
    answer = await desk.post(f"/desk/attention/gateways/{GATEWAY}/unheard")
    assert answer.status_code == 303
    [item] = await site.world.items()
    assert (item.device, item.parent) == ("gateway", None)
    assert (await desk.get("/desk/attention?concern=unheard")).text.count("已有事项") == 1


async def test_each_sees_their_own_and_presses_only_there(site, desk):
    await build(site)
    clients = await accounts(site)
    near, far = [
        (await clients[role].get("/desk/attention")).text for role in (AccessRole.MAINTAINER, AccessRole.DESK)
    ]
    assert FOREIGN in far
    assert FOREIGN not in near
    assert "厨房探测器" in near
    foreign = f"/desk/attention/gateways/{FOREIGN}-gw/unheard"
    assert (await clients[AccessRole.MAINTAINER].post(foreign)).status_code == 404
    administrator = clients[AccessRole.ADMINISTRATOR]
    assert "列入上门清单" not in (await administrator.get("/desk/attention")).text
    assert (await administrator.post(OVERDUE)).status_code == 403


async def test_the_copy_has_every_line_and_no_formula(site, desk):
    async with site.world.database.write() as session:
        (await session.get_one(Device, (GATEWAY, "gas-1"))).name = "=1+1"
    copy = (await desk.get("/desk/attention/export.csv")).text
    lines = copy.splitlines()
    assert lines[0].startswith("\ufeff什么,网关,设备")
    assert sum("检测过期" in line for line in lines) == 1
    assert "'=1+1" in copy
    assert len((await desk.get("/desk/attention/export.csv?concern=untested")).text.splitlines()) == 2


async def test_a_reader_of_english_finds_no_chinese_words_of_ours(site, desk):
    page = (await desk.get("/desk/attention?lang=en")).text
    assert "Test overdue" in page
    assert "检测过期" not in page
