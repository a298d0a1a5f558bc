import pytest

from tests.server.web.running_site import open_site


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened
