"""GB/T 26875.3 frames in words, for whoever looks at a line. Pure.

Source: GB/T 26875.3-2011, tables 2 to 11.
"""

from typing import Final

from edge.drivers.gb26875frames import Command, Dialect, Frame, FrameError
from edge.drivers.gb26875units import (
    ANALOG_STEPS,
    AnalogValue,
    ComponentStatus,
    Operation,
    Status,
    TransmitterStatus,
    Unit,
    UnitType,
    decode_adu,
)

_COMMANDS: Final[dict[int, str]] = {
    Command.CONTROL: "order",
    Command.SEND: "data",
    Command.CONFIRM: "confirmation",
    Command.REQUEST: "question",
    Command.ANSWER: "answer",
    Command.DENY: "denial",
}
_ORDERS: Final[dict[int, str]] = {
    UnitType.READ_SYSTEM_STATUS: "status of a system",
    UnitType.READ_TRANSMITTER_STATUS: "status of the transmitter",
    UnitType.SYNC_CLOCK: "set the clock",
    UnitType.DUTY_CHECK: "is anybody on duty",
}


def describe_frame(frame: Frame, dialect: Dialect) -> str:
    """Return what a frame says."""
    command = _COMMANDS.get(frame.command, f"command {frame.command}")
    head = f"{command} {frame.serial}, from {frame.source} to {frame.destination}"
    try:
        units = decode_adu(frame.adu, dialect)
    except FrameError as error:
        return f"{head}: {error}"
    if units:
        return f"{head}: {'; '.join(map(_describe_unit, units))}"
    if not frame.adu:
        return head
    return f"{head}: {_ORDERS.get(frame.adu[0], f'data of type {frame.adu[0]}')}"


def _describe_unit(unit: Unit) -> str:
    at = "" if unit.at is None else f" at {unit.at:%Y-%m-%d %H:%M:%S}"
    match unit:
        case ComponentStatus():
            text = f" {unit.text}" if unit.text else ""
            return f"{_place(unit)}{text} status 0x{int(unit.status):04X} ({_bits(unit.status)}){at}"
        case AnalogValue():
            measure, _ = ANALOG_STEPS.get(unit.analog_type, ("of the maker's own", 1.0))
            return f"{_place(unit)} analog type {unit.analog_type} = {unit.value:g} {measure}{at}"
        case TransmitterStatus():
            return f"transmitter status 0x{int(unit.status):02X} ({_bits(unit.status)}){at}"
        case Operation():
            return f"pressed {', '.join(unit.names) or 'nothing'} by operator {unit.operator}{at}"


def _place(unit: ComponentStatus | AnalogValue) -> str:
    system = f"{unit.system_type}.{unit.system_address}"
    return (
        system if unit.component_type is None else f"{system}/{unit.component_type}.{unit.component_address}"
    )


def _bits(status: Status) -> str:
    return ", ".join(str(bit.name).lower() for bit in Status if bit in status) or "none of the known bits"
