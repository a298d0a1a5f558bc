"""What a gateway says of one of its devices, and of itself, in its newest status and configuration."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from server.db.session import ReadSession
from server.devices.inforce import configuration_in_force
from server.devices.tables import Gateway
from wire.configuration import DeviceInForce, RuleInForce
from wire.messages import StatusMessage, SuppressionState
from wire.statusparts import BusState, MachineState


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport:
    """A device as its gateway reports it.

    Attributes:
        as_of: when the newest status of the gateway came.
        configured: how it is configured; None where the gateway has told no configuration, or none with it.
        rules: those in force that watch it, as far as they were told.
        knows_rules: whether the gateway tells its rules.
        is_current: whether what was told of the configuration is what is in force now.
        bus: how its bus stands; None where that is not known.
        silent: whether it does not answer; None where its bus is not known.
        warming: rules in force that cannot say yet that all is well with it, after a restart.
        warming_left_out: the gateway has more such rules than it names: there may be others of this device.
        suppressions: what a person has shelved of it, or that it is out of service.
        trial: whether its gateway's configuration is on trial.
        machine: how the machine under the gateway stands; None where it was not told.
    """

    as_of: datetime
    configured: DeviceInForce | None
    rules: tuple[RuleInForce, ...]
    knows_rules: bool
    is_current: bool
    bus: BusState | None
    silent: bool | None
    warming: tuple[RuleInForce | str, ...]
    warming_left_out: bool
    suppressions: tuple[SuppressionState, ...]
    trial: bool
    machine: MachineState | None


def read_status(gateway: Gateway) -> StatusMessage | None:
    """Return the newest status of a gateway; None where there is none that this version can read."""
    try:
        return None if gateway.status is None else msgspec.convert(gateway.status, StatusMessage)
    except msgspec.ValidationError:
        return None


async def device_report(session: ReadSession, gateway: str, device: str) -> DeviceReport | None:
    """Return what a gateway reports of a device; None where it has never sent a status."""
    row = await session.get(Gateway, gateway)
    status = None if row is None else read_status(row)
    if row is None or status is None or row.heard_at is None:
        return None
    told = await configuration_in_force(session, gateway)
    configured = None
    rules: tuple[RuleInForce, ...] = ()
    if told is not None:
        configured = next((one for one in told.devices if one.device == device), None)
        rules = tuple(one for one in told.rules if device in (*one.devices, *one.watches))
    by_id = {rule.rule: rule for rule in rules}
    bus = _bus_of(status, configured, device)
    return DeviceReport(
        as_of=row.heard_at,
        configured=configured,
        rules=rules,
        knows_rules=told is not None,
        is_current=told is not None and told.is_current,
        bus=bus,
        silent=None if bus is None else device in bus.silent,
        warming=tuple(by_id.get(one.rule, one.rule) for one in status.warming if one.device == device),
        warming_left_out=status.warming_count > len(status.warming),
        suppressions=tuple(one for one in status.suppressions if one.device == device),
        trial=status.config is not None and status.config.trial,
        machine=status.machine,
    )


def _bus_of(status: StatusMessage, configured: DeviceInForce | None, device: str) -> BusState | None:
    if configured is not None:
        return next((bus for bus in status.buses if bus.bus == configured.bus), None)
    return next((bus for bus in status.buses if device in bus.silent), None)
