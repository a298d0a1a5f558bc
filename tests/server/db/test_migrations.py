"""The database's schema: made by migrations, the same as the code's, and never an older code on a newer one."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import create_engine, delete

from server.db.migrate import alembic_config, migrate
from server.db.schema import whole_metadata
from server.db.session import Database
from server.escalation.tables import Due
from server.items.model import Move
from tests.server.world import fill, running_parts
from wire.vocabulary import AlarmClass


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "gridwarden.db"


def url_of(path):
    return f"sqlite+aiosqlite:///{path}"


def tables(path):
    with closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_an_empty_folder_becomes_a_database_with_every_table(path):
    migrate(url_of(path))
    assert {table.name for table in whole_metadata().sorted_tables} <= tables(path)


def test_migrating_again_changes_nothing(path):
    migrate(url_of(path))
    before = path.read_bytes()
    migrate(url_of(path))
    assert path.read_bytes() == before


def test_the_migrations_make_what_the_code_means(path):
    migrate(url_of(path))
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"render_as_batch": True})
        differences = compare_metadata(context, whole_metadata())
    engine.dispose()
    assert differences == []


def test_the_way_back_leads_to_an_empty_database(path):
    migrate(url_of(path))
    command.downgrade(alembic_config(url_of(path)), "base")
    assert tables(path) <= {"alembic_version"}


def test_a_database_of_a_later_version_is_not_touched(path):
    migrate(url_of(path))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CommandError, match="9999"):
        migrate(url_of(path))


def test_what_an_older_version_let_lie_is_brought_up_again(path):
    migrate(url_of(path))
    visit = asyncio.run(let_a_visit_lie(url_of(path)))
    command.downgrade(alembic_config(url_of(path)), "used_allowances")
    migrate(url_of(path))
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT item, kind FROM due WHERE settled_at IS NULL").fetchall()
    assert rows == [(visit, "attend")]


async def let_a_visit_lie(url):
    database = Database(url)
    await fill(database)
    async with running_parts(database) as world:
        await world.raise_alarm(class_=AlarmClass.FAULT)
        await world.press("leader", Move.ACCEPT)
        async with database.write() as session:
            await session.execute(delete(Due))
        return (await world.item()).id
