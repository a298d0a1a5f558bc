"""How long readings are kept: by the settings, longer for gas detectors and fire equipment of the register."""

from datetime import timedelta

import pytest

from server.devices.tables import Device
from server.history import service as history
from server.history import trends
from server.history.packer import Packer
from server.history.retention import plan_retention
from server.history.service import Batch
from server.pulse import Pulses
from tests.server.web.running_site import open_site
from wire.messages import ReadingsBatch, ReadingSeries
from wire.vocabulary import Kind

DEVICES = ("gas-1", "meter-1")
"""Of the register: a gas detector and a meter."""


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as site:
        yield site


async def test_gas_detectors_and_fire_equipment_keep_every_reading_longer(site):
    begin = site.clock.now()
    content = ReadingsBatch(
        start=begin,
        series=tuple(ReadingSeries(device=device, point="p", unit="1") for device in DEVICES),
        s=(0, 1),
        offset_ms=(0, 0),
        value=(1.0, 2.0),
    )
    await history.apply(site.readings, [Batch(gateway="gw-one", run="r", seq=1, content=content)], now=begin)
    async with site.world.database.write() as session:
        for device, kind in (("gas-1", Kind.GAS), ("meter-1", Kind.ELECTRIC)):
            (await session.get_one(Device, ("gw-one", device))).kind = kind.value
    settings = site.settings.model_copy(
        update={"history_raw_days": 10, "history_minute_days": 20, "history_life_safety_raw_days": 40}
    )
    packer = Packer(
        database=site.readings,
        clock=site.clock,
        pulses=Pulses(),
        retention=plan_retention(settings, site.world.database, site.readings),
    )
    await packer.pack_all()

    async def held() -> set[str]:
        span = {"since": begin, "until": begin + timedelta(hours=1)}
        return {
            device
            for device in DEVICES
            if await trends.read_range(site.readings, gateway="gw-one", device=device, **span)
        }

    kept = []
    for days in (9, 10, 20, 10):
        site.clock.advance(seconds=days * 86_400)
        await packer.prune()
        kept.append(await held())
    assert kept == [{"gas-1", "meter-1"}, {"gas-1"}, {"gas-1"}, set()]
