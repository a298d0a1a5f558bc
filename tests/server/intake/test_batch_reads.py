"""A batch is read at once: how many questions it asks does not grow with its alarms."""

from sqlalchemy import event

from server.devices.tables import Device
from server.intake.tables import Quarantined
from server.items import opening, responsible
from server.items.tables import ItemParty
from server.notify.tables import Notice
from server.places.tables import Building, PlacesVersion
from tests.server.world import GATEWAY, RUN
from wire.vocabulary import AlarmClass, Kind


async def test_four_times_the_alarms_ask_no_more_questions(world):
    await _add_devices(world, 50)
    few = await _questions(world, [world.alarm_message(world.state(f"a{n}", f"d{n}")) for n in range(10)])
    many = await _questions(
        world, [world.alarm_message(world.state(f"a{n}", f"d{n}")) for n in range(10, 50)]
    )
    assert len(many) <= len(few), many
    assert len(await world.items()) == 50
    assert {notice.item for notice in await world.rows(Notice)} == {item.id for item in await world.items()}
    assert {party.item for party in await world.rows(ItemParty)} == {item.id for item in await world.items()}


async def test_lost_contacts_of_a_batch_ask_no_more_questions(world):
    await _add_devices(world, 50)
    silent = {"kind": Kind.CONTACT, "class_": AlarmClass.FAULT, "rule": "silent"}

    def messages(first, last):
        return [world.alarm_message(world.state(f"a{n}", f"d{n}", **silent)) for n in range(first, last)]

    few = await _questions(world, messages(0, 10))
    many = await _questions(world, messages(10, 50))
    assert len(many) <= len(few), many
    assert all(item.held_until is not None for item in await world.items())


async def test_new_visits_of_a_batch_ask_no_more_questions(world):
    await _add_devices(world, 50)
    async with world.database.write() as session:
        for n in range(50):
            session.add(Building(code=f"x{n}", estate="e1", name=f"{n}栋", grid="g1"))
            await session.flush()
            (await session.get_one(Device, (GATEWAY, f"d{n}"))).building = f"x{n}"
        session.add(PlacesVersion(at=world.clock.now()))
    worn = {"class_": AlarmClass.FAULT, "rule": "life-over"}

    def messages(first, last):
        return [world.alarm_message(world.state(f"a{n}", f"d{n}", **worn)) for n in range(first, last)]

    few = await _questions(world, messages(0, 10))
    many = await _questions(world, messages(10, 50))
    assert len(many) <= len(few), many
    assert sum(item.grouping is not None for item in await world.items()) == 50


async def test_a_device_whose_chain_cannot_be_told_does_not_hold_up_the_batch(world, monkeypatch):
    healthy = responsible.look_up_all

    async def sick(session, devices, **options):
        if (GATEWAY, "stray-5") in devices:
            raise ZeroDivisionError
        return await healthy(session, devices, **options)

    monkeypatch.setattr(opening, "look_up_all", sick)
    batch = [world.alarm_message(world.state(f"a{n}", f"stray-{n}"), seq=n) for n in range(1, 12)]
    done = await world.take(*batch)
    assert sorted(done.acks[GATEWAY, RUN]) == list(range(1, 12))
    assert len(await world.items()) == 11
    [kept] = await world.rows(Quarantined)
    assert kept.payload == batch[4].payload


async def _add_devices(world, count):
    async with world.database.write() as session:
        for n in range(count):
            session.add(
                Device(
                    gateway=GATEWAY,
                    device=f"d{n}",
                    name="厨房探测器",
                    building="b1",
                    first_heard_at=world.clock.now(),
                )
            )


async def _questions(world, messages):
    """Take a batch in and return what was asked of the database."""
    asked = []

    def hear(_connection, _cursor, statement, *_rest):
        if statement.startswith("SELECT"):
            asked.append(statement)

    engine = world.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", hear)
    await world.take(*messages)
    event.remove(engine, "before_cursor_execute", hear)
    return asked
