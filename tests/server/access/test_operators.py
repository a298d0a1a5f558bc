"""Operators: the first one by a code, then by password; guessing gets slow."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from server.access import secrets, service
from server.access.secrets import hash_password
from server.access.tables import Operator, OperatorSession
from server.audit.tables import AuditRow
from server.db.session import Database
from server.errors import ConflictError, ForbiddenError, InvalidError, TooManyError
from tests.harness.copied_sqlite import copy_migrated

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
PASSWORD = "a long enough password"


@pytest.fixture
def address(tmp_path):
    return copy_migrated(tmp_path)


@pytest.fixture
async def database(address):
    opened = Database(address)
    yield opened
    await opened.close()


async def set_up(database, *, code="", password=PASSWORD, name="值班员", at=NOW):
    hashed = await hash_password(password)
    async with database.write() as session:
        await service.set_up_first_operator(session, code=code, name=name, password=hashed, now=at)


async def issue(database, *, at=NOW):
    async with database.write() as session:
        return await service.issue_first_run_code(session, now=at)


async def sign_in(database, *, password=PASSWORD, name="值班员", source="10.0.0.1", at=NOW):
    async with database.read() as session:
        proven = await service.prove_password(session, name, password)
    async with database.write() as session:
        made = await service.sign_in(session, name=name, proven=proven, source=source, now=at)
        return made.token if made else None


async def who(database, token, *, at=NOW):
    async with database.read() as session:
        return await service.find_session(session, token, now=at)


async def test_the_code_makes_one_operator_and_no_second(database):
    code = await issue(database)
    await set_up(database, code=f" {code.lower()} ")
    assert await issue(database) is None, "there is somebody now"
    with pytest.raises(ConflictError):
        await set_up(database, code=code, name="another")


async def test_a_wrong_or_old_code_makes_nobody(database):
    code = await issue(database)
    with pytest.raises(ForbiddenError):
        await set_up(database, code="WRONGCODE")
    with pytest.raises(ForbiddenError):
        await set_up(database, code=code, at=NOW + service.CODE_LIFE + timedelta(seconds=1))


@pytest.mark.parametrize(("name", "password"), [("", PASSWORD), ("x" * 61, PASSWORD), ("a", "short")])
async def test_an_operator_needs_a_name_and_a_long_password(database, name, password):
    code = await issue(database)
    with pytest.raises(InvalidError):
        await set_up(database, code=code, name=name, password=password)


async def test_a_password_is_never_kept(database):
    await set_up(database, code=await issue(database))
    async with database.read() as session:
        (operator,) = await session.scalars(select(Operator))
    assert operator.password_hash.startswith("$argon2id$")


def test_what_is_served_hashes_with_the_low_memory_profile_of_rfc_9106():
    # Made when the module was loaded, before these tests made hashing cheap.
    assert secrets._DECOY.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


async def test_signing_in_gives_a_session_that_is_kept_as_a_hash(database):
    await set_up(database, code=await issue(database))
    token = await sign_in(database)
    assert (await who(database, token)).operator == "值班员"
    async with database.read() as session:
        kept = list(await session.scalars(select(OperatorSession)))
    assert token not in str([row.token_hash for row in kept])


async def test_a_session_ends_when_it_lies_idle_and_when_its_owner_leaves(database):
    await set_up(database, code=await issue(database))
    token = await sign_in(database)
    assert await who(database, token, at=NOW + service.IDLE_LIFE + timedelta(minutes=1)) is None
    signed_in = await who(database, token)
    async with database.write() as session:
        await service.sign_out(session, signed_in, now=NOW)
    assert await who(database, token) is None
    assert await who(database, None) is None
    assert await who(database, "made-up") is None


@pytest.mark.parametrize(("name", "password"), [("值班员", "wrong password"), ("nobody", PASSWORD)])
async def test_a_wrong_name_and_a_wrong_password_look_the_same(database, name, password):
    await set_up(database, code=await issue(database))
    assert await sign_in(database, name=name, password=password) is None


async def test_guessing_gets_slow_and_never_shuts_the_door_for_good(database):
    await set_up(database, code=await issue(database))
    for _ in range(12):
        with contextlib.suppress(TooManyError):
            await sign_in(database, password="guess guess guess")
    with pytest.raises(TooManyError) as refusal:
        await sign_in(database)
    assert refusal.value.retry_after_s > 0
    assert await sign_in(database, at=NOW + timedelta(minutes=20)) is not None


async def test_guessing_is_remembered_over_a_restart(address):
    first = Database(address)
    await set_up(first, code=await issue(first))
    for _ in range(8):
        with contextlib.suppress(TooManyError):
            await sign_in(first, password="guess guess guess")
    await first.close()
    second = Database(address)
    with pytest.raises(TooManyError):
        await sign_in(second)
    await second.close()


async def test_who_signed_in_and_who_failed_is_written_down(database):
    await set_up(database, code=await issue(database))
    await sign_in(database)
    await sign_in(database, password="wrong password")
    async with database.read() as session:
        actions = [row.action for row in await session.scalars(select(AuditRow).order_by(AuditRow.id))]
    assert "operator_made" in actions
    assert "sign_in_failed" in actions
