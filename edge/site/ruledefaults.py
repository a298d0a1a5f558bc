"""Rules that ship with the gateway, from the standards: `rules: - use: default-gas`.

An entry that uses one is that rule with whatever the site says put over it. Without `devices` it
watches every device of the site whose profile has the point.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from edge.drivers.profile import shipped_profiles
from edge.site.ruleconfig import RuleOrigin
from edge.site.yamltext import plain_value, read_yaml

Problems = list[tuple[tuple[str | int, ...], str]]
_THE_SITES_OWN: Final = frozenset({"id", "devices", "actions", "explained_by"})
"""What no rule that ships can know: saying it is no departure from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultRule:
    """A rule that ships.

    Attributes:
        name: by which a site uses it.
        clause: the standard and clause of its figures.
        confidence: verified, sourced or low.
        title: in Chinese and English.
        rule: as a site file would say it, without id and devices.
    """

    name: str
    clause: str
    confidence: str
    title: Mapping[str, str]
    rule: Mapping[str, Any]


@cache
def default_rules() -> dict[str, DefaultRule]:
    """Return the rules that ship with the gateway, by name."""
    file = resources.files("edge.rules") / "defaults.yaml"
    found = plain_value(read_yaml(file.read_bytes()))
    return {
        name: DefaultRule(
            name=name,
            clause=str(entry["clause"]),
            confidence=str(entry["confidence"]),
            title=entry["title"],
            rule=entry["rule"],
        )
        for name, entry in found.items()
    }


def type_of_default(name: Any) -> str | None:
    """Return the type of the rule of that name; None when there is none."""
    known = default_rules().get(str(name))
    return None if known is None else str(known.rule["type"])


def expand_defaults(tree: dict[str, Any]) -> tuple[dict[str, Any], Problems]:
    """Put the rules that ship in the place of the entries that use them.

    Args:
        tree: a site file as plain values; parts of it may be unusable.

    Returns:
        The tree, and what was wrong with the entries.
    """
    rules = tree.get("rules")
    if not isinstance(rules, list):
        return tree, []
    problems: Problems = []
    expanded = [_expand(index, entry, tree, problems) for index, entry in enumerate(rules)]
    return {**tree, "rules": expanded}, problems


def origins_of(tree: dict[str, Any]) -> dict[str, RuleOrigin]:
    """Return which rules of a site file that can be used ship with the gateway, by their ids.

    Args:
        tree: the site file as plain values, as it was before `expand_defaults`.
    """
    known = default_rules()
    found: dict[str, RuleOrigin] = {}
    for entry in tree.get("rules") or ():
        if "use" not in entry:
            continue
        shipped = known[entry["use"]].rule
        own = {key: value for key, value in entry.items() if key not in {"use", *_THE_SITES_OWN}}
        departs = sorted(key for key, value in own.items() if key not in shipped or shipped[key] != value)
        found[str(entry.get("id", entry["use"]))] = RuleOrigin(use=entry["use"], departs=tuple(departs))
    return found


def _expand(index: int, entry: Any, tree: dict[str, Any], problems: Problems) -> Any:
    if not isinstance(entry, dict) or "use" not in entry:
        return entry
    name = entry["use"]
    known = default_rules()
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        problems.append((("rules", index, "use"), f"found {name!r}, allowed {', '.join(known)}{hint}"))
        return entry
    own = {key: value for key, value in entry.items() if key != "use"}
    full = {"id": name, **known[name].rule, **own}
    if "devices" not in full:
        full["devices"] = _devices_with(full["point"], tree)
        if not full["devices"]:
            text = f"found no device with point {full['point']!r}; name 'devices' and their 'point'"
            problems.append((("rules", index), text))
    return full


def _devices_with(point: Any, tree: dict[str, Any]) -> list[str]:
    profiles = shipped_profiles()
    devices = tree.get("devices")
    return [
        str(device["id"])
        for device in (devices if isinstance(devices, list) else [])
        if isinstance(device, dict)
        and "id" in device
        and (profile := profiles.get(str(device.get("profile")))) is not None
        and any(one.name == point for one in profile.points)
    ]
