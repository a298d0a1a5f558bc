import pytest

from tests.server.web.running_site import open_site
from tests.server.world import open_world


@pytest.fixture
async def world(tmp_path):
    async with open_world(tmp_path) as opened:
        yield opened


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened
