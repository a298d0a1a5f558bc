"""Who is responsible for a device of the sample street, and the sentence that says why."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from server.people.tables import Duty, Person, Role
from server.places.tables import PlacesVersion
from server.routing.service import chain_for
from tests.server.street.conftest import NOW


async def chain(database, device, gateway="gw-demo-01"):
    async with database.read() as session:
        return await chain_for(session, gateway, device, NOW)


def people(found):
    return [(link.person, link.role) for link in found.links if link.reachable]


async def change(database, statement=None, **person):
    async with database.write() as session:
        if statement is not None:
            await session.execute(statement)
        for code, values in person.items():
            known = await session.get(Person, code)
            for name, value in values.items():
                setattr(known, name, value)
        session.add(PlacesVersion(at=NOW))


async def test_a_building_leads_to_its_grids_leader_then_upward_to_the_desk(street):
    found = await chain(street, "gas-kitchen")
    assert people(found)[:2] == [("wang", Role.LEADER), ("li", Role.DEPUTY)]
    assert people(found)[-1] == ("desk", Role.DESK)
    assert found.where == "枫桥里社区 枫桥新村 1幢 2楼 202室"
    assert found.reason == "由王秀兰负责，因为1幢属于第一微网格，王秀兰是网格长。"


async def test_a_position_leads_to_the_grid_whose_polygon_holds_it(street):
    found = await chain(street, "hydrant-1")
    assert found.grid == "W01"
    assert found.building is None
    assert "范围内" in found.reason


async def test_a_leader_who_cannot_be_told_is_passed_over_and_named(street):
    await change(street, wang={"webhook_url": None})
    found = await chain(street, "gas-kitchen")
    assert found.owner.person == "li"
    assert "王秀兰" in found.reason
    assert "联系不上" in found.reason


async def test_somebody_who_left_is_not_told(street):
    await change(street, wang={"active": False})
    assert "wang" not in [person for person, _ in people(await chain(street, "gas-kitchen"))]


async def test_a_grid_without_anybody_goes_up_to_the_next(street):
    await change(street, delete(Duty).where(Duty.scope == "grid", Duty.code == "W01"))
    found = await chain(street, "gas-kitchen")
    assert found.owner.person == "chen"
    assert found.owner.role is Role.OFFICER


async def test_a_device_nobody_registered_is_the_desks(street):
    found = await chain(street, "no-such-device")
    assert people(found)[-1] == ("desk", Role.DESK)
    assert found.owner.role in (Role.DESK, *Role), "there is always an owner"
    assert found.reason


async def test_a_gateway_nobody_registered_is_the_desks_and_is_named_as_the_place(street):
    found = await chain(street, "gas-1", gateway="gw-nowhere")
    assert people(found) == [("desk", Role.DESK)]
    assert "gw-nowhere" in found.where


async def test_an_empty_street_still_has_somebody(database):
    found = await chain(database, "gas-1")
    assert found.links
    assert found.reason


async def test_nobody_is_told_twice(street):
    for device in ("gas-kitchen", "hydrant-1", "river-1", "leakage-kitchen"):
        told = [person for person, _ in people(await chain(street, device))]
        assert len(told) == len(set(told))


@pytest.mark.parametrize("language", ["zh_CN", "en"])
async def test_reasons_are_sentences_in_both_languages(street, language):
    found = await chain(street, "gas-kitchen")
    said = found.reason_in(language)
    assert "王秀兰" in said
    assert said.endswith("。" if language == "zh_CN" else ".")


CODES = ["wang", "li", "zhao", "chen", "liu", "duty-e01", "fix", "desk"]


async def test_whoever_is_away_there_is_an_owner(street):
    @settings(max_examples=60)
    @given(st.sets(st.sampled_from(CODES)))
    def away(absent):
        subsets.append(absent)

    subsets: list[set[str]] = []
    away()
    for absent in subsets:
        values = {code: {"active": code not in absent} for code in CODES}
        await change(street, **values)
        found = await chain(street, "gas-kitchen")
        assert found.owner is found.links[-1] or found.owner.reachable
        assert not {person for person, _ in people(found)} & absent
