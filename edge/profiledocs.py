"""Writes `docs/devices.md` and the JSON Schema of a profile from the profiles that ship (`make api`)."""

import json
import sys
from collections.abc import Iterator
from enum import Enum
from itertools import groupby
from typing import Any, Final

from edge.drivers.profile import Profile, profile_schema, shipped_profiles
from edge.drivers.profileparts import PointPart

_HEAD: Final = """\
# Device models

Written by `make api` from the profiles in `edge/drivers/profiles/`; change those, not this page. How to add a
model: [Contributing](../CONTRIBUTING.md#a-new-device-model). `gridwarden-edge schema --profile` prints the
JSON Schema of a profile.

How sure a map is: **verified**: read in the maker's text, or in code that runs against the device;
**sourced**: one public source, not checked on a device; **low**: to be checked on the device before anybody
relies on it. None was checked by us on a real device.

"""
_LEFT_OUT: Final = """\
## Known and left out

| model | why |
|---|---|
| MSA Ultima | the registers count from a base address, and words have an order, that no public source gives |
| In-Situ RDO PRO-X, Aqua TROLL 400 | whether the manual's register numbers count from 0 or 1 is not known; \
a sensor that fails shows 0.0, so a map that is one off could raise or hide an alarm |
| YSI EXO | its adapter's register order is set for each sonde, there is no fixed map |
| SW-P300 | the requests are known, type and scale of the answers are not |
| Yaoan YA-K300-S | the only public map contradicts itself on the limits |
| Acrel ARCM300, ADL400, Hanwei detectors, RS-CH4 | no public register map was found |
"""
_TECHNIQUES: Final = {
    "modbus": "Modbus",
    "hj212": "HJ 212",
    "gb26875": "GB/T 26875.3",
    "ble": "Bluetooth Low Energy",
    "mqtt": "MQTT",
}
_SHOWN_IN_HEX: Final = 256
_OWN_COLUMNS: Final = {"name", "unit", "min", "max"}


def write_devices() -> str:
    """Return the page."""
    models = sorted(
        shipped_profiles().values(), key=lambda p: (list(_TECHNIQUES).index(p.technique), p.model)
    )
    lines = [_HEAD.rstrip(), "", *_overview(models), ""]
    for technique, group in groupby(models, key=lambda profile: profile.technique):
        lines += [f"## {_TECHNIQUES[technique]}", ""]
        for profile in group:
            lines += [*_model(profile), ""]
    return "\n".join(lines) + "\n" + _LEFT_OUT


def write_schema() -> str:
    """Return the JSON Schema of a profile as it ships."""
    return json.dumps(profile_schema(), indent=2, ensure_ascii=False) + "\n"


def _overview(models: list[Profile]) -> Iterator[str]:
    yield "| model | maker and title | speaks | kind | points | actions | confidence |"
    yield "|---|---|---|---|---|---|---|"
    for profile in models:
        actions = ", ".join(f"`{name}`" for name in getattr(profile, "actions", {})) or "none"
        yield (
            f"| [{profile.model}](#{profile.model}) | {profile.vendor}: {profile.title} "
            f"| {_TECHNIQUES[profile.technique]} | {profile.kind} | {len(profile.points)} | {actions} "
            f"| {profile.confidence.value} |"
        )


def _model(profile: Profile) -> Iterator[str]:
    yield f"### {profile.model}"
    yield ""
    yield f"{profile.vendor}: {profile.title}."
    if profile.notes:
        yield " ".join(profile.notes.split())
    yield ""
    yield f"Source ({profile.confidence.value}): {profile.source}."
    serial = getattr(profile, "serial", "")
    if serial:
        yield f"From the factory: {serial}."
    yield ""
    yield "| point | unit | from | to | where |"
    yield "|---|---|---|---|---|"
    for point in profile.points:
        unit = point.unit.replace("|", "\\|")
        yield (
            f"| `{point.name}` | `{unit}` | {_number(point.min)} | {_number(point.max)} | {_where(point)} |"
        )


def _where(point: PointPart) -> str:
    """Return what a profile says of a point besides its name: its address, its code, its path."""
    found = point.model_dump(mode="json", exclude=_OWN_COLUMNS, exclude_defaults=True)
    return ", ".join(f"{name} {_shown(value)}" for name, value in found.items()) or "by its name"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key} = {_shown(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= _SHOWN_IN_HEX:
        return f"0x{value:04X}"
    return str(value.value if isinstance(value, Enum) else value)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


if __name__ == "__main__":
    sys.stdout.write(write_schema() if "--schema" in sys.argv else write_devices())
