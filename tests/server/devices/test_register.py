"""Devices come, move, wear out and are replaced; the register remembers, and their place stays somebody's."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from server.audit.tables import AuditRow
from server.devices.register import (
    Act,
    Change,
    changes_of,
    devices_due,
    put_device,
    replace_device,
    retire_device,
    return_device,
)
from server.devices.tables import Device
from server.errors import ConflictError, InvalidError, NotFoundError
from server.routing.service import chain_for
from tests.server.world import GATEWAY, open_world


@pytest.fixture
async def world(tmp_path):
    async with open_world(tmp_path) as opened:
        yield opened


@pytest.fixture
def do(world):
    async def act(function, *words, **options):
        async with world.database.write() as session:
            return await function(
                session, *words, act=Act(by="值班员", reason="巡检", now=world.clock.now()), **options
            )

    return act


async def story(world, device):
    async with world.database.read() as session:
        return await changes_of(session, GATEWAY, device)


async def owner(world, device):
    async with world.database.read() as session:
        return (await chain_for(session, GATEWAY, device, world.clock.now())).owner.person


async def test_what_was_only_heard_of_is_adopted_and_from_then_on_has_a_leader(world, do):
    await world.take(world.alarm_message(world.state("a9", "new-1")))
    assert await owner(world, "new-1") == "desk"
    await do(
        put_device,
        GATEWAY,
        "new-1",
        {"name": "新探测器", "building": "b1", "installed_on": date(2026, 11, 1)},
    )
    assert await owner(world, "new-1") == "leader"
    (change,) = await story(world, "new-1")
    assert (change.change, change.by, change.reason) == (Change.ADOPTED, "值班员", "巡检")
    assert change.before == {"adopted": False}
    assert change.after == {
        "adopted": True,
        "name": "新探测器",
        "building": "b1",
        "installed_on": "2026-11-01",
    }


async def test_a_move_keeps_where_it_was(world, do):
    await do(put_device, GATEWAY, "gas-1", {"floor": "3", "door": "301"})
    (change,) = await story(world, "gas-1")
    assert change.change == Change.MOVED
    assert (change.before, change.after) == ({"floor": "2", "door": "201"}, {"floor": "3", "door": "301"})
    await do(put_device, GATEWAY, "gas-1", {"tested_on": date(2026, 11, 20)})
    assert [one.change for one in await story(world, "gas-1")] == [Change.CORRECTED, Change.MOVED]


async def test_a_replacement_takes_the_place_and_the_old_one_keeps_its_history(world, do):
    await do(put_device, GATEWAY, "gas-1", {"tested_on": date(2026, 1, 1), "responsible": "secretary"})
    new = await do(
        replace_device,
        GATEWAY,
        "gas-1",
        (GATEWAY, "gas-9"),
        {"model": "m2", "installed_on": date(2026, 11, 24)},
    )
    assert (new.building, new.door, new.name, new.responsible) == ("b1", "201", "厨房探测器", "secretary")
    assert (new.model, new.installed_on, new.tested_on) == ("m2", date(2026, 11, 24), None)
    async with world.database.read() as session:
        old = await session.get(Device, (GATEWAY, "gas-1"))
    assert old.replaced_by == f"{GATEWAY}/gas-9"
    assert old.retired_at == world.clock.now()
    assert old.tested_on == date(2026, 1, 1)
    assert [one.change for one in await story(world, "gas-1")] == [Change.REPLACED, Change.CORRECTED]
    assert [one.change for one in await story(world, "gas-9")] == [Change.TOOK_OVER, Change.REGISTERED]
    assert await owner(world, "gas-1") == "secretary", "should it still speak, somebody near looks"


async def test_new_hardware_under_the_same_id_begins_its_dates_anew(world, do):
    await do(put_device, GATEWAY, "gas-1", {"tested_on": date(2026, 1, 1), "ends_on": date(2026, 12, 1)})
    same = await do(
        replace_device, GATEWAY, "gas-1", (GATEWAY, "gas-1"), {"installed_on": date(2026, 11, 24)}
    )
    assert (same.tested_on, same.ends_on, same.retired_at) == (None, None, None)
    newest = (await story(world, "gas-1"))[0]
    assert newest.before["ends_on"] == "2026-12-01"


async def test_one_that_is_in_use_elsewhere_cannot_take_over(world, do):
    with pytest.raises(ConflictError):
        await do(replace_device, GATEWAY, "gas-1", (GATEWAY, "gas-2"), {})
    async with world.database.read() as session:
        assert (await session.get(Device, (GATEWAY, "gas-1"))).retired_at is None


async def test_retired_is_retired_until_it_returns(world, do):
    await do(retire_device, GATEWAY, "gas-1")
    for again in (retire_device,):
        with pytest.raises(ConflictError):
            await do(again, GATEWAY, "gas-1")
    with pytest.raises(ConflictError):
        await do(put_device, GATEWAY, "gas-1", {"name": "x"})
    with pytest.raises(ConflictError):
        await do(replace_device, GATEWAY, "gas-1", (GATEWAY, "gas-9"), {})
    await do(return_device, GATEWAY, "gas-1")
    with pytest.raises(ConflictError):
        await do(return_device, GATEWAY, "gas-1")
    assert [one.change for one in await story(world, "gas-1")] == [Change.RETURNED, Change.RETIRED]


@pytest.mark.parametrize(
    ("gateway", "values", "error"),
    [
        ("gw-none", {}, NotFoundError),
        (GATEWAY, {"building": "b9"}, InvalidError),
        (GATEWAY, {"grid": "g9"}, InvalidError),
        (GATEWAY, {"responsible": "nobody"}, InvalidError),
        (GATEWAY, {"longitude": 120.0}, InvalidError),
        (GATEWAY, {"colour": "red"}, InvalidError),
    ],
)
async def test_what_names_nothing_is_refused(*, world, do, gateway, values, error):
    with pytest.raises(error):
        await do(put_device, gateway, "gas-1", values)
    assert await story(world, "gas-1") == []


async def test_what_is_not_there_cannot_be_retired_or_replaced(do):
    with pytest.raises(NotFoundError):
        await do(retire_device, GATEWAY, "gas-77")
    with pytest.raises(NotFoundError):
        await do(replace_device, GATEWAY, "gas-77", (GATEWAY, "gas-9"), {})


async def test_what_is_due_is_listed_the_earliest_first(world, do):
    today = date(2026, 11, 24)
    await do(put_device, GATEWAY, "gas-1", {"ends_on": today + timedelta(days=20)})
    await do(put_device, GATEWAY, "gas-2", {"test_due_on": today, "ends_on": today + timedelta(days=400)})
    await do(put_device, GATEWAY, "meter-1", {"test_due_on": today + timedelta(days=31)})
    async with world.database.read() as session:
        due = [row.device for row in await devices_due(session, until=today + timedelta(days=30))]
    assert due == ["gas-2", "gas-1"]
    await do(retire_device, GATEWAY, "gas-2")
    async with world.database.read() as session:
        assert [row.device for row in await devices_due(session, until=today + timedelta(days=30))] == [
            "gas-1"
        ]


async def test_every_change_leaves_an_audit_row(world, do):
    await do(put_device, GATEWAY, "gas-1", {"door": "301"})
    await do(replace_device, GATEWAY, "gas-1", (GATEWAY, "gas-9"), {})
    async with world.database.read() as session:
        rows = [row for row in await session.scalars(select(AuditRow)) if row.subject_kind == "device"]
    assert [(row.action, row.subject) for row in rows] == [
        ("device_moved", f"{GATEWAY}/gas-1"),
        ("device_registered", f"{GATEWAY}/gas-9"),
        ("device_took_over", f"{GATEWAY}/gas-9"),
        ("device_replaced", f"{GATEWAY}/gas-1"),
    ]
