"""The buses of the site file: one kind of settings for each technique."""

from typing import Annotated, Final, Literal

from pydantic import Field

from edge.site.settings import FILE_PATTERN, Host, Name, Settings, TlsSettings


class BusBase(Settings):
    """What every bus has."""

    id: Name


class ModbusBase(BusBase):
    """What every Modbus bus has."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 1.0
    gap_ms: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Silence on the line between one transaction and the next, where converters need it."""


class ModbusTcpBusSettings(ModbusBase):
    """One Modbus TCP connection."""

    technique: Literal["modbus_tcp"]
    host: Host
    port: Annotated[int, Field(ge=1, le=65535)] = 502


class ModbusRtuOverTcpBusSettings(ModbusBase):
    """A serial line behind a converter that passes frames on as they are."""

    technique: Literal["modbus_rtu_over_tcp"]
    host: Host
    port: Annotated[int, Field(ge=1, le=65535)] = 502


class ModbusRtuBusSettings(ModbusBase):
    """A serial line at this machine."""

    technique: Literal["modbus_rtu"]
    device: Annotated[str, Field(pattern=FILE_PATTERN)]
    """The port's file. `/dev/serial/by-id/…` stays the same over restarts, `/dev/ttyUSB0` does not."""
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1


class Hj212BusSettings(BusBase):
    """A port on which stations call that speak HJ 212."""

    technique: Literal["hj212"]
    host: Host = "0.0.0.0"  # noqa: S104 - stations call from outside; the installer may name one interface
    port: Annotated[int, Field(ge=0, le=65535)] = 9212
    """0 takes any free port, which the log names."""
    set_time: bool = True
    """Whether a station whose clock is more than a minute wrong is told the time."""


class Gb26875BusSettings(BusBase):
    """A port, TCP and UDP, on which user information transmission devices call."""

    technique: Literal["gb26875"]
    host: Host = "0.0.0.0"  # noqa: S104 - as above
    port: Annotated[int, Field(ge=0, le=65535)] = 9875
    """0 takes any free port, which the log names."""
    address: Annotated[int, Field(ge=0, le=0xFFFF_FFFF_FFFF)] = 0
    """This receiver's own address in frames that it sends."""
    ask_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    """How often a transmitter is asked for its status, and panels for theirs; 0 never."""
    set_time: bool = False
    """Whether a transmitter whose clock is more than a minute wrong is told the time. Off, since its clock
    belongs to its monitoring centre; this gateway only listens beside it."""
    duty_check_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    """How often the person on duty must press a key at the transmitter; 0 never. The monitoring centre
    does this already."""


class BleBusSettings(BusBase):
    """A Bluetooth adapter of this machine."""

    technique: Literal["ble"]
    adapter: Annotated[str, Field(pattern=r"^hci[0-9]+$")] = "hci0"
    passive: bool = False
    """Listen without asking: spares the sensors' batteries, needs `bluetoothd --experimental`."""


class MqttBusSettings(BusBase):
    """A broker to which devices speak, on this machine or beside it."""

    technique: Literal["mqtt"]
    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    username: str | None = None
    password_file: str | None = None
    tls: TlsSettings | None = None


ModbusBusSettings = ModbusTcpBusSettings | ModbusRtuOverTcpBusSettings | ModbusRtuBusSettings
BusSettings = Annotated[
    ModbusTcpBusSettings
    | ModbusRtuOverTcpBusSettings
    | ModbusRtuBusSettings
    | Hj212BusSettings
    | Gb26875BusSettings
    | BleBusSettings
    | MqttBusSettings,
    Field(discriminator="technique"),
]
PROFILE_TECHNIQUES: Final = {
    "modbus_tcp": "modbus",
    "modbus_rtu_over_tcp": "modbus",
    "modbus_rtu": "modbus",
}
"""Which technique a profile must name to stand on a bus, where it is called otherwise."""
