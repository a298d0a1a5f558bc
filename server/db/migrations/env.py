"""Alembic's entry: runs migrations over an asynchronous engine."""

import asyncio
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from server.db.base import Utc, Word
from server.db.migrate import READINGS_NAMESPACE, Schema
from server.db.schema import whole_metadata

_VERSION_TABLES = {Schema.MAIN: "alembic_version", Schema.READINGS: "alembic_version_readings"}


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our own column types as the plain ones they store, so that migrations stand alone."""
    if kind == "type" and isinstance(item, Utc):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Word):
        return "sa.String(length=32)"
    return False


def run_migrations(connection: Connection) -> None:
    """Run every migration that is missing, in one transaction."""
    schema: Schema = context.config.attributes["schema"]
    if schema is Schema.READINGS and connection.dialect.name == "postgresql":
        # A namespace of their own: both sets have a table named `block`.
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {READINGS_NAMESPACE}"))
        connection.execute(text(f"SET search_path TO {READINGS_NAMESPACE}"))
    context.configure(
        connection=connection,
        target_metadata=whole_metadata(schema),
        version_table=_VERSION_TABLES[schema],
        render_as_batch=True,
        compare_type=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _connect() -> None:
    url = context.config.get_main_option("sqlalchemy.url")
    assert url is not None, "server.db.migrate sets the address"
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run_migrations)
    finally:
        await engine.dispose()


given = context.config.attributes.get("connection")
if given is not None:
    run_migrations(given)
else:
    asyncio.run(_connect())
