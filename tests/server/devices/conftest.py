from pathlib import Path

import pytest

from server.access.model import AccessRole
from server.people.model import Scope
from tests.server.access.street_of_two import account
from tests.server.web.running_site import open_site
from tests.server.world import open_world


@pytest.fixture
async def world(tmp_path: Path):
    async with open_world(tmp_path) as world:
        yield world


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
async def installer(site):
    return await account(site, "安装工", (AccessRole.MAINTAINER, Scope.COMMUNITY, "c1"))
