"""Tables of gateways, devices and commands."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc, Word
from server.places.tables import Datum
from wire.vocabulary import CommandOutcome, Presence


class Gateway(Base):
    """A gateway: registered, or known only because it spoke (`registered` false)."""

    __tablename__ = "gateway"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), default="")
    building: Mapped[str | None] = mapped_column(ForeignKey("building.code"))
    maintainer: Mapped[str | None] = mapped_column(ForeignKey("person.code"))
    registered: Mapped[bool] = mapped_column(default=True)
    installed_on: Mapped[date | None]
    presence: Mapped[Presence | None] = mapped_column(Word(Presence))
    session: Mapped[str | None] = mapped_column(String(128))
    """Of the newest status; a last will that quotes an older one is ignored."""
    boot: Mapped[str | None] = mapped_column(String(128))
    heard_at: Mapped[datetime | None] = mapped_column(Utc)
    status: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """The newest status as it came."""
    configuration: Mapped[str | None] = mapped_column(String(128))
    """`content_hash` of the configuration that it last reported whole."""
    clock_offset_ms: Mapped[int | None] = mapped_column(BigInteger)
    """Its clock less the server's, as its newest status came; see `server.devices.health`."""
    clock_wrong_since: Mapped[datetime | None] = mapped_column(Utc)
    waiting_alarms: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    waiting_readings: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    queue_since: Mapped[datetime | None] = mapped_column(Utc)
    """Since when what waits there does not get less; None where it does."""
    certificate_ends_at: Mapped[datetime | None] = mapped_column(Utc)


class Device(Base):
    """A device, by gateway and the id it has there; `adopted` false means unassigned."""

    __tablename__ = "device"
    __table_args__ = (
        Index("ix_device_test_due", "test_due_on", "tested_on", "adopted", "retired_at", "kind"),
        Index("ix_device_ends", "ends_on", "adopted", "retired_at", "kind"),
        Index("ix_device_heard", "first_heard_at", "adopted", "retired_at", "kind"),
    )

    gateway: Mapped[str] = mapped_column(ForeignKey("gateway.id"), primary_key=True)
    device: Mapped[str] = mapped_column(String(128), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    model: Mapped[str] = mapped_column(String(100), default="")
    kind: Mapped[str] = mapped_column(String(32), default="")
    building: Mapped[str | None] = mapped_column(ForeignKey("building.code"), index=True)
    floor: Mapped[str] = mapped_column(String(40), default="")
    door: Mapped[str] = mapped_column(String(40), default="")
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    adopted: Mapped[bool] = mapped_column(default=True)
    unit: Mapped[str | None] = mapped_column(ForeignKey("unit.code"))
    feeder: Mapped[str | None] = mapped_column(String(40), index=True)
    """The power line it hangs on, where that is not its building's."""
    installed_on: Mapped[date | None]
    datum: Mapped[Datum] = mapped_column(Word(Datum), default=Datum.WGS84, server_default="wgs84")
    responsible: Mapped[str | None] = mapped_column(ForeignKey("person.code"))
    """Who is told of it before anybody else, whatever place it is in."""
    grid: Mapped[str | None] = mapped_column(ForeignKey("grid.code"), index=True)
    """Its grid, where that is not its place's."""
    tested_on: Mapped[date | None]
    test_due_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    """The end of its life: a gas detector's sensor wears out."""
    retired_at: Mapped[datetime | None] = mapped_column(Utc)
    replaced_by: Mapped[str | None] = mapped_column(String(193))
    """`gateway/device` of what came in its place; its own history stays with it."""
    first_heard_at: Mapped[datetime | None] = mapped_column(Utc)
    labelled_at: Mapped[datetime | None] = mapped_column(Utc)
    """When its label was printed last; nothing where it has none."""


class DeviceChange(Base):
    """One change of a device in the register: what was, what is, who and why. Rows are added only."""

    __tablename__ = "device_change"
    __table_args__ = (Index("ix_device_change_device", "gateway", "device"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    gateway: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(128))
    at: Mapped[datetime] = mapped_column(Utc)
    by: Mapped[str] = mapped_column(String(100))
    change: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(Text, default="")
    before: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class DeviceCondition(Base):
    """A device whose newest reading says that its battery, its signal or itself is in a bad way.

    A row for as long as that lasts; see `server.devices.conditions`.
    """

    __tablename__ = "device_condition"

    gateway: Mapped[str] = mapped_column(String(64), primary_key=True)
    device: Mapped[str] = mapped_column(String(128), primary_key=True)
    point: Mapped[str] = mapped_column(String(128), primary_key=True)
    concern: Mapped[str] = mapped_column(String(32), index=True)
    """A `server.devices.attention.Concern`."""
    since: Mapped[datetime] = mapped_column(Utc)
    value: Mapped[float]
    unit: Mapped[str] = mapped_column(String(32), default="")


class CommandState(StrEnum):
    """Where a command stands."""

    WAITING = "waiting"
    """To be sent, again if need be, until it is answered or expires."""
    PROPOSED = "proposed"
    """Not sent before a second person agrees."""
    ANSWERED = "answered"
    EXPIRED = "expired"
    """No answer came in time; it will not be sent again."""


class Command(Base):
    """One order to one gateway, kept until it is answered or expires."""

    __tablename__ = "command"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    gateway: Mapped[str] = mapped_column(String(64), index=True)
    order: Mapped[dict[str, Any]] = mapped_column(JSON)
    item: Mapped[str | None] = mapped_column(String(36), index=True)
    issuer: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(Text, default="")
    issued_at: Mapped[datetime] = mapped_column(Utc)
    expires_at: Mapped[datetime] = mapped_column(Utc)
    state: Mapped[CommandState] = mapped_column(Word(CommandState), index=True)
    send_at: Mapped[datetime] = mapped_column(Utc)
    """When to send it (again)."""
    outcome: Mapped[CommandOutcome | None] = mapped_column(Word(CommandOutcome))
    detail: Mapped[str] = mapped_column(Text, default="")
    answered_at: Mapped[datetime | None] = mapped_column(Utc)


class WalkTest(Base):
    """Somebody beside a device tries it: its test alarm comes back to their page, and to nobody else."""

    __tablename__ = "walk_test"
    __table_args__ = (Index("ix_walk_test_device", "gateway", "device", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    gateway: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(128))
    by: Mapped[str] = mapped_column(String(100))
    command: Mapped[str] = mapped_column(ForeignKey("command.id"))
    """The order to the gateway, whose answer says what it did."""
    started_at: Mapped[datetime] = mapped_column(Utc)
    until_at: Mapped[datetime] = mapped_column(Utc)
    """A test alarm that first comes later is told as any other."""
    alarm: Mapped[str | None] = mapped_column(String(128), index=True)
    """What came back."""
    heard_at: Mapped[datetime | None] = mapped_column(Utc)
    over_at: Mapped[datetime | None] = mapped_column(Utc)


class BusTraffic(Base):
    """What was on a bus of a gateway, as one of its reports showed it; only the last are kept."""

    __tablename__ = "bus_traffic"
    __table_args__ = (Index("ix_bus_traffic_bus", "gateway", "bus", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    gateway: Mapped[str] = mapped_column(String(64))
    bus: Mapped[str] = mapped_column(String(128))
    received_at: Mapped[datetime] = mapped_column(Utc)
    frames: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """Each with `at`, `direction`, `hex` and `text`, oldest first."""
    dropped: Mapped[int]
    """Frames that the gateway left out."""


class ConfigurationPart(Base):
    """A part of a configuration that is not whole yet."""

    __tablename__ = "configuration_part"

    gateway: Mapped[str] = mapped_column(String(64), primary_key=True)
    content_hash: Mapped[str] = mapped_column(String(128), primary_key=True)
    parts: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    received_at: Mapped[datetime] = mapped_column(Utc)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """The report as JSON, deflated."""


class ConfigurationVersion(Base):
    """A configuration that a gateway reported whole; the last fifty of each gateway are kept."""

    __tablename__ = "configuration_version"
    __table_args__ = (UniqueConstraint("gateway", "content_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    gateway: Mapped[str] = mapped_column(String(64))
    content_hash: Mapped[str] = mapped_column(String(128))
    file_hash: Mapped[str] = mapped_column(String(128))
    """SHA-256 of the site file: what a status names."""
    version: Mapped[str] = mapped_column(Text, default="")
    """What the file calls itself."""
    software: Mapped[str] = mapped_column(Text, default="")
    first_at: Mapped[datetime] = mapped_column(Utc)
    last_at: Mapped[datetime] = mapped_column(Utc)
    """When it was reported for the first and for the last time, by the server's clock."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """The whole as one report in JSON, deflated."""


class Standing(StrEnum):
    """How a configuration stood from a moment on."""

    TRIAL = "trial"
    """New and on trial: if the gateway does not work with it, the last good one comes back."""
    IN_FORCE = "in_force"
    ROLLED_BACK = "rolled_back"
    """It was on trial and failed; the last good one is in force again."""
    REFUSED = "refused"
    """It was never taken, because it cannot be used."""


class ConfigurationStanding(Base):
    """One change of how a gateway's configurations stand, as its status told it. Rows are added only."""

    __tablename__ = "configuration_standing"
    __table_args__ = (Index("ix_configuration_standing_gateway", "gateway", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    gateway: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(Utc)
    """When the server was told; `loaded_at` is the gateway's own word."""
    file_hash: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[str] = mapped_column(Text, default="")
    software: Mapped[str] = mapped_column(Text, default="")
    standing: Mapped[Standing] = mapped_column(Word(Standing))
    why: Mapped[str] = mapped_column(Text, default="")
    """Why it was refused or rolled back, in the gateway's words."""
    loaded_at: Mapped[datetime | None] = mapped_column(Utc)
