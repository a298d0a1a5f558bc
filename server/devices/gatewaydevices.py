"""The devices of a gateway, as it configures them and as the register has them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from server.access.model import Reach
from server.access.scopes import devices_within
from server.db.session import ReadSession
from server.devices.reported import read_status
from server.devices.service import GATEWAY_DEVICE
from server.devices.tables import Device, Gateway
from wire.configuration import ConfigurationReport, DeviceInForce


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayDevice:
    """One device of a gateway.

    Attributes:
        device: its id.
        name: what people call it, or its id.
        configured: how the gateway reads it; None where its configuration does not name it.
        listed: whether the register has it, so that it has a page.
        silent: whether it does not answer.
        out_of_sight: whether it, or a rule on it, is shelved or out of service.
        warming: whether rules on it cannot say yet that all is well.
        retired: whether the register says that it hangs there no longer.
    """

    device: str
    name: str
    configured: DeviceInForce | None
    listed: bool
    silent: bool
    out_of_sight: bool
    warming: bool
    retired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayDevices:
    """The devices of a gateway that a reader may see, and how many more there are.

    Attributes:
        seen: in the order of the site file, then those that it does not name.
        elsewhere: how many hang at places outside of the reader's reach.
        told: whether the gateway tells what it is configured with.
    """

    seen: Sequence[GatewayDevice]
    elsewhere: int
    told: bool


async def devices_of_gateway(
    session: ReadSession, reach: Reach, gateway: Gateway, report: ConfigurationReport | None
) -> GatewayDevices:
    """Return the devices of a gateway.

    Args:
        session: where to read.
        reach: of whoever looks: a gateway may read devices of several places.
        gateway: whose.
        report: its configuration in force; None where it told none.
    """
    mine = (Device.gateway == gateway.id, Device.device != GATEWAY_DEVICE)
    everywhere = set(await session.scalars(select(Device.device).where(*mine)))
    query = select(Device).where(*mine, devices_within(reach))
    rows = {one.device: one for one in await session.scalars(query.order_by(Device.device))}
    configured = {} if report is None else {one.device: one for one in report.devices}
    status = read_status(gateway)
    silent = {one for bus in status.buses for one in bus.silent} if status else set()
    hidden = {one.device for one in status.suppressions} if status else set()
    warming = {one.device for one in status.warming} if status else set()
    seen = [
        GatewayDevice(
            device=device,
            name=(row.name if row else "") or (told.label if told else "") or device,
            configured=told,
            listed=row is not None,
            silent=device in silent,
            out_of_sight=device in hidden,
            warming=device in warming,
            retired=row is not None and row.retired_at is not None,
        )
        for device in dict.fromkeys((*configured, *rows))
        for row, told in [(rows.get(device), configured.get(device))]
        if (row is not None and row.retired_at is None) or (told and (row or device not in everywhere))
    ]
    return GatewayDevices(seen=seen, elsewhere=len(everywhere - rows.keys()), told=report is not None)
