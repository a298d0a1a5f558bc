"""The desk's buttons for orders: plain forms, what they say, and who may press them."""

import pytest
from sqlalchemy import select

from server.audit.tables import AuditRow
from server.devices.service import answered, apply_status, due_commands
from server.devices.tables import Command, CommandState, Device
from tests.server.world import GATEWAY
from wire.messages import CommandReport, StatusMessage
from wire.statusparts import BusState
from wire.vocabulary import CommandOutcome, Presence

ORDERS = f"/desk/gateways/{GATEWAY}/orders"
GAS = "gas-1\tgas-high"


@pytest.fixture
async def desk(site):
    return await site.operator()


async def commands_of(site) -> list[Command]:
    async with site.world.database.read() as session:
        return list(await session.scalars(select(Command).order_by(Command.id)))


async def leak(site, desk) -> str:
    """A gas alarm; returns the path of its item at the desk."""
    await site.world.raise_alarm()
    [item] = (await desk.get("/api/v1/items")).json()["items"]
    return f"/desk/items/{item['id']}"


@pytest.mark.parametrize(
    ("form", "order"),
    [
        ({"order": "test", "pair": GAS, "mode": "test"}, {"device": "gas-1", "rule": "gas-high"}),
        ({"order": "test", "pair": GAS, "mode": "drill"}, {"mode": "drill"}),
        ({"order": "reset", "alarm": "a1"}, {"alarm": "a1"}),
        ({"order": "silence", "alarm": ""}, {}),
        ({"order": "silence", "alarm": "a1"}, {"alarm": "a1"}),
        ({"order": "shelve", "pair": "meter-1\tr", "hours": "2"}, {"device": "meter-1", "rule": "r"}),
        ({"order": "unshelve", "pair": "meter-1\tr"}, {"rule": "r"}),
        ({"order": "out_of_service", "target": "meter-1", "hours": "4"}, {"device": "meter-1"}),
        ({"order": "back_in_service", "target": "meter-1"}, {"device": "meter-1"}),
        ({"order": "close_valve", "target": "meter-1", "meant": "yes"}, {"device": "meter-1"}),
        ({"order": "resync"}, {}),
        ({"order": "raw_traffic", "bus": "kitchen", "seconds": "30"}, {"bus": "kitchen", "seconds": 30}),
        ({"order": "re_enrol", "target": "meter-1"}, {"device": "meter-1"}),
    ],
)
async def test_every_button_gives_its_order(site, desk, form, order):
    answer = await desk.post(ORDERS, data={**form, "reason": "检修"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{ORDERS}?said=")
    [command] = await commands_of(site)
    assert command.order["order"] == form["order"]
    assert order.items() <= command.order.items()
    assert (command.state, command.reason) == (CommandState.WAITING, "检修")


async def test_what_is_on_a_bus_is_asked_for_from_the_gateways_page(site, desk):
    """The page of a gateway that shows nothing yet leads to the form that makes it come."""
    bus = BusState(bus="kitchen", connected=True, devices=2)
    told = StatusMessage(**site.world.envelope(), presence=Presence.ONLINE, buses=(bus,))
    async with site.world.database.write() as session:
        await apply_status(session, GATEWAY, told, now=site.clock.now())
    page = (await desk.get(f"/desk/gateways/{GATEWAY}", params={"bus": "kitchen"})).text
    leads = f"{ORDERS}?bus=kitchen"
    assert f'href="{leads}#orders"' in page
    form = (await desk.get(leads)).text
    assert '<option value="kitchen" selected>' in form
    assert 'value="raw_traffic"' in form
    for seconds in ("3601", "-1"):
        wrong = {"order": "raw_traffic", "bus": "kitchen", "seconds": seconds, "reason": "查接线"}
        answer = await desk.post(ORDERS, data=wrong)
        assert "最多 3600 秒" in (await desk.get(answer.headers["location"])).text
    assert await commands_of(site) == []


async def test_an_order_without_a_reason_is_not_given(site, desk):
    answer = await desk.post(ORDERS, data={"order": "resync", "reason": "  "})
    assert "请写明原因" in (await desk.get(answer.headers["location"])).text
    assert await commands_of(site) == []


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"reason": "长" * 501, "order": "resync"}, "原因太长，最多 500 个字。"),
        *(
            (
                {"order": "out_of_service", "target": "gas-1", "reason": "检修", "hours": hours},
                "请写明几小时。",
            )
            for hours in ("", "-1", "nan", "inf", "1e12", "明天")
        ),
        ({"order": "dance", "reason": "检修"}, "这个指令不完整，请重新选择。"),
        (
            {"order": "shelve", "pair": "gas-1", "hours": "1", "reason": "检修"},
            "这个指令不完整，请重新选择。",
        ),
    ],
)
async def test_rubbish_in_an_order_is_answered_with_a_sentence(site, desk, form, sentence):
    answer = await desk.post(ORDERS, data=form)
    assert answer.status_code == 303, answer.text[:400]
    assert sentence in (await desk.get(answer.headers["location"])).text
    assert await commands_of(site) == []


async def test_no_two_devices_of_a_choice_sound_alike(site, desk):
    async with site.world.database.write() as session:
        for device, door in (("gas-1", "201"), ("gas-2", "202")):
            (await session.get_one(Device, (GATEWAY, device))).door = door
        session.add(Device(gateway=GATEWAY, device="valve", name="厨房燃气阀", building="b1"))
    page = (await desk.get(ORDERS)).text
    for value, name in (
        ("gas-2", "厨房探测器 2层 202"),
        ("gas-1", "厨房探测器 2层 201 · gas-1"),
        ("meter-1", "厨房探测器 2层 201 · meter-1"),
        ("valve", "厨房燃气阀"),
    ):
        assert f'<option value="{value}">{name}</option>' in page


async def test_a_valve_is_closed_only_after_a_second_look(site, desk):
    first = await desk.post(ORDERS, data={"order": "close_valve", "target": "meter-1", "reason": "漏气"})
    assert "/close-valve?" in first.headers["location"]
    assert await commands_of(site) == []
    page = (await desk.get(first.headers["location"])).text
    assert "手动打开" in page
    assert (await desk.get(f"{ORDERS}/close-valve?target=nothing")).status_code == 404


async def test_beside_an_item_its_orders_wait_for_another_account_which_agrees_there(site, desk):
    path = await leak(site, desk)
    item = path.rpartition("/")[2]
    wanted = {"order": "out_of_service", "target": "gas-1", "hours": "4", "reason": "换探测器", "item": item}
    answer = await desk.post(ORDERS, data=wanted)
    assert answer.headers["location"].startswith(f"{path}?said=")
    second = await site.colleague("接班人")
    own, other = (await desk.get(path)).text, (await second.get(path)).text
    assert "等第二个人同意" in own
    assert "接班人" in own, "who can agree is named"
    assert "我同意" not in own
    assert "我同意" in other
    [command] = await commands_of(site)
    agreement = f"{ORDERS}/{command.id}/agreement"
    refused = await desk.post(agreement, data={"item": item})
    assert "必须由另一个人同意" in (await desk.get(refused.headers["location"])).text
    assert (await commands_of(site))[0].state is CommandState.PROPOSED
    await second.post(agreement, data={"item": item})
    [command] = await commands_of(site)
    assert (command.state, command.order["agreed_by"]) == (CommandState.WAITING, "接班人")
    acts = [(row.action, row.actor) for row in await site.world.rows(AuditRow) if row.subject == GATEWAY]
    assert acts == [("command_ordered", "值班员"), ("command_agreed", "接班人")]


async def test_what_became_of_an_order_is_shown_and_audited(site, desk):
    await desk.post(ORDERS, data={"order": "resync", "reason": "核对"})
    [command] = await commands_of(site)
    report = CommandReport(command=command.id, outcome=CommandOutcome.REFUSED, detail="not now")
    async with site.world.database.write() as session:
        await answered(session, GATEWAY, report, now=site.clock.now())
    page = (await desk.get(ORDERS)).text
    for words in ("重新核对", "网关拒绝", "not now", "核对", "下达", "网关答复", "值班员"):
        assert words in page
    async with site.world.database.read() as session:
        rows = list(await session.scalars(select(AuditRow).where(AuditRow.subject == GATEWAY)))
    assert [row.action for row in rows] == ["command_ordered", "command_answered"]
    assert rows[1].detail == {"command": command.id, "outcome": "refused"}


async def test_an_order_nobody_agrees_to_expires_by_itself(site, desk):
    await leak(site, desk)
    await desk.post(ORDERS, data={"order": "shelve", "pair": GAS, "hours": "1", "reason": "换探测器"})
    site.clock.advance(seconds=599)
    async with site.world.database.write() as session:
        assert await due_commands(session, now=site.clock.now()) == []
    assert (await commands_of(site))[0].state is CommandState.PROPOSED
    site.clock.advance(seconds=2)
    async with site.world.database.write() as session:
        assert await due_commands(session, now=site.clock.now()) == []
    assert (await commands_of(site))[0].state is CommandState.EXPIRED
    assert "过期未执行" in (await desk.get(ORDERS)).text


async def test_who_may_not_order_sees_what_was_ordered_and_no_buttons(site, desk):
    path = await leak(site, desk)
    await desk.post(ORDERS, data={"order": "resync", "reason": "核对"})
    community = await site.colleague("社区", role="community", scope="community", code="c1")
    page = await community.get(ORDERS)
    assert page.status_code == 200
    assert "重新核对" in page.text
    assert 'name="order"' not in page.text
    assert 'name="order"' not in (await community.get(path)).text
    refused = await community.post(ORDERS, data={"order": "resync", "reason": "核对"})
    assert refused.status_code == 403


async def test_an_order_is_not_put_beside_an_item_of_another_gateway(site, desk):
    answer = await desk.post(ORDERS, data={"order": "resync", "reason": "核对", "item": "no-such-item"})
    assert answer.status_code == 404
    assert await commands_of(site) == []
