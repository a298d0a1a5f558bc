"""What a gateway reports and nobody adopted belongs to whoever keeps that gateway, and nobody else's."""

import pytest

from server.access.model import AccessRole
from server.devices.tables import Device, Gateway
from tests.server.access.street_of_two import FOREIGN, accounts, build
from tests.server.web.running_site import open_site
from tests.server.world import GATEWAY


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        await build(opened)
        async with opened.world.database.write() as session:
            session.add(Device(gateway=GATEWAY, device="heard-1", adopted=False))
        yield opened


async def test_a_communitys_maintainer_sees_and_adopts_what_their_own_gateway_reports(site):
    maintainer = (await accounts(site))[AccessRole.MAINTAINER]
    assert "heard-1" in (await maintainer.get("/desk/unassigned")).text
    entry = {"name": "新探测器", "building": "b1", "reason": "安装"}
    adopted = await maintainer.put(f"/api/v1/devices/{GATEWAY}/heard-1", json=entry)
    assert (adopted.status_code, adopted.json()["adopted"]) == (200, True)


async def test_nobody_adopts_what_another_communitys_gateway_reports(site):
    maintainer = (await accounts(site))[AccessRole.MAINTAINER]
    entry = {"name": "新探测器", "building": "b1", "reason": "安装"}
    foreign = await maintainer.put(f"/api/v1/devices/{FOREIGN}-gw/{FOREIGN}-heard", json=entry)
    assert foreign.status_code == 404


async def test_a_gateway_without_a_place_is_the_streets_and_so_is_what_it_reports(site):
    async with site.world.database.write() as session:
        session.add(Gateway(id="nowhere", registered=False))
        await session.flush()
        session.add(Device(gateway="nowhere", device="heard-2", adopted=False))
    clients = await accounts(site)
    assert "heard-2" not in (await clients[AccessRole.MAINTAINER].get("/desk/unassigned")).text
    assert "heard-2" in (await clients[AccessRole.DESK].get("/desk/unassigned")).text
