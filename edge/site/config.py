"""The site file as validated settings. `edge.site.siteloader` reads the file and places the errors."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from edge.site.busconfig import BusSettings
from edge.site.interlockconfig import InterlockSettings
from edge.site.ruleconfig import RuleOrigin, RuleSettings
from edge.site.settings import Host, Name, Settings, TlsSettings
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
    write_budget_mb_per_day: Annotated[int, Field(ge=1, le=1_000_000)] = 400
    """A 16 GB memory card bears about this much for ten years; more is an alarm of class advice."""


class ContactSettings(Settings):
    """When a silent device becomes an alarm of its own."""

    after_s: Annotated[float, Field(gt=0, le=2_592_000)] | None = None
    """None: 30 s, or three periods where that is longer."""
    class_: AlarmClass = Field(default=AlarmClass.FAULT, alias="class", strict=False)
    explained_by: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    """Rules whose shown alarms explain the silence, e.g. of a feeder without voltage."""


class ReportSettings(Settings):
    """Which readings are stored and sent; rules see all of them. What is not said, the profile says."""

    heartbeat_s: Annotated[float, Field(ge=0, le=86_400)] | None = None
    """A value that does not change is stored again after this time; 0 stores every reading."""
    deadbands: Annotated[dict[Name, Annotated[float, Field(ge=0)]], Field(max_length=200)] = Field(
        default_factory=dict
    )
    """By point, in its unit: a change of no more than this is not worth storing."""
    deadband_percent: Annotated[float, Field(ge=0, le=100)] | None = None
    """The same for every point, as a part of its value; the wider of both counts."""


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
    report: ReportSettings = ReportSettings()


class SirenSettings(Settings):
    """What is sounded on the spot: an action of a device's profile, and the one that ends it."""

    device: Name
    sound: Name
    silence: Name | None = None
    """Done as soon as the server has acknowledged; left out where only a person may silence it."""


class WebhookSettings(Settings):
    """Where alarms are posted when the server does not take them; signed as Standard Webhooks describe."""

    url: Annotated[str, Field(pattern=r"^https?://", max_length=500)]
    secret_file: str
    """A file with `whsec_…` alone, beside the site file."""


class SmsSettings(Settings):
    """A modem with a SIM card."""

    device: Annotated[str, Field(pattern=r"^/")]
    """The port's file; `/dev/serial/by-id/…` stays the same over restarts."""
    baud: Annotated[int, Field(ge=1200, le=4_000_000)] = 115_200
    numbers: Annotated[
        tuple[Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")], ...],
        Field(min_length=1, max_length=20, strict=False),
    ]


class SecondWaySettings(Settings):
    """What happens when the server does not acknowledge a life-safety alarm."""

    after_s: Annotated[float, Field(ge=5, le=600)] = 30.0
    siren: SirenSettings | None = None
    webhook: WebhookSettings | None = None
    sms: SmsSettings | None = None


class PageSettings(Settings):
    """The gateway's own page and its measurements; needs the extra `page`."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8090
    """0 takes any free port, which the log names."""
    code_file: str
    """A file with the code alone, beside the site file; without it nobody gets in."""


class SiteSettings(Settings):
    """Everything one gateway needs to know."""

    version: str = ""
    gateway: Annotated[str, Field(pattern=f"^{GATEWAY_PATTERN}$")]
    server: ServerSettings
    timezone: str = "Asia/Shanghai"
    """In which the hours of rules are meant."""
    stores: StoreSettings = StoreSettings()
    report: ReportSettings = ReportSettings()
    """For every device that does not say otherwise."""
    second_way: SecondWaySettings = SecondWaySettings()
    page: PageSettings | None = None
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
    source: bytes
    """The file's bytes, as they were checked."""
    origins: dict[str, RuleOrigin] = Field(default_factory=dict)
    """Which of its rules ship with the gateway, by their ids."""
