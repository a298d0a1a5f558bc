"""SQLite's cursors ask the thread once and answer like the driver's own."""

import sqlite3

import pytest
from sqlalchemy import text

from server.db import sqlite
from server.db.session import Database


@pytest.fixture
async def connection(tmp_path):
    opened = await sqlite.connect(f"sqlite+aiosqlite:///{tmp_path}/some.db")
    await opened.cursor().execute("create table grid (id integer primary key, name text unique)")
    yield opened
    await opened.close()


async def test_rows_come_with_their_columns_in_order(connection):
    cursor = connection.cursor()
    await cursor.executemany("insert into grid (name) values (?)", [("一",), ("二",), ("三",)])
    assert (cursor.description, cursor.rowcount) == (None, 3)
    await cursor.execute("select id, name from grid where id < ? order by id", (4,))
    assert [column[0] for column in cursor.description] == ["id", "name"]
    assert await cursor.fetchone() == (1, "一")
    assert await cursor.fetchmany() == [(2, "二")]
    assert [row async for row in cursor] == [(3, "三")]
    assert (await cursor.fetchone(), await cursor.fetchall()) == (None, [])


async def test_an_insert_tells_its_id_and_an_update_its_count(connection):
    cursor = connection.cursor()
    await cursor.execute("insert into grid (name) values ('一')")
    assert cursor.lastrowid == 1
    await cursor.execute("insert into grid (name) values ('二') returning id")
    assert (await cursor.fetchall(), cursor.rowcount) == ([(2,)], 1)
    await cursor.execute("update grid set name = name || '!'")
    assert cursor.rowcount == 2


async def test_a_statement_that_fails_leaves_the_connection_usable(connection):
    await connection.cursor().execute("insert into grid (name) values ('一')")
    with pytest.raises(sqlite3.IntegrityError):
        await connection.cursor().execute("insert into grid (name) values ('一')")
    cursor = await connection.cursor().execute("select count(*) from grid")
    assert await cursor.fetchall() == [(1,)]


async def test_the_database_opens_its_file_through_it(tmp_path):
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/some.db")
    async with database.read() as session:
        raw = await (await session.connection()).get_raw_connection()
        assert isinstance(raw.driver_connection, sqlite.Connection)
        assert await session.scalar(text("pragma foreign_keys")) == 1
    await database.close()
