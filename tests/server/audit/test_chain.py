"""The chain over the audit: whoever changes, adds or takes out a sealed row is found out."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, update

from server.audit import chain
from server.audit import service as audit
from server.audit.tables import AuditRow, AuditSeal
from server.db.session import Database
from tests.harness.copied_sqlite import copy_migrated

NOW = datetime(2026, 11, 24, 2, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def address(tmp_path):
    return copy_migrated(tmp_path)


@pytest.fixture
async def database(address):
    opened = Database(address)
    async with opened.write() as session:
        for number in range(6):
            await audit.record(
                session,
                at=NOW,
                actor_kind="operator",
                actor="值班员",
                action="item_note",
                subject_kind="item",
                subject=f"item-{number}",
                reason=f"王女士说没事 {number}",
                detail={"b": 1, "a": ["x"]},
            )
    async with opened.write() as session:
        assert await chain.seal(session, now=NOW) == 6
    yield opened
    await opened.close()


async def verdict(database, **options):
    async with database.read() as session:
        return await chain.verify(session, **options)


async def change(database, statement):
    async with database.write() as session:
        await session.execute(statement)


async def test_a_chain_that_nobody_touched_is_whole(database):
    found = await verdict(database)
    assert (found.problems, found.head.seq, found.unsealed) == ((), 6, 0)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (update(AuditRow).where(AuditRow.id == 3).values(actor="somebody else"), "seal 3"),
        (update(AuditRow).where(AuditRow.id == 3).values(reason="nothing happened"), "reason or detail"),
        (update(AuditRow).where(AuditRow.id == 3).values(detail={}), "reason or detail"),
        (update(AuditRow).where(AuditRow.id == 3).values(at=NOW.replace(hour=3)), "seal 3"),
        (delete(AuditRow).where(AuditRow.id == 3), "the audit row 3 is missing"),
        (delete(AuditSeal).where(AuditSeal.seq == 3), "seals 3 to 3 are missing"),
        (update(AuditSeal).where(AuditSeal.seq == 3).values(hash="0" * 64), "seal 3"),
        (update(AuditSeal).where(AuditSeal.seq == 3).values(words_digest="0" * 64), "seal 3"),
    ],
)
async def test_one_row_tampered_with_is_found(database, statement, said):
    await change(database, statement)
    assert said in " ".join((await verdict(database)).problems)


async def test_a_chain_cut_off_at_its_end_is_found_with_an_end_written_down_before(database):
    before = (await verdict(database)).head
    await change(database, delete(AuditSeal).where(AuditSeal.seq > 4))
    await change(database, delete(AuditRow).where(AuditRow.id > 4))
    assert (await verdict(database)).problems == (), "by itself a shorter chain is a chain"
    assert "not part of the chain" in (await verdict(database, expected=before)).problems[0]


async def test_words_are_erased_and_the_chain_stays_whole(database):
    async with database.write() as session:
        assert await chain.erase_words(session, [2, 5], now=NOW) == 2
    found = await verdict(database)
    assert found.problems == ()
    async with database.read() as session:
        row, mark = await session.get_one(AuditRow, 2), await session.get_one(AuditSeal, 2)
    assert (row.reason, row.detail, row.actor) == ("", {}, "值班员")
    assert mark.salt == "", "or the words could be guessed back from their digest"


async def test_words_put_back_after_an_erasure_are_found(database):
    async with database.write() as session:
        await chain.erase_words(session, [2], now=NOW)
    await change(database, update(AuditRow).where(AuditRow.id == 2).values(reason="王女士说没事 1"))
    assert "has words again" in (await verdict(database)).problems[0]


async def test_a_row_that_was_committed_late_is_sealed_behind_the_others(database):
    async with database.write() as session:
        session.add(
            AuditRow(
                id=100,
                at=NOW,
                actor_kind="system",
                actor="server",
                action="late",
                subject_kind="item",
                subject="x",
            )
        )
    assert (await verdict(database)).unsealed == 1
    async with database.write() as session:
        assert await chain.seal(session, now=NOW) == 1
    assert (await verdict(database)).problems == ()


async def test_a_row_forgotten_long_ago_is_found_when_all_are_looked_at(database):
    late = AuditRow(
        id=7_000, at=NOW, actor_kind="system", actor="server", action="x", subject_kind="s", subject="s"
    )
    async with database.write() as session:
        session.add(late)
        await session.flush()
        assert await chain.seal(session, now=NOW) == 1
    async with database.write() as session:
        session.add(
            AuditRow(
                id=100, at=NOW, actor_kind="system", actor="server", action="x", subject_kind="s", subject="s"
            )
        )
    async with database.read() as session:
        assert not await chain.has_unsealed(session), "a look that costs nothing sees what is new"
        assert await chain.has_unsealed(session, all_of_them=True)
    async with database.write() as session:
        assert await chain.seal(session, now=NOW, all_of_them=True) == 1
    assert (await verdict(database)).problems == ()
    assert (await verdict(database)).unsealed == 0
