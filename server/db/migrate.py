"""Bringing the database to the newest schema."""

from enum import StrEnum
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import make_url

from server.db.turns import WriterTurn

_FOLDER: Final = Path(__file__).parent / "migrations"


READINGS_NAMESPACE: Final = "readings"
"""PostgreSQL's schema in which the readings' tables stand, apart from the others of the same name."""


class Schema(StrEnum):
    """The two sets of tables, each with migrations of its own; they may share one database."""

    MAIN = "main"
    """Places, people, devices, alarms, items and all that belongs to them."""
    READINGS = "readings"
    """What was measured."""


_VERSIONS: Final = {Schema.MAIN: _FOLDER / "versions", Schema.READINGS: _FOLDER / "readings"}


def migrate(url: str, schema: Schema = Schema.MAIN) -> None:
    """Bring a database to the newest schema, making it when there is none.

    Must not run inside an event loop.

    Args:
        url: an SQLAlchemy address with an asynchronous driver.
        schema: which tables.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database cannot be reached or changed.
        TimeoutError: another process held SQLite's file for too long.
    """
    database = make_url(url).database
    is_file = url.startswith("sqlite") and bool(database)
    if database and is_file:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    is_main = schema is Schema.MAIN
    with WriterTurn(database if is_file and is_main else None).held():
        command.upgrade(alembic_config(url, schema), "head")


def alembic_config(url: str, schema: Schema = Schema.MAIN) -> Config:
    """Return Alembic's configuration for a database."""
    config = Config()
    config.attributes["schema"] = schema
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("version_locations", str(_VERSIONS[schema]))
    config.set_main_option("path_separator", "os")
    # A percent sign is Alembic's own; an address may hold one.
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config
