"""Grids with their buildings, leaders and gaps, and who is responsible for a door."""

import pytest

from server.places.tables import Building, Door, Grid, PlacesVersion


@pytest.fixture
async def client(site):
    async with site.world.database.write() as session:
        grid = await session.get(Grid, "g1")
        grid.polygon = "POLYGON((120 30,120.01 30,120.01 30.01,120 30.01,120 30))"
        building = await session.get(Building, "b1")
        building.longitude, building.latitude = 120.005, 30.005
        session.add(Grid(code="g9", community="c1", kind=grid.kind, name="9号微网格", polygon=grid.polygon))
        await session.flush()
        session.add(Door(building="b1", door="101室", grid="g9"))
        session.add(PlacesVersion(at=site.clock.now()))
    return await site.operator()


async def test_the_street_leads_to_a_community_and_a_grid_with_its_buildings_and_leader(site, client):
    street = (await client.get("/desk/grids")).text
    assert '<a href="/desk/grids/communities/c1">东社区</a>' in street
    assert "边界重叠" in street
    community = (await client.get("/desk/grids/communities/c1")).text
    assert "leader某" in community
    assert "没有网格长" in community.split("9号微网格")[1], "nobody leads that one"
    grid = (await client.get("/desk/grids/g1")).text
    assert "3号楼" in grid
    assert "没有空档" in grid
    assert "leader某是网格长" in grid
    assert (await client.get("/desk/grids/nowhere")).status_code == 404


async def test_gaps_are_told_in_words(site, client):
    for person in ("deputy", "officer", "secretary", "desk", "leader"):
        await site.world.set_person(person, active=False)
    assert "一个人都通知不到" in (await client.get("/desk/grids/g1")).text
    assert "小时不足两人" in (await client.get("/desk/grids/communities/c1")).text


async def test_maps_draw_the_owners_shapes_with_their_state(site, client):
    drawn = (await client.get("/desk/grids/map")).json()["features"]
    states = {one["properties"]["name"]: one["properties"]["state"] for one in drawn}
    assert states["g1"] == "covered"
    assert states["g9"] == "leaderless"
    assert "overlap" in states.values()
    grid = (await client.get("/desk/grids/g1/map")).json()
    assert [one["at"] for one in grid["buildings"]] == [[120.005, 30.005]]
    assert (await client.get("/desk/grids/communities/c1/map")).json()["features"]


async def test_a_door_is_looked_up_now_and_at_a_time_with_the_reason(site, client):
    page = (await client.get("/desk/responsible", params={"q": "东苑"})).text
    assert "/desk/responsible?building=b1" in page
    now = (await client.get("/desk/responsible", params={"building": "b1"})).text
    assert "3号楼属于1号微网格" in now
    door = (await client.get("/desk/responsible", params={"building": "b1", "door": "101室"})).text
    assert "3号楼101室属于9号微网格" in door
    wanted = {"from_at": "2026-12-01T00:00:00+08:00", "until_at": "2026-12-02T00:00:00+08:00"}
    await client.post("/api/v1/people/leader/absences", json=wanted)
    later = (await client.get("/desk/responsible", params={"building": "b1", "at": "2026-12-01T08:00"})).text
    assert "leader某" in later.split("<h2>现在</h2>")[1].split("<strong>")[1].split("</strong>")[0]
    assert "deputy某" in later.split("12-01 08:00")[1].split("</strong>")[0]
    assert (await client.get("/desk/responsible", params={"building": "b1", "at": "soon"})).status_code == 422
