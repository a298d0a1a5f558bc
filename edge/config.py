"""The site file as validated settings. `edge.siteloader` reads the file and places the errors."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from wire.topics import GATEWAY_PATTERN
from wire.vocabulary import AlarmClass, Kind

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]


class Settings(BaseModel):
    """Base: immutable, nothing unknown, nothing silently converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TlsSettings(Settings):
    """Files of the broker's authority and of this gateway's certificate."""

    ca: str
    certificate: str | None = None
    key: str | None = None


class ServerSettings(Settings):
    """Where the broker is."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    username: str | None = None
    password_file: str | None = None
    tls: TlsSettings | None = None


class StoreSettings(Settings):
    """Where the two durable stores lie, and how large the readings may grow."""

    folder: str = "state"
    readings_max_mb: Annotated[int, Field(ge=1, le=4096)] = 64
    readings_max_days: Annotated[int, Field(ge=1, le=3660)] = 30


class ModbusTcpBusSettings(Settings):
    """One Modbus TCP connection."""

    id: Name
    technique: Literal["modbus_tcp"]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 1.0


class ModbusRtuOverTcpBusSettings(Settings):
    """A serial line behind a converter that passes frames on as they are."""

    id: Name
    technique: Literal["modbus_rtu_over_tcp"]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 1.0


class ModbusRtuBusSettings(Settings):
    """A serial line at this machine."""

    id: Name
    technique: Literal["modbus_rtu"]
    device: Annotated[str, Field(pattern=r"^/")]
    """The port's file. `/dev/serial/by-id/…` stays the same over restarts, `/dev/ttyUSB0` does not."""
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 1.0


BusSettings = Annotated[
    ModbusTcpBusSettings | ModbusRtuOverTcpBusSettings | ModbusRtuBusSettings,
    Field(discriminator="technique"),
]


class ContactSettings(Settings):
    """When a silent device becomes an alarm of its own."""

    after_s: Annotated[float, Field(gt=0, le=86400)] = 30.0
    class_: AlarmClass = Field(default=AlarmClass.FAULT, alias="class", strict=False)


class DeviceSettings(Settings):
    """One device on a bus."""

    id: Name
    bus: Name
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    profile: Name
    label: Annotated[str, Field(max_length=200)] = ""
    period_s: Annotated[float, Field(ge=0.02, le=86400)] = 1.0
    contact: ContactSettings = ContactSettings()


class RuleActionSettings(Settings):
    """What to do on the spot."""

    do: Name
    device: Name


class ThresholdRuleSettings(Settings):
    """A limit on one point; see `edge.rules.model.ThresholdRule`."""

    id: Name
    type: Literal["threshold"]
    devices: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)]
    point: Name
    above: float | None = None
    below: float | None = None
    hysteresis: Annotated[float, Field(ge=0)] = 0.0
    on_delay_s: Annotated[float, Field(ge=0, le=86400)] = 0.0
    off_delay_s: Annotated[float, Field(ge=0, le=86400)] = 0.0
    latching: bool = False
    kind: Kind = Field(strict=False)
    class_: AlarmClass = Field(alias="class", strict=False)
    actions: Annotated[tuple[RuleActionSettings, ...], Field(strict=False)] = ()


RuleSettings = ThresholdRuleSettings


class SiteSettings(Settings):
    """Everything one gateway needs to know."""

    version: str = ""
    gateway: Annotated[str, Field(pattern=f"^{GATEWAY_PATTERN}$")]
    server: ServerSettings
    stores: StoreSettings = StoreSettings()
    buses: Annotated[tuple[BusSettings, ...], Field(min_length=1, strict=False)]
    devices: Annotated[tuple[DeviceSettings, ...], Field(min_length=1, strict=False)]
    rules: Annotated[tuple[RuleSettings, ...], Field(strict=False)] = ()


class LoadedSite(Settings):
    """A site file in force: its settings, where it lies and what identifies it."""

    settings: SiteSettings
    path: Path
    hash: str
    """SHA-256 of the file's bytes, hexadecimal."""
