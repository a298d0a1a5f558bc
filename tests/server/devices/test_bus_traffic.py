"""What is on a gateway's bus: the last reports are kept, for each bus, and no more."""

from server.devices.tables import BusTraffic
from server.devices.traffic import KEPT_REPORTS, last_traffic
from tests.server.world import GATEWAY
from wire import codec
from wire.messages import ReportMessage
from wire.topics import Up
from wire.traffic import RawFrame, RawTrafficReport
from wire.vocabulary import FrameDirection


def report(world, bus: str, number: int):
    frame = RawFrame(at=world.clock.now(), direction=FrameDirection.SENT, hex=f"{number:04x}", text="read")
    told = RawTrafficReport(bus=bus, frames=(frame,), dropped=number)
    return world.bytes(codec.encode(ReportMessage(**world.envelope(), report=told)), Up.REPORTS)


async def test_the_last_reports_of_each_bus_are_kept_and_can_be_asked_for_anew(world):
    for number in range(KEPT_REPORTS + 5):
        await world.take(report(world, "kitchen", number))
    await world.take(report(world, "cellar", 1))
    async with world.database.read() as session:
        kept = await last_traffic(session, GATEWAY, "kitchen")
        assert [one.dropped for one in kept] == list(range(5, KEPT_REPORTS + 5))
        assert kept[0].frames[0]["hex"] == "0005"
        assert kept[0].frames[0]["direction"] == "sent"
        (newest,) = await last_traffic(session, GATEWAY, "kitchen", after=kept[-2].id)
        assert newest.dropped == KEPT_REPORTS + 4
        assert len(await last_traffic(session, GATEWAY, "cellar")) == 1
        assert await last_traffic(session, "another", "kitchen") == []


async def test_a_gateway_that_invents_buses_fills_no_disk(world, monkeypatch):
    monkeypatch.setattr("server.devices.traffic.KEPT_BUSES", 1)
    for number in range(KEPT_REPORTS + 20):
        await world.take(report(world, f"bus-{number}", number))
    assert len(await world.rows(BusTraffic)) == KEPT_REPORTS
