"""Bringing the database to the newest schema."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import make_url

_FOLDER: Final = Path(__file__).parent / "migrations"


def migrate(url: str) -> None:
    """Bring a database to the newest schema, making it when there is none.

    Must not run inside an event loop.

    Args:
        url: an SQLAlchemy address with an asynchronous driver.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database cannot be reached or changed.
    """
    database = make_url(url).database
    if url.startswith("sqlite") and database:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    command.upgrade(alembic_config(url), "head")


def alembic_config(url: str) -> Config:
    """Return Alembic's configuration for a database."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    # A percent sign is Alembic's own; an address may hold one.
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config
