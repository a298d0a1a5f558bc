"""Databases of a test's own: copies of a file that was made once in this process."""

import shutil
import tempfile
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

from server.db.base import Base
from server.db.migrate import migrate
from server.db.session import Database

_FILE = "gridwarden.db"
_filled: dict[str, Path] = {}


def url_of(folder: Path) -> str:
    """The address of the database in a folder."""
    return f"sqlite+aiosqlite:///{folder / _FILE}"


def copy_migrated(folder: Path) -> str:
    """Put an empty database of the newest schema into a folder; returns its address."""
    shutil.copy(_migrated() / _FILE, folder / _FILE)
    return url_of(folder)


async def copy_filled(folder: Path, fill: Callable[[Database], Awaitable[None]]) -> str:
    """Put a database with what `fill` writes into a folder; returns its address."""
    made = _filled.get(fill.__qualname__)
    if made is None:
        made = new_folder()
        database = Database(url_of(made))
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        await fill(database)
        await database.close()
        _filled[fill.__qualname__] = made
    shutil.copy(made / _FILE, folder / _FILE)
    return url_of(folder)


@cache
def _migrated() -> Path:
    folder = new_folder()
    migrate(url_of(folder))
    return folder


@cache
def _root() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="gridwarden-tests-")


def new_folder() -> Path:
    """A folder that lies there until this process ends."""
    return Path(tempfile.mkdtemp(dir=_root().name))
