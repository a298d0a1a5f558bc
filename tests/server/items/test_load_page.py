"""The desk sees whose hour is full, and only of people within reach."""

import re

import pytest

from server.access.model import AccessRole
from server.devices.tables import Device
from server.people.model import Scope
from server.places.tables import Building, PlacesVersion
from tests.server.access.street_of_two import account
from tests.server.web.running_site import open_site
from wire.vocabulary import AlarmClass

HERE = "/desk/load"


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def ask(site, count: int) -> None:
    """So many visits fall due in the leader's grid, one a minute."""
    world = site.world
    async with world.database.write() as session:
        for n in range(count):
            session.add(Building(code=f"x{n}", estate="e1", name=f"{n}栋", grid="g1"))
            await session.flush()
            session.add(Device(gateway="gw-one", device=f"v{n}", building=f"x{n}"))
        session.add(PlacesVersion(at=world.clock.now()))
    for n in range(count):
        await world.raise_alarm(f"v{n}", f"v{n}", rule="battery-low", class_=AlarmClass.ADVICE)
        await world.pass_time(60)


def row_of(page: str, name: str) -> str:
    return next(row for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL) if name in row)


async def test_the_desk_sees_how_full_an_hour_is(site):
    desk = await site.operator()
    assert "没有人被可以等的事打扰" in (await desk.get(HERE)).text
    await ask(site, 5)
    page = (await desk.get(HERE)).text
    row = row_of(page, "leader某")
    assert "3 / 3" in row
    assert "再有就汇总" in row
    assert re.search(r"<td>2</td><td>\d\d:\d\d:\d\d</td>", row), "two wait, and until when is said"
    assert "这不是排名" in page
    await site.world.raise_alarm("leak", "gas-1")
    await site.world.settle()
    assert row_of((await desk.get(HERE)).text, "leader某") == row, "what is urgent is not counted"


async def test_a_community_sees_its_own_people_alone(site):
    await ask(site, 1)
    near = await account(site, "近", (AccessRole.COMMUNITY, Scope.COMMUNITY, "c1"))
    far = await account(site, "远", (AccessRole.COMMUNITY, Scope.COMMUNITY, "elsewhere"))
    assert "leader某" in (await near.get(HERE)).text
    assert "leader某" not in (await far.get(HERE)).text
