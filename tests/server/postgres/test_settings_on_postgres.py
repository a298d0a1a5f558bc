"""What the pages of settings and access ask is understood by PostgreSQL too."""

import asyncio
from datetime import timedelta

import pytest

from server.access import accounts, invitations, lockouts
from server.access.accountpages import _found, _rows
from server.access.secrets import hash_password
from server.access.service import note_failure
from server.audit.reading import AuditFilter, all_rows, newest_rows
from server.db.migrate import migrate
from server.db.session import Database
from server.escalation.whereabouts import chain_at, find_spots
from server.items.budget import read_loads
from server.notify.receipts import Receipt
from server.notify.standing import Health, channel_standings, last_receipts
from server.notify.trying import newest_trials, note_test_receipt, try_person
from server.people.model import ChannelKind
from tests.harness.postgres import running_postgres
from tests.server.world import fill, running_parts

pytestmark = pytest.mark.story


@pytest.fixture
async def world():
    async with running_postgres() as url:
        await asyncio.to_thread(migrate, url)
        database = Database(url)
        await fill(database)
        async with running_parts(database) as parts:
            yield parts
        await database.close()


async def test_accounts_invitations_and_lock_outs(world):
    now = world.clock.now()
    async with world.database.write() as session:
        await accounts.make_account(session, "周晓梅", by="甲", now=now, person="leader")
        code = await invitations.invite(session, "周晓梅", by="甲", now=now)
        for second in range(8):
            await note_failure(session, "周晓梅", "10.0.0.1", now + timedelta(seconds=second))
    password = await hash_password("a-long-password")
    async with world.database.write() as session:
        joined = await invitations.join(session, code, password, source="10.0.0.2", now=now)
    assert joined == "周晓梅"
    later = now + timedelta(seconds=8)
    async with world.database.read() as session:
        waiting = await lockouts.lockouts(session, now=later)
        found, total = await _found(session, "leader某")
        (row,) = await _rows(session, found, {}, later)
    assert {(one.name, one.source, one.failures) for one in waiting} == {
        ("周晓梅", "", 8),
        ("", "10.0.0.1", 8),
    }
    assert (total, row.name, row.person) == (1, "周晓梅", "leader某")
    assert [grant.code for grant in row.grants] == ["g1"], "by the person's duty"
    async with world.database.write() as session:
        assert await lockouts.lift(session, name="周晓梅", by="甲", now=later) == 8


async def test_channels_trials_loads_places_and_the_audit(world):
    await world.raise_alarm()
    await world.settle()
    now = world.clock.now()
    trial = await try_person(
        world.database,
        {"webhook": world.channel},
        "leader",
        "webhook",
        by="甲",
        link="http://server.example",
        now=now,
    )
    async with world.database.write() as session:
        assert await note_test_receipt(session, trial.id, "", Receipt.READ, now=now)
    async with world.database.read() as session:
        standing = {one.kind: one for one in await channel_standings(session, now=now)}
        assert standing[ChannelKind.WEBHOOK].health is Health.WORKING
        assert await last_receipts(session) == []
        assert [name for _, name in await newest_trials(session)] == ["leader某"]
        assert await read_loads(session, None, now=now) == {}
        (spot,) = await find_spots(session, "1号微网格")
        assert (await chain_at(session, spot, now)).owner.person == "leader"
        newest = await newest_rows(session, AuditFilter(subject="leader"), before=None, most=10)
        assert [row.action for row, _ in newest] == ["test_message_sent"]
        assert [row.id async for row, _ in all_rows(session, AuditFilter(since=now - timedelta(hours=1)))]
