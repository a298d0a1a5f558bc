"""Checks that the parts of a site file fit together: names that stand for one another, ids that are unique.

Every entry that can be read by itself is checked, also when others cannot, so that a file's problems
come all at once.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import available_timezones

from pydantic import BaseModel, TypeAdapter, ValidationError

from edge.drivers.gb26875 import parse_place
from edge.drivers.listenedprofile import BleProfile, GbProfile, HjProfile, MqttProfile
from edge.drivers.modbusprofile import closes_valve
from edge.drivers.profile import Profile, actions_of, shipped_profiles
from edge.site.busconfig import PROFILE_TECHNIQUES, BusSettings
from edge.site.config import DeviceSettings, SiteSettings
from edge.site.interlockconfig import InterlockSettings
from edge.site.ruleconfig import RuleSettings
from edge.site.rulereferences import Found, Site, check_contact, check_rule, unknown
from edge.site.serialports import check_ports
from edge.site.siteplausibility import check_limits, check_listeners
from edge.uplink.certificates import check_files
from edge.watch.selfwatch import SELF_DEVICE
from wire.vocabulary import AlarmClass

_INTERLOCK: Final[TypeAdapter[Any]] = TypeAdapter(InterlockSettings)
_BLUETOOTH_ADDRESS: Final = re.compile(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")

_MN: Final = re.compile(r"[0-9A-Za-z]{1,24}")
_PLACES: Final[Mapping[str, str]] = {
    "transmitter": "a transmitter such as 3456",
    "system": "transmitter/system type.address such as 3456/1.1",
    "component": "transmitter/system type.address/component type.address such as 3456/1.1/11.65539",
}
_PARTS: Final[Mapping[str, TypeAdapter[Any]]] = {
    "buses": TypeAdapter(BusSettings),
    "devices": TypeAdapter(DeviceSettings),
    "rules": TypeAdapter(RuleSettings),
}


@dataclass(frozen=True, slots=True)
class _Entries:
    """What can be read of a file, each with its index, and the ids of all, readable or not."""

    readable: Mapping[str, tuple[tuple[int, Any], ...]]
    ids: Mapping[str, frozenset[str]]
    models: Mapping[str, Profile]
    """The profile of each device whose profile is known."""


def check_references(tree: Mapping[str, Any]) -> Found:
    """Yield every problem between the parts of a file.

    Args:
        tree: the file as plain values; parts of it may be unusable.
    """
    profiles = shipped_profiles()
    entries = _read(tree, profiles)
    for part in _PARTS:
        yield from _check_unique(part, entries.readable[part])
    yield from check_ports(entries.readable["buses"])
    techniques = {bus.id: bus.technique for _, bus in entries.readable["buses"]}
    yield from _check_addresses(entries.readable["devices"], techniques)
    for index, device in entries.readable["devices"]:
        yield from _check_itself(index, device, entries)
        yield from _check_technique(index, device, techniques, entries)
        yield from _check_place(index, device, entries)
        if device.bus not in entries.ids["buses"] and entries.ids["buses"]:
            yield ("devices", index, "bus"), unknown("bus", device.bus, entries.ids["buses"])
        if device.profile not in profiles:
            yield ("devices", index, "profile"), unknown("profile", device.profile, profiles)
    yield from _check_radio(entries, techniques)
    yield from _check_siren(tree, entries)
    site = Site(
        devices=entries.ids["devices"],
        models=entries.models,
        rules={rule.id: rule for _, rule in entries.readable["rules"]},
        rule_ids=entries.ids["rules"],
        contacts={device.id: device.contact.explained_by for _, device in entries.readable["devices"]},
    )
    for index, rule in entries.readable["rules"]:
        yield from check_rule(index, rule, site)
    for index, device in entries.readable["devices"]:
        yield from check_contact(index, device, site)
    yield from _check_zone(tree.get("timezone"))
    yield from check_listeners(entries.readable["buses"])
    yield from check_limits(entries.readable["rules"], entries.models)
    for index, lock in _readable(_INTERLOCK, _list_of(tree.get("interlocks"))):
        yield from _check_interlock(index, lock, entries)


def _check_zone(name: Any) -> Found:
    if isinstance(name, str) and name not in available_timezones():
        near = difflib.get_close_matches(name, available_timezones(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        yield ("timezone",), f"found {name!r}, allowed a time zone such as Asia/Shanghai{hint}"


def _check_interlock(index: int, lock: Any, entries: _Entries) -> Found:
    at: tuple[str | int, ...] = ("interlocks", index)
    devices, models, state = entries.ids["devices"], entries.models, lock.not_while
    if lock.device not in devices:
        yield (*at, "device"), unknown("device", lock.device, devices)
    elif lock.device in models and lock.do not in actions_of(models[lock.device]):
        yield (*at, "do"), unknown("action", lock.do, actions_of(models[lock.device]))
    if closes_valve(lock.do):
        yield (*at, "do"), f"found {lock.do!r}; closing a gas valve is never held up"
    if state.device not in devices:
        yield (*at, "not_while", "device"), unknown("device", state.device, devices)
    elif state.device in models:
        points = {point.name for point in models[state.device].points}
        if state.point not in points:
            yield (*at, "not_while", "point"), unknown("point", state.point, points)


def _check_siren(tree: Mapping[str, Any], entries: _Entries) -> Found:
    way = tree.get("second_way")
    siren = way.get("siren") if isinstance(way, dict) else None
    if not isinstance(siren, dict):
        return
    at = ("second_way", "siren")
    device = str(siren.get("device"))
    if device not in entries.ids["devices"]:
        yield (*at, "device"), unknown("device", device, entries.ids["devices"])
    elif device in entries.models:
        allowed = actions_of(entries.models[device])
        for key in ("sound", "silence"):
            if siren.get(key) is not None and siren[key] not in allowed:
                yield (*at, key), unknown("action", str(siren[key]), allowed)


def check_tls_files(settings: SiteSettings, folder: Path, now: datetime) -> Found:
    """Yield every file of the connection to the broker that cannot be used.

    Args:
        settings: the site's.
        folder: what names are relative to.
        now: when certificates must be valid.
    """
    server = settings.server
    if server.tls is not None:
        for setting, text in check_files(server.tls, folder, now):
            yield ("server", "tls", setting), text
    way = settings.second_way
    if way.webhook is not None and not (folder / way.webhook.secret_file).is_file():
        yield ("second_way", "webhook", "secret_file"), f"found {way.webhook.secret_file!r}, which is no file"


def _read(tree: Mapping[str, Any], profiles: Mapping[str, Profile]) -> _Entries:
    raw = {part: _list_of(tree.get(part)) for part in _PARTS}
    return _Entries(
        readable={part: tuple(_readable(_PARTS[part], raw[part])) for part in _PARTS},
        ids={part: frozenset(str(entry["id"]) for entry in raw[part] if "id" in entry) for part in _PARTS},
        models={
            str(entry["id"]): profiles[str(entry["profile"])]
            for entry in raw["devices"]
            if "id" in entry and str(entry.get("profile")) in profiles
        },
    )


def _list_of(part: Any) -> list[dict[str, Any]]:
    entries = part if isinstance(part, list) else []
    return [entry if isinstance(entry, dict) else {} for entry in entries]


def _readable(adapter: TypeAdapter[Any], raw: list[dict[str, Any]]) -> Iterator[tuple[int, BaseModel]]:
    for index, entry in enumerate(raw):
        try:
            yield index, adapter.validate_python(entry)
        except ValidationError:
            continue


def _check_unique(part: str, entries: Iterable[tuple[int, Any]]) -> Found:
    seen: set[str] = set()
    for index, entry in entries:
        if entry.id in seen:
            yield (part, index, "id"), f"found {entry.id!r} a second time, an id may stand once"
        seen.add(entry.id)


def _check_addresses(devices: Iterable[tuple[int, Any]], techniques: Mapping[str, str]) -> Found:
    seen: dict[tuple[str, str], str] = {}
    for index, device in devices:
        modbus = _profile_technique(techniques.get(device.bus, "modbus")) == "modbus"
        place, address = ("unit", str(device.unit)) if modbus else ("address", device.address)
        if not modbus and not address:
            yield ("devices", index), "found no 'address', which is needed on this bus"
            continue
        if techniques.get(device.bus) == "ble" and not _BLUETOOTH_ADDRESS.fullmatch(address):
            text = f"found {address!r}, allowed a Bluetooth address such as A4:C1:38:00:12:EF"
            yield ("devices", index, "address"), text
        other = seen.setdefault((device.bus, address), device.profile if modbus else "")
        if modbus and other != device.profile:
            text = f"found unit {address} of bus {device.bus!r} with two profiles"
            yield ("devices", index, place), f"{text}, one unit is one model"


def _check_itself(index: int, device: Any, entries: _Entries) -> Found:
    if device.id == SELF_DEVICE:
        yield ("devices", index, "id"), f"found {SELF_DEVICE!r}, which is the gateway itself"
    model = entries.models.get(device.id)
    if model is not None:
        points = {point.name for point in model.points}
        for name in device.report.deadbands:
            if name not in points:
                yield ("devices", index, "report", "deadbands", name), unknown("point", name, points)


def _check_technique(index: int, device: Any, techniques: Mapping[str, str], entries: _Entries) -> Found:
    model = entries.models.get(device.id)
    technique = techniques.get(device.bus)
    if model is None or technique is None:
        return
    wanted = _profile_technique(technique)
    if model.technique != wanted:
        found = f"found profile {device.profile!r}, which speaks {model.technique}"
        yield ("devices", index, "profile"), f"{found}; bus {device.bus!r} speaks {wanted}"


def _check_place(index: int, device: Any, entries: _Entries) -> Found:
    """Check that an address is one as its profile needs it."""
    model, address = entries.models.get(device.id), device.address
    if model is None or not address:
        return
    wanted = ""
    if isinstance(model, GbProfile):
        place = parse_place(address)
        wanted = "" if place is not None and place.level == model.level else _PLACES[model.level]
    elif isinstance(model, HjProfile) and not _MN.fullmatch(address):
        wanted = "an MN, up to 24 letters and digits"
    elif isinstance(model, MqttProfile) and ("#" in address or "\0" in address):
        wanted = "a topic or a part of one, without #"
    if wanted:
        yield ("devices", index, "address"), f"found {address!r}, allowed {wanted}"


def _check_radio(entries: _Entries, techniques: Mapping[str, str]) -> Found:
    """A radio packet can be forged or played back: it never has the last word on somebody's life."""
    on_air = {d.id for _, d in entries.readable["devices"] if techniques.get(d.bus) == "ble"}
    for index, rule in entries.readable["rules"]:
        deadly = rule.class_ is AlarmClass.LIFE_SAFETY and not getattr(rule, "latching", True)
        if deadly and not on_air.isdisjoint(rule.devices):
            found = "found a life_safety rule on a Bluetooth device that is not latching"
            yield ("rules", index), f"{found}, allowed only with 'latching: true': a person resets it"
    for index, device in entries.readable["devices"]:
        model = entries.models.get(device.id)
        if isinstance(model, BleProfile) and model.encrypted and device.key_file is None:
            yield ("devices", index), f"found no 'key_file', which profile {device.profile!r} needs"


def _profile_technique(bus_technique: str) -> str:
    return PROFILE_TECHNIQUES.get(bus_technique, bus_technique)
