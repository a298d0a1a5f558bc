"""Whoever stands beside a device, and what its gateway says meanwhile."""

from server.devices.service import apply_status
from server.devices.tables import Device
from tests.server.world import GATEWAY
from wire.messages import StatusMessage
from wire.vocabulary import AlarmClass, Kind, Mode, Presence

NEW = "new-1"
HERE = f"/desk/devices/{GATEWAY}"
ADOPT = f"{HERE}/{NEW}/adopt"
FORM = {
    "building": "b1",
    "floor": "3",
    "door": "301",
    "name": "新探测器",
    "kind": "gas",
    "installed_on": "2026-11-20",
}
WHY = {"reason": "现场", "meant": "yes"}


async def hear(site, device: str = NEW) -> None:
    """Let the gateway speak of a device that nobody registered."""
    lost = site.world.state(
        f"heard-{device}", device, kind=Kind.CONTACT, class_=AlarmClass.FAULT, label="三楼的"
    )
    await site.world.take(site.world.alarm_message(lost))


async def connect(site) -> None:
    status = StatusMessage(**site.world.envelope(), presence=Presence.ONLINE)
    async with site.world.database.write() as session:
        await apply_status(session, GATEWAY, status, now=site.clock.now())


async def device(site, name: str) -> Device:
    async with site.world.database.read() as session:
        return await session.get(Device, (GATEWAY, name))


async def come_back(site, name: str = NEW, **changes) -> None:
    state = {"alarm": "t1", "mode": Mode.TEST, "sentence": "可燃气体超过 25 %LEL", **changes}
    await site.world.take(site.world.alarm_message(site.world.state(device=name, **state)))
