"""Profiles of devices that speak by themselves: which part of a message is which point."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edge.drivers.profileparts import Part, PointPart, ProfilePart

Number = Annotated[float, Field(allow_inf_nan=False)]
Topic = Annotated[str, Field(pattern=r"^[^#{}]*\{address\}[^#{}]*$")]


class ListenedProfile(ProfilePart):
    """A device model that speaks by itself."""

    period_s: Annotated[float, Field(gt=0, le=604_800)]
    """How long it is silent at most while all is well; a site may know better."""

    @model_validator(mode="after")
    def _check(self) -> "ListenedProfile":
        self.check_names()
        return self


class HjPoint(PointPart):
    """One factor of a station: `value = sent × scale`."""

    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{3,12}$")]
    """The factor's code, e.g. `w01001`."""
    old_code: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{3,12}$")] | None = None
    """Its code in HJ/T 212-2005, e.g. `001`."""
    scale: Number = 1.0


class HjProfile(ListenedProfile):
    """A station that speaks HJ 212."""

    technique: Literal["hj212"]
    points: Annotated[tuple[HjPoint, ...], Field(min_length=1)]


class GbPoint(PointPart):
    """One fact about a component behind a user information transmission device."""

    of: Literal["status", "analog"]
    """Whether it is a bit of the status word or an analog value."""
    bit: Annotated[int, Field(ge=0, le=15)] | None = None
    """Of the status word, from 0 (GB/T 26875.3-2011, tables 6 and 7)."""
    analog: Annotated[int, Field(ge=1, le=255)] | None = None
    """The type of the analog value (table 8); from 128 on the maker's own."""
    scale: Number = 1.0
    """What an analog value, in the unit of its type, is multiplied by; a maker's own type counts as sent."""

    @model_validator(mode="after")
    def _check_source(self) -> "GbPoint":
        if (self.of == "status") != (self.bit is not None) or (self.of == "analog") != (
            self.analog is not None
        ):
            raise ValueError("a status point names its bit, an analog point its type, and nothing else")
        return self


class GbProfile(ListenedProfile):
    """A component, a panel or a transmission device that speaks GB/T 26875.3."""

    technique: Literal["gb26875"]
    level: Literal["component", "system", "transmitter"] = "component"
    """What a status message must be about."""
    bcd_time: bool = False
    """Whether its maker writes times as binary-coded decimals, against the standard."""
    end: Literal["23", "35"] = "23"
    """The byte, hexadecimal, that stands twice at the end of a frame; some makers take the standard's decimal
    35 for hexadecimal."""
    reset_clears: bool = False
    """Whether a reset of the panel ends what its components said, because they never say that they are
    normal again."""
    points: Annotated[tuple[GbPoint, ...], Field(min_length=1)]


class BlePoint(PointPart):
    """One quantity of an advertisement, by the name that its format gives it."""

    measures: str = ""
    """The format's own name, where the point's differs."""


class GattCharacteristic(Part):
    """A characteristic that is read, or that notifies, while connected."""

    uuid: Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    point: str
    type: Literal["u8", "i8", "u16", "i16", "u32", "i32", "float32"]
    offset: Annotated[int, Field(ge=0, le=511)] = 0
    """First byte of the value, which is little-endian."""
    scale: Number = 1.0
    notify: bool = False
    """Whether the device tells changes by itself."""


class GattWrite(Part):
    """A write to a characteristic, and how to see that it took effect."""

    uuid: Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    value: Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$")]
    """Bytes to write, hexadecimal."""
    read_back: Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$")]
    """What the same characteristic must then read."""


class BleProfile(ListenedProfile):
    """A device that speaks Bluetooth Low Energy."""

    technique: Literal["ble"]
    format: Literal["bthome", "mibeacon", "gatt"]
    """How its advertisements are written; `gatt`: it is connected to instead."""
    encrypted: bool = False
    """Whether only encrypted advertisements are believed."""
    points: Annotated[tuple[BlePoint, ...], Field(min_length=1)]
    characteristics: tuple[GattCharacteristic, ...] = ()
    actions: dict[str, GattWrite] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_gatt(self) -> "BleProfile":
        if (self.format == "gatt") != bool(self.characteristics):
            raise ValueError("a gatt profile names characteristics, and no other does")
        known = {point.name for point in self.points}
        for characteristic in self.characteristics:
            if characteristic.point not in known:
                raise ValueError(f"characteristic of unknown point {characteristic.point}")
        check_actions(self.actions)
        return self


class MqttPoint(PointPart):
    """One value of a JSON message: `value = found × scale + offset`."""

    path: str
    """Keys from the message's root, joined by dots: `object.ch4_lel`; empty for the whole message."""
    values: dict[str, Number] = Field(default_factory=dict)
    """What words stand for: `{"ON": 1, "OFF": 0}`; true and false are 1 and 0 by themselves."""
    scale: Number = 1.0
    offset: Number = 0.0


class MqttProfile(ListenedProfile):
    """A device whose messages come as JSON through a broker.

    In topics, `{address}` stands for the device's address in the site file, `+` for any one level.
    """

    technique: Literal["mqtt"]
    topic: Topic = "{address}"
    """On which it says what it measures."""
    points: Annotated[tuple[MqttPoint, ...], Field(min_length=1)]
    availability: Topic | None = None
    """On which it is said whether it is there, as text or as `{"state": …}`; None for nowhere."""
    available: tuple[str, ...] = ("online",)
    unavailable: tuple[str, ...] = ("offline",)
    """The words for it, in small letters."""
    time_path: str = ""
    """Where in the message its own time stands; empty for nowhere, then it counts when it comes."""
    time_format: Literal["iso8601", "unix_s", "unix_ms"] = "iso8601"

    @model_validator(mode="after")
    def _check_topics(self) -> "MqttProfile":
        if self.availability == self.topic:
            raise ValueError("availability is said on a topic of its own")
        return self


def check_actions(actions: dict[str, GattWrite]) -> None:
    """Check that no action opens a gas valve.

    Raises:
        ValueError: one does.
    """
    for name in actions:
        if name.startswith("open_") and "valve" in name:
            raise ValueError(f"action {name}: software only ever closes a gas valve")
