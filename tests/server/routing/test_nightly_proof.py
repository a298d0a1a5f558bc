"""The proof is made every night, once, and kept."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from server.clock import STREET_ZONE, ManualClock
from server.db.base import Base
from server.db.session import Database
from server.people.tables import Absence, Person
from server.places.service import touch
from server.pulse import Pulses
from server.routing.proving import NightlyProof, newest_proof, night_of
from server.routing.tables import RouteProof
from tests.server.world import fill


@pytest.fixture
async def database(tmp_path):
    opened = Database(f"sqlite+aiosqlite:///{tmp_path}/gridwarden.db")
    async with opened.engine.begin() as connection:
        await connection.exec_driver_sql("PRAGMA synchronous = OFF")
        await connection.run_sync(Base.metadata.create_all)
    await fill(opened)
    yield opened
    await opened.close()


@pytest.fixture
def clock():
    return ManualClock(time=datetime(2026, 11, 24, 12, tzinfo=STREET_ZONE).astimezone(UTC))


@pytest.fixture
def nightly(database, clock):
    return NightlyProof(database=database, clock=clock, pulses=Pulses())


async def proofs(database):
    async with database.read() as session:
        return list(await session.scalars(select(RouteProof).order_by(RouteProof.id)))


async def test_it_is_made_at_once_when_there_is_none_then_every_night_at_three(database, clock, nightly):
    assert await nightly.turn()
    assert not await nightly.turn()
    clock.advance(seconds=14 * 3600)
    assert not await nightly.turn(), "it is two in the morning"
    clock.advance(seconds=3600)
    assert await nightly.turn()
    clock.advance(seconds=23 * 3600)
    assert not await nightly.turn()
    assert len(await proofs(database)) == 2


async def test_a_night_that_was_missed_is_caught_up_once(database, clock, nightly):
    await nightly.turn()
    clock.advance(seconds=10 * 24 * 3600)
    assert await nightly.turn()
    assert not await nightly.turn()


async def test_what_an_absence_leaves_thin_is_kept_and_listed(database, clock, nightly):
    now = clock.now()
    async with database.write() as session:
        for person in await session.scalars(select(Person).where(Person.code.not_in(["leader", "desk"]))):
            person.active = False
        session.add(
            Absence(person="leader", from_at=now + timedelta(hours=5), until_at=now + timedelta(hours=7))
        )
        touch(session, now=now)
    await nightly.turn()
    async with database.read() as session:
        proof = await newest_proof(session)
    assert (proof.grids, proof.hours) == (2, 168)
    listed = [gap for gap in proof.gaps if gap["grid"] == "g1"]
    assert [(datetime.fromisoformat(gap["begins_at"]) - now, gap["least"]) for gap in listed] == [
        (timedelta(hours=5), 1)
    ]
    assert proof.thin_hours == 168 + 2, "the comprehensive grid has nobody of its own all week"


async def test_old_proofs_go(database, clock, nightly):
    await nightly.turn()
    clock.advance(seconds=91 * 24 * 3600)
    await nightly.turn()
    assert len(await proofs(database)) == 1


def test_a_night_belongs_to_the_day_on_which_it_ends():
    assert night_of(datetime(2026, 11, 24, 2, 59, tzinfo=STREET_ZONE)) == date(2026, 11, 23)
    assert night_of(datetime(2026, 11, 24, 3, 0, tzinfo=STREET_ZONE)) == date(2026, 11, 24)
