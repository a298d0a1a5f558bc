"""The cockpit over HTTP: its map, its stream, and what dispatch adds."""

import asyncio
import json

import pytest

from server.items.model import Move
from tests.server.web.running_site import open_site


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def test_an_item_reaches_the_stream_of_a_page(site):
    desk = await site.operator()
    begin = (await desk.get("/api/v1/cockpit")).json()
    address = f"/api/v1/cockpit/stream?after={begin['epoch']}.{begin['seq']}"
    async with desk.stream("GET", address) as stream, asyncio.timeout(10):
        lines = stream.aiter_lines()
        await anext(lines)
        item = await site.world.raise_alarm()
        async for line in lines:
            if line.startswith("data: ") and item.id in line:
                break
    assert json.loads(line.removeprefix("data: "))["rows"][0]["where"] == item.where


async def test_the_map_is_the_owners_and_is_made_once_a_version(site):
    desk = await site.operator()
    collection = (await desk.get("/api/v1/cockpit/map")).json()
    assert [one["properties"]["label"] for one in collection["features"]] == ["1号微网格"]
    assert collection["communities"] == [{"code": "c1", "name": "东社区", "area": None}]
    assert collection["above"] == {"g1": "g0"}
    buildings = (await desk.get("/api/v1/cockpit/grids/g1/buildings")).json()
    assert [(one["name"], one["devices"]) for one in buildings] == [("3号楼", 3)]


async def test_the_desk_widens_the_circle_once_a_step_and_its_reason_is_kept(site):
    desk = await site.operator()
    item = await site.world.raise_alarm()
    address = f"/api/v1/cockpit/items/{item.id}"
    assert [one["name"] for one in (await desk.get(address)).json()["told"]] == [
        "leader某",
        "officer某",
        "room某",
    ]
    answer = await desk.post(f"{address}/widen", json={"reason": "楼里老人多"})
    assert (answer.status_code, answer.json()["outcome"]) == (200, "told")
    assert await site.world.told() == {"leader", "officer", "room", "deputy", "secretary"}
    english = {"Accept-Language": "en"}
    answer = await desk.post(f"{address}/widen", json={"reason": "还没有人到"}, headers=english)
    assert answer.json()["sentence"].isascii()
    assert "desk" in await site.world.told()
    refused = await desk.post(f"{address}/widen", json={"reason": "再来一次"}, headers=english)
    assert (refused.status_code, refused.json()["detail"].isascii()) == (409, True)
    story = (await desk.get(f"/api/v1/items/{item.id}")).json()
    notes = [move["reason"] for move in story["moves"] if move["move"] == "note"]
    assert notes == ["楼里老人多", "还没有人到"], "a refused press leaves nothing"


async def test_an_accepted_item_can_be_widened_and_keeps_its_owner(site):
    desk = await site.operator()
    item = await site.world.raise_alarm()
    await site.world.press("leader", Move.ACCEPT)
    answer = await desk.post(f"/api/v1/cockpit/items/{item.id}/widen", json={"reason": "一个人不够"})
    assert answer.status_code == 200
    story = (await desk.get(f"/api/v1/items/{item.id}")).json()["item"]
    assert (story["owner"], story["accepted"]) == ("leader", True)


async def test_a_drill_is_ordered_as_one(site):
    desk = await site.operator()
    wanted = {"order": "test", "mode": "drill", "device": "gas-1", "rule": "gas-high", "reason": "季度演练"}
    answer = await desk.post("/api/v1/gateways/gw-one/commands", json=wanted)
    assert (answer.status_code, answer.json()["order"]["mode"]) == (202, "drill")
    live = await desk.post("/api/v1/gateways/gw-one/commands", json={**wanted, "mode": "live"})
    assert live.status_code == 422


async def test_an_order_for_an_item_stands_beside_it_and_never_beside_another_gateways(site):
    desk = await site.operator()
    item = await site.world.raise_alarm()
    wanted = {"order": "resync", "reason": "核对", "item": item.id}
    assert (await desk.post("/api/v1/gateways/gw-one/commands", json=wanted)).status_code == 202
    assert "重新核对" in (await desk.get(f"/desk/items/{item.id}")).text.partition('class="given"')[2]
    other = await desk.post("/api/v1/gateways/gw-one/commands", json={**wanted, "item": "of-another"})
    assert (other.status_code, other.json()["detail"]) == (404, "没有这件事项。")


async def test_the_page_needs_an_account_of_the_desk(site):
    stranger = await site.visitor()
    assert (await stranger.get("/cockpit")).headers["location"] == "/login"
    assert (await stranger.get("/api/v1/cockpit")).status_code == 401
    desk = await site.operator()
    page = await desk.get("/cockpit")
    assert page.status_code == 200
    assert "声音已关" in page.text
