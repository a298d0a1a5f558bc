from datetime import UTC, datetime

import pytest

from server.db.session import Database
from server.places.importer import SAMPLE_STREET, import_street, read_folder
from tests.harness.copied_sqlite import copy_migrated

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


@pytest.fixture
def address(tmp_path):
    """A migrated, empty database."""
    return copy_migrated(tmp_path)


@pytest.fixture
async def database(address):
    opened = Database(address)
    yield opened
    await opened.close()


@pytest.fixture
def files():
    """The sample street's files."""
    return read_folder(SAMPLE_STREET)


@pytest.fixture
async def street(database, files):
    """A database that holds the sample street."""
    await import_street(database, files, by="test", now=NOW)
    return database
