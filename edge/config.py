"""The site file as validated settings. `edge.siteloader` reads the file and places the errors."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from edge.busconfig import BusSettings
from edge.interlockconfig import InterlockSettings
from edge.ruleconfig import RuleSettings
from edge.settings import Host, Name, Settings, TlsSettings
from wire.topics import GATEWAY_PATTERN
from wire.vocabulary import AlarmClass


class ServerSettings(Settings):
    """Where the broker is."""

    host: Host
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    username: str | None = None
    password_file: str | None = None
    tls: TlsSettings | None = None


class StoreSettings(Settings):
    """Where the two durable stores lie, and how large the readings may grow."""

    folder: str = "state"
    readings_max_mb: Annotated[int, Field(ge=1, le=4096)] = 64
    readings_max_days: Annotated[int, Field(ge=1, le=3660)] = 30


class ContactSettings(Settings):
    """When a silent device becomes an alarm of its own."""

    after_s: Annotated[float, Field(gt=0, le=2_592_000)] | None = None
    """None: 30 s, or three periods where that is longer."""
    class_: AlarmClass = Field(default=AlarmClass.FAULT, alias="class", strict=False)


class DeviceSettings(Settings):
    """One device on a bus."""

    id: Name
    bus: Name
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    """On a Modbus bus."""
    address: Annotated[str, Field(max_length=200)] = ""
    """On every other bus: a station's MN, a transmitter and its component, a Bluetooth address, a topic."""
    key_file: str | None = None
    """The key of a Bluetooth device or station that speaks encrypted, hexadecimal; the file lies beside the
    site file."""
    password_file: str | None = None
    """The access code (PW) of an HJ 212 station; a packet with another one is refused."""
    profile: Name
    label: Annotated[str, Field(max_length=200)] = ""
    period_s: Annotated[float, Field(ge=0.02, le=604_800)] | None = None
    """How often it is read, 1 s if nothing is said; for a device that speaks by itself, how long it is
    silent at most, as its profile says if nothing is said."""
    contact: ContactSettings = ContactSettings()


class SiteSettings(Settings):
    """Everything one gateway needs to know."""

    version: str = ""
    gateway: Annotated[str, Field(pattern=f"^{GATEWAY_PATTERN}$")]
    server: ServerSettings
    stores: StoreSettings = StoreSettings()
    buses: Annotated[tuple[BusSettings, ...], Field(min_length=1, strict=False)]
    devices: Annotated[tuple[DeviceSettings, ...], Field(min_length=1, strict=False)]
    rules: Annotated[tuple[RuleSettings, ...], Field(strict=False)] = ()
    interlocks: Annotated[tuple[InterlockSettings, ...], Field(strict=False)] = ()


class LoadedSite(Settings):
    """A site file in force: its settings, where it lies and what identifies it."""

    settings: SiteSettings
    path: Path
    hash: str
    """SHA-256 of the file's bytes, hexadecimal."""
