"""The duty room of a business block sees and is told what happens there, as an estate's does, and nothing else."""

from server.people.tables import Duty, Role, Scope
from server.places.tables import Block, Building, PlacesVersion
from tests.server.access.street_of_two import account, build


async def put_into_block(site):
    """The building of the alarm lies in a block that has a duty room, and no estate."""
    async with site.world.database.write() as session:
        session.add(Block(code="k1", community="c1", name="银座"))
        session.add(Block(code="k2", community="c1", name="金座"))
        await session.flush()
        building = await session.get_one(Building, "b1")
        building.estate, building.block = None, "k1"
        session.add(Building(code="b2", block="k2", name="金座一号"))
        room = await session.get_one(Duty, 4)
        assert room.role is Role.DUTY_ROOM
        room.scope, room.code = Scope.BLOCK, "k1"
        session.add(PlacesVersion(at=site.clock.now()))


async def test_the_blocks_duty_room_is_told_and_sees_its_block_alone(site):
    await put_into_block(site)
    values = await build(site)
    await site.world.settle()
    assert site.world.heard("room"), "told of the gas in its block"
    room = await account(site, "银座值班室", person="room")
    assert (await room.get(f"/api/v1/items/{values.own['item_id']}")).status_code == 200
    assert (await room.get(f"/api/v1/items/{values.foreign['item_id']}")).status_code == 404
    assert (await room.get("/api/v1/items")).json()["total"] == 1
    trends = await room.get("/desk/trends/places")
    assert "银座" in trends.text
    assert "金座" not in trends.text
    assert (await room.get("/desk/trends/places/block:k1")).status_code == 200
    assert (await room.get("/desk/trends/places/block:k2")).status_code == 404


async def test_an_account_may_be_given_a_block(site):
    await put_into_block(site)
    client = await site.colleague("银座物业", role="leader", scope="block", code="k1")
    values = await build(site)
    assert (await client.get(f"/api/v1/items/{values.own['item_id']}")).status_code == 200
    page = await (await site.operator()).get("/desk/accounts/银座物业")
    assert "银座" in page.text


async def test_the_community_sees_what_lies_in_its_blocks(site):
    await put_into_block(site)
    community = await account(site, "东社区账号", person="secretary")
    shown = await community.get("/desk/trends/places/community:c1")
    assert shown.status_code == 200
    assert "银座" in shown.text
