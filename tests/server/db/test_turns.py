"""One connection writes SQLite's file, others read; processes take turns; many callers share a commit."""

import asyncio
import os

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from structlog.testing import capture_logs

from server.audit import service as audit
from server.audit.tables import AuditRow
from server.db import turns
from server.db.base import Base
from server.db.session import Database
from server.db.together import Together
from tests.server.world import at


@pytest.fixture
async def database(tmp_path):
    opened = Database(f"sqlite+aiosqlite:///{tmp_path}/some.db")
    async with opened.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield opened
    await opened.close()


async def note(session, what):
    await audit.record(
        session, at=at(), actor_kind="test", actor="t", action=what, subject_kind="none", subject="-"
    )


async def _note_and_fail(session):
    async with session.begin_nested():
        await note(session, "lost")
        raise ZeroDivisionError


async def actions(database):
    async with database.read() as session:
        found = await session.execute(text("select action from audit_row order by id"))
        return [row.action for row in found]


async def test_a_reading_session_cannot_write_and_never_carries_the_log_over(database):
    async with database.read() as session:
        assert await session.scalar(text("pragma journal_mode")) == "wal"
        assert await session.scalar(text("pragma wal_autocheckpoint")) == 0
        with pytest.raises(OperationalError, match="readonly"):
            await session.execute(text("delete from audit_row"))


async def test_readers_go_on_while_a_transaction_is_open_and_see_what_is_committed(database):
    async with database.write() as session:
        await note(session, "first")
        await session.flush()
        assert await actions(database) == []
    assert await actions(database) == ["first"]


async def test_all_writers_share_one_connection(database):
    seen = set()
    for _ in range(3):
        async with database.write() as session:
            raw = await (await session.connection()).get_raw_connection()
            seen.add(id(raw.driver_connection))
    assert len(seen) == 1


async def test_two_processes_write_in_turn(database, tmp_path):
    other = Database(f"sqlite+aiosqlite:///{tmp_path}/some.db")
    order = []

    async def write(through, name):
        async with through.write() as session:
            order.append(f"{name} begins")
            await note(session, name)
            await asyncio.sleep(0.02)
        order.append(f"{name} ended")

    await asyncio.gather(write(database, "server"), write(other, "import"))
    await other.close()
    assert order in (
        ["server begins", "server ended", "import begins", "import ended"],
        ["import begins", "import ended", "server begins", "server ended"],
    )


async def test_a_process_that_does_not_end_its_transaction_is_not_waited_for_forever(
    database, tmp_path, monkeypatch
):
    monkeypatch.setattr(turns, "PATIENCE_S", 0.0)
    other = turns.WriterTurn(str(tmp_path / "some.db"))
    async with other.taken():
        with pytest.raises(TimeoutError, match="another process"):
            async with database.write():
                pass
    other.close()
    async with database.write() as session:
        await note(session, "later")
    assert await actions(database) == ["later"]


async def test_a_row_that_is_not_looked_at_again_goes_with_its_savepoint(database):
    async with database.write() as session:
        await note(session, "kept")
        with pytest.raises(ZeroDivisionError):
            await _note_and_fail(session)
        await note(session, "also kept")
    assert await actions(database) == ["kept", "also kept"]
    async with database.read() as session:
        row = await session.get_one(AuditRow, 1)
        assert (row.at, row.reason, row.detail) == (at(), "", {})


async def _say_and_fail(session):
    async with session.begin_nested():
        session.say("lost")
        async with session.begin_nested():
            session.say("lost too")
        session.add(AuditRow(id=1))  # the database refuses it: a flush fails within the savepoint
        await session.flush()


async def _say_and_roll_back(database):
    async with database.write() as session:
        session.say("never")
        raise ZeroDivisionError


async def test_what_is_said_is_logged_after_the_commit_without_what_was_rolled_back(database):
    with capture_logs() as lines:
        async with database.write() as session:
            told = session.say("kept")
            with pytest.raises(IntegrityError):
                await _say_and_fail(session)
            async with session.begin_nested():
                session.say("kept as well")
            told["item"] = "i1"
            assert lines == []
        with pytest.raises(ZeroDivisionError):
            await _say_and_roll_back(database)
    assert [(line["event"], line.get("item")) for line in lines] == [("kept", "i1"), ("kept as well", None)]


async def test_many_callers_share_a_commit_and_one_that_fails_fails_alone(database):
    together = Together(database)
    began = 0

    def work(name):
        async def do(session):
            nonlocal began
            began += 1
            await note(session, name)
            if name == "sick":
                raise ZeroDivisionError
            return name.upper()

        return do

    names = ["a", "b", "sick", "c"]
    found = await asyncio.gather(*(together.write(work(one)) for one in names), return_exceptions=True)
    assert [one for one in found if isinstance(one, str)] == ["A", "B", "C"]
    assert [type(one) for one in found if not isinstance(one, str)] == [ZeroDivisionError]
    assert sorted(await actions(database)) == ["a", "b", "c"]


async def test_a_caller_that_leaves_does_not_take_the_others_work_along(database):
    together = Together(database)
    begun, held = asyncio.Event(), asyncio.Event()

    async def slow(session):
        await note(session, "slow")
        begun.set()
        await held.wait()

    async def quick(session):
        await note(session, "quick")
        return "done"

    leader = asyncio.create_task(together.write(slow))
    await begun.wait()
    follower = asyncio.create_task(together.write(quick))
    await asyncio.sleep(0)  # it asks for its turn
    leader.cancel()
    assert await follower == "done"
    assert await actions(database) == ["quick"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for somebody else")
async def test_what_root_begins_the_servers_own_user_can_go_on_with(database, tmp_path):
    await database.close()
    (tmp_path / "some.db-turn").unlink(missing_ok=True)
    os.chown(tmp_path / "some.db", 12_345, 12_345)
    with turns.WriterTurn(str(tmp_path / "some.db")).held():
        assert (tmp_path / "some.db-turn").stat().st_uid == 12_345


async def test_one_who_writes_without_pause_lets_others_in(tmp_path):
    server, other = (turns.WriterTurn(str(tmp_path / "some.db")) for _ in range(2))
    order = []

    async def write(turn, name):
        async with turn.taken():
            order.append(name)

    async with server.taken():
        waiting = asyncio.create_task(write(other, "import"))
        await asyncio.sleep(0)  # it looks, and is the next
    await write(server, "alarm")
    await waiting
    assert order == ["import", "alarm"], "in a storm it would wait until its patience is over"
    server.close()
    other.close()


async def test_one_who_gives_up_waiting_leaves_the_place_to_others(database, tmp_path, monkeypatch):
    holder, waiter = (turns.WriterTurn(str(tmp_path / "some.db")) for _ in range(2))
    async with holder.taken():
        waiting = asyncio.create_task(waiter.taken().__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with database.write() as session:
        await note(session, "after")
    assert await actions(database) == ["after"]
    holder.close()
    waiter.close()
