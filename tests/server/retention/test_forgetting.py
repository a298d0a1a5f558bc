"""Forgetting on a moved clock: what is past its time is gone, from the tables and from the disk."""

import pytest
from sqlalchemy import select, update

from server.access.tables import Link, LoginFailure, OperatorSession, Phone
from server.audit import chain
from server.audit.tables import AuditRow
from server.db.base import Base
from server.feedback.tables import Feedback
from server.intake.tables import Quarantined
from server.items.model import Move
from server.items.tables import Item, ItemMove
from server.people.tables import Contact, Duty, Person
from server.photos.tables import ItemPhoto
from server.pulse import Pulses
from server.retention.loop import Upkeep
from server.retention.service import Lives
from server.retention.tables import ForgettingRun
from tests.server.photos.test_photos import camera_photo, send
from tests.server.web.running_site import open_site

DAY_S = 86_400
WORDS = "王女士说厨房有味道"
MOBILE = "13900000077"


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path, words_days=100, photo_days=30, quarantine_days=10) as opened:
        yield opened


def upkeep(site) -> Upkeep:
    return Upkeep(
        database=site.world.database,
        clock=site.clock,
        pulses=Pulses(),
        lives=Lives.of(site.settings),
        photos=site.settings.photo_folder,
    )


async def a_closed_item_with_everything(site):
    item = await site.world.raise_alarm()
    link, phone = await site.link(item.id, "leader"), await site.visitor()
    press = {"move": "accept", "press": "press-0001"}
    await phone.post(f"{link}/moves", data=press)
    assert (await send(phone, link, camera_photo(size=(40, 20)))).status_code == 303
    await site.world.press("leader", Move.NEED_HELP, reason=WORDS)
    await site.world.take(site.world.bytes(b"\xff not readable"))
    await site.visitor()
    async with site.world.database.write() as session:
        await session.execute(update(Item).values(closed_at=site.clock.now(), open_key=None))
    return item


async def everything_written(site) -> str:
    async with site.world.database.read() as session:
        moves = [row.reason for row in await session.scalars(select(ItemMove))]
        acts = [f"{row.reason} {row.detail}" for row in await session.scalars(select(AuditRow))]
    return " ".join(moves + acts)


async def every_cell(site) -> str:
    """Return everything that stands in any table."""
    async with site.world.database.read() as session:
        rows = [
            row for table in Base.metadata.tables.values() for row in await session.execute(select(table))
        ]
    return "\n".join(str(tuple(row)) for row in rows)


async def test_each_kind_goes_at_its_own_time_and_the_chain_stays_whole(site):
    await a_closed_item_with_everything(site)
    await upkeep(site).turn()
    world = site.world
    assert WORDS in await everything_written(site)
    site.clock.advance(seconds=11 * DAY_S)
    await upkeep(site).turn()
    assert await world.rows(Quarantined) == []
    assert await world.rows(Link) == [], "a week after the item closed"
    assert len(await world.rows(Phone)) == 1, "her list and her week stay on it for half a year"
    assert len(await world.rows(ItemPhoto)) == 1
    site.clock.advance(seconds=20 * DAY_S)
    await upkeep(site).turn()
    assert await world.rows(ItemPhoto) == []
    assert list(site.settings.photo_folder.iterdir()) == []
    assert WORDS in await everything_written(site)
    site.clock.advance(seconds=70 * DAY_S)
    await upkeep(site).turn()
    assert WORDS not in await everything_written(site)
    async with world.database.read() as session:
        found = await chain.verify(session)
    assert found.problems == ()
    assert found.head.seq >= 4, "acts were sealed"


async def test_words_on_an_open_item_stay(site):
    await site.world.raise_alarm()
    await site.world.press("leader", Move.NEED_HELP, reason=WORDS)
    site.clock.advance(seconds=200 * DAY_S)
    await upkeep(site).turn()
    assert WORDS in [row.reason for row in await site.world.rows(ItemMove)]


async def test_complaints_and_reasons_for_laying_aside_go_and_nothing_of_them_is_left_in_the_file(tmp_path):
    async with open_site(tmp_path, words_days=100) as site:
        item = await site.world.raise_alarm()
        async with site.world.database.write() as session:
            written = {"id": "f1", "press": "p1", "written_at": site.clock.now(), "text": "半夜有人来敲门"}
            session.add(Feedback(**written, contact=MOBILE))
            await session.execute(update(Item).values(shelf_reason=WORDS, closed_at=site.clock.now()))
        for _ in range(2):
            site.clock.advance(seconds=51 * DAY_S)
            assert len(await site.world.rows(Feedback)) == 1
            await upkeep(site).turn()
        assert await site.world.rows(Feedback) == []
        assert [one.shelf_reason for one in await site.world.rows(Item) if one.id == item.id] == [""]
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("gridwarden.db*"))
    assert item.id.encode() in kept
    for word in (WORDS, MOBILE, "半夜有人来敲门"):
        assert word.encode() not in kept, word


async def test_dead_sessions_and_old_failures_go(site):
    client = await site.operator()
    await client.post("/login", data={"name": "nobody", "password": "a wrong one here"})
    site.clock.advance(seconds=2 * DAY_S)
    await upkeep(site).turn()
    assert await site.world.rows(OperatorSession) == []
    assert await site.world.rows(LoginFailure) == []


async def test_it_is_done_once_a_night_also_after_a_restart(site):
    for _ in range(3):
        await upkeep(site).turn()
    assert len(await site.world.rows(ForgettingRun)) == 1
    site.clock.advance(seconds=DAY_S)
    await upkeep(site).turn()
    assert len(await site.world.rows(ForgettingRun)) == 2


async def test_a_person_is_given_out_and_erased(site):
    item = await a_closed_item_with_everything(site)
    async with site.world.database.write() as session:
        added = {"channel": "sms", "address": MOBILE, "added_at": site.clock.now()}
        session.add(Contact(person="leader", **added))
        written = {"id": "f1", "press": "p1", "written_at": site.clock.now(), "text": "谢谢"}
        session.add(Feedback(**written, contact=f"leader某 {MOBILE}"))
    before = await every_cell(site)
    assert all(word in before for word in (WORDS, MOBILE, "leader某"))
    admin = await site.operator()
    path = "/api/v1/people/leader/data"
    told = (await admin.get(path)).json()
    assert [one["address"] for one in told["contacts"]] == [MOBILE]
    assert told["person"]["name"] == "leader某"
    assert {one["item"] for one in told["told"]} == {item.id}
    assert "phone_hash" not in told["links"][0]
    assert (await admin.delete(path)).status_code == 409, "still on duty"
    async with site.world.database.write() as session:
        for duty in await session.scalars(select(Duty).where(Duty.person == "leader")):
            await session.delete(duty)
    assert (await admin.delete(path)).status_code == 204
    person = next(one for one in await site.world.rows(Person) if one.code == "leader")
    assert (person.name, person.webhook_url, person.phone, person.active) == ("（已删除）", None, None, False)
    for word in (WORDS, MOBILE, "leader某"):
        assert word not in await every_cell(site), word
    assert await site.world.rows(ItemPhoto) == []
    async with site.world.database.read() as session:
        assert (await chain.verify(session)).problems == ()
    acts = [row.action for row in await site.world.rows(AuditRow)]
    assert acts.count("person_exported") == acts.count("person_erased") == 1
