"""Every story gets a street of its own."""

import pytest

from tests.harness.street import Street, open_street


@pytest.fixture
async def street(tmp_path):
    async with open_street(tmp_path) as opened:
        assert isinstance(opened, Street)
        yield opened
