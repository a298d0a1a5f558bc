"""What a site file may say and what still cannot be meant: errors that read well, and warnings.

An error here keeps the file from being used: a limit that no reading can pass, two buses that want
one port. A warning is said and the file is used: an installer may know better.
"""

import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from edge.drivers.modbusprofile import ModbusProfile
from edge.drivers.planner import plan_reads
from edge.drivers.profile import Profile
from edge.drivers.profileparts import Confidence
from edge.site.busconfig import (
    BleBusSettings,
    Gb26875BusSettings,
    Hj212BusSettings,
    ModbusRtuBusSettings,
    ModbusRtuOverTcpBusSettings,
    ModbusTcpBusSettings,
)
from edge.site.config import DeviceSettings, SiteSettings
from edge.site.linebudget import transaction_s
from edge.site.periods import contact_after_s, period_s_of
from wire.vocabulary import AlarmClass, Kind

Found = Iterator[tuple[tuple[str | int, ...], str]]
Numbered = Iterable[tuple[int, Any]]

LONGEST_SILENCE_S: Final = 100.0
"""GB/T 45839-2025: a fault of a device is shown within 100 s."""
FULL_LINE: Final = 0.9
_LOOPBACK: Final = ("127.", "localhost", "::1")


def check_listeners(buses: Numbered) -> Found:
    """Yield every listening bus that wants a port or adapter which another one has."""
    seen: dict[str, str] = {}
    for index, bus in buses:
        key, port = _exclusive_port(bus)
        if port and (other := seen.setdefault(port, bus.id)) != bus.id:
            text = f"found {getattr(bus, key)!r}, which bus {other!r} has already; one port is one bus"
            yield ("buses", index, key), text


def _exclusive_port(bus: Any) -> tuple[str, str]:
    match bus:
        case BleBusSettings():
            return "adapter", bus.adapter
        case Hj212BusSettings() | Gb26875BusSettings() if bus.port:
            return "port", f"port {bus.port}"
    return "", ""


def check_limits(rules: Numbered, models: Mapping[str, Profile]) -> Found:
    """Yield every limit that no reading of its device can pass, because the model's range ends before."""
    for index, rule in rules:
        for device in getattr(rule, "devices", ()):
            for part in models[device].points if device in models else ():
                if part.name == getattr(rule, "point", None):
                    yield from _check_limit(index, rule, part)


def _check_limit(index: int, rule: Any, part: Any) -> Found:
    above, below = getattr(rule, "above", None), getattr(rule, "below", None)
    if isinstance(above, float) and part.max is not None and above >= part.max:
        text = f"found {above:g}, allowed less than {part.max:g}: {part.name} never reads more"
        yield ("rules", index, "above"), text
    if isinstance(below, float) and part.min is not None and below <= part.min:
        text = f"found {below:g}, allowed more than {part.min:g}: {part.name} never reads less"
        yield ("rules", index, "below"), text


def site_warnings(settings: SiteSettings, profiles: Mapping[str, Profile], folder: Path) -> Found:
    """Yield what is allowed and seldom meant.

    Args:
        settings: of a file without errors.
        profiles: every device model, by name.
        folder: where the site file lies; secrets are named relative to it.
    """
    yield from _warn_of_buses(settings)
    yield from _warn_of_load(settings, profiles)
    yield from _warn_of_watch(settings, profiles)
    yield from _warn_of_rules(settings)
    yield from _warn_of_secrets(settings, folder)
    yield from _warn_of_server(settings)


def _warn_of_buses(settings: SiteSettings) -> Found:
    used = {device.bus for device in settings.devices}
    for index, bus in enumerate(settings.buses):
        if bus.id not in used:
            yield ("buses", index), f"no device is on bus {bus.id!r}; it is not opened"


def _warn_of_load(settings: SiteSettings, profiles: Mapping[str, Profile]) -> Found:
    """Estimate how much of each Modbus line's time the polls take."""
    for index, bus in enumerate(settings.buses):
        if not isinstance(bus, ModbusRtuBusSettings | ModbusRtuOverTcpBusSettings | ModbusTcpBusSettings):
            continue
        used = 0.0
        for device in (one for one in settings.devices if one.bus == bus.id):
            profile = profiles[device.profile]
            if isinstance(profile, ModbusProfile):
                round_s = sum(transaction_s(bus, profile, block) for block in plan_reads(profile))
                used += round_s / period_s_of(device, profile)
        if used > FULL_LINE:
            fitting = f"periods {used / 0.7:.1f} times as long would fit, or a faster line"
            yield ("buses", index), f"its devices need about {used:.0%} of the line's time; {fitting}"


def _warn_of_watch(settings: SiteSettings, profiles: Mapping[str, Profile]) -> Found:
    """Warn of devices whose silence stays unseen for long, although lives depend on them."""
    vital = {
        device
        for rule in settings.rules
        if rule.class_ is AlarmClass.LIFE_SAFETY
        for device in _devices(rule)
    }
    for index, device in enumerate(settings.devices):
        silent_s = contact_after_s(device, profiles[device.profile])
        if device.id in vital and silent_s > LONGEST_SILENCE_S:
            text = (
                f"a life-safety rule watches it, and it may be silent for {silent_s:g} s before anybody knows"
            )
            yield ("devices", index, *_contact_place(device)), f"{text}; {LONGEST_SILENCE_S:g} s are usual"
        if device.id in vital and profiles[device.profile].confidence is Confidence.LOW:
            text = f"a life-safety rule watches it, and profile {device.profile!r} is of low confidence"
            yield ("devices", index, "profile"), f"{text}; compare with `gridwarden-edge probe`"
        bus = next(bus for bus in settings.buses if bus.id == device.bus)
        if isinstance(bus, ModbusRtuBusSettings | ModbusRtuOverTcpBusSettings) and device.unit == 0:
            yield ("devices", index, "unit"), "unit 0 means all units of a serial line; none of them answers"


def _contact_place(device: DeviceSettings) -> tuple[str, ...]:
    return ("contact",) if device.contact.after_s is not None else ("period_s",)


def _devices(rule: Any) -> tuple[str, ...]:
    return tuple(getattr(rule, "devices", ()))


def _warn_of_rules(settings: SiteSettings) -> Found:
    for index, rule in enumerate(settings.rules):
        vital = rule.class_ is AlarmClass.LIFE_SAFETY
        if vital and rule.kind is Kind.GAS and not getattr(rule, "actions", ()):
            yield ("rules", index), f"rule {rule.id!r} is life safety and closes no valve and sounds no siren"


def _warn_of_secrets(settings: SiteSettings, folder: Path) -> Found:
    for where, name in secret_files(settings):
        path = folder / name
        try:
            mode = path.stat().st_mode
        except OSError as error:
            yield where, f"{path} cannot be read here: {error.strerror}"
            continue
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield where, f"{path} can be read by others; chmod 600 {path}"


def secret_files(settings: SiteSettings) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the files that hold passwords and keys, by the places of their settings."""
    for where, value in _texts_in(settings, ()):
        name = str(where[-1])
        if name.endswith(("password_file", "key_file", "token_file", "secret_file")) or name == "key":
            yield where, value


def tls_files(settings: SiteSettings) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the files of authorities, certificates and their keys, by the places of their settings."""
    for where, value in _texts_in(settings, ()):
        if "tls" in where:
            yield where, value


def _texts_in(part: Any, where: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(part, str):
        yield where, part
    elif isinstance(part, tuple):
        for index, entry in enumerate(part):
            yield from _texts_in(entry, (*where, index))
    else:
        for name, value in getattr(part, "__dict__", {}).items():
            yield from _texts_in(value, (*where, name))


def _warn_of_server(settings: SiteSettings) -> Found:
    server = settings.server
    if server.tls is None and server.username is not None and not server.host.startswith(_LOOPBACK):
        yield (
            ("server", "host"),
            "the password travels to another machine without TLS; name the broker's ca under tls",
        )
