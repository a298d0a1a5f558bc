from pathlib import Path

import pytest

from tests.server.world import open_world


@pytest.fixture
async def world(tmp_path: Path):
    async with open_world(tmp_path) as world:
        yield world
