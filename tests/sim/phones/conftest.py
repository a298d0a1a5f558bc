"""Every test gets a network of its own."""

import pytest

from tests.sim.phones.network import open_sender


@pytest.fixture
async def sender():
    async with open_sender() as opened:
        yield opened
