"""Writes `docs/rules.md` from the rules that ship and the kinds of the site file (`make api`)."""

import sys
from typing import Any, Final, get_args

from edge.site.ruleconfig import RuleSettings
from edge.site.ruledefaults import default_rules

_HEAD: Final = """\
# Rules

Written by `make api` from `edge/site/ruleconfig.py` and `edge/rules/defaults.yaml`; change those, not this
page.

A rule turns readings into an alarm, on the gateway, with or without a network. Every rule has `id`,
`kind` (gas, fire, electric, water), `class` (life_safety, hazard, fault, advice), and may have
`on_delay_s`, `off_delay_s`, `latching` (a person resets it), `actions` (`do`, `device`, and `undo` for
what ends when the alarm does), `active` (`days`, `from`, `to`, in the site's `timezone`; never on life
safety) and `explained_by` (rules whose shown alarm explains this one; never gas, fire or life safety).

`gridwarden-edge rules list SITE` says each rule of a site in words, `rules replay SITE READINGS` what
recorded readings would have raised, `rules defaults` what ships. Readings are JSON lines or CSV with
`at`, `device`, `point`, `value` and perhaps `unit` and `quality`, or a copy of a gateway's `readings.db`
(`gridwarden-edge readings export` prints one).

What always holds: a value that is not good never clears; a device that is worked on raises nothing;
silence is an alarm of its own (`contact`, on every device); a window that is not full says that it is
warming up and clears nothing; after a restart windows are rebuilt from stored readings. A replay knows
what was stored: values left out by a deadband, and whether a radio message could have been an old one,
it does not know.

## Kinds

"""
_EXAMPLES: Final = {
    "threshold": (
        "{id: gas-high, type: threshold, devices: [gas-1], point: gas_lel, above: 25, hysteresis: "
        "5, latching: true, kind: gas, class: life_safety, stages: [{limit: 50, class: "
        "life_safety}], actions: [{do: close_valve, device: valve-1}]}"
    ),
    "rate": (
        "{id: level-rises, type: rate, devices: [river-1], point: level_m, window_s: 600, "
        "rising_per_min: 0.02, kind: water, class: hazard}"
    ),
    "stuck": (
        "{id: probe-stuck, type: stuck, devices: [river-1], point: ph, for_s: 86400, tolerance: "
        "0.01, kind: water, class: fault}"
    ),
    "no_data": (
        "{id: no-ph, type: no_data, devices: [river-1], point: ph, after_s: 7200, kind: water, class: fault}"
    ),
    "bits": (
        "{id: detector-fault, type: bits, devices: [gas-1], point: fault, bits: [0, 1], when: "
        "any_set, kind: gas, class: fault}"
    ),
    "window": (
        "{id: oxygen-low, type: window, devices: [river-1], point: dissolved_oxygen_mg_l, "
        "measure: mean, window_s: 3600, below: 5, kind: water, class: advice}"
    ),
    "k_of_n": (
        "{id: smoke-2oo3, type: k_of_n, devices: [smoke-1, smoke-2, smoke-3], point: smoke, "
        "above: 0.5, need: 2, reported_on: smoke-1, latching: true, kind: fire, class: "
        "life_safety}"
    ),
    "all_of": (
        "{id: gas-and-no-fan, type: all_of, of: [{rule: gas-high, device: gas-1}, {rule: fan-off, "
        "device: fan-1}], reported_on: gas-1, kind: gas, class: life_safety}"
    ),
    "any_of": (
        "{id: any-leak, type: any_of, of: [{rule: leak, device: wc-1}, {rule: leak, device: "
        "wc-2}], reported_on: wc-1, kind: water, class: hazard}"
    ),
}
_SHIPPED: Final = """\
## What ships

`rules: - use: <name>` takes one of these; whatever stands beside `use` is put over it. Without `devices`
it watches every device whose profile has the point. How sure a figure is: **verified**: the clause was
read, or quoted alike in several places; **sourced**: one public source; **low**: the clause was not
retrieved, or the figure is derived. Design targets; no compliance is claimed.

| use | point | figures | clause | confidence |
|---|---|---|---|---|
"""


def write_rules() -> str:
    """Return the page."""
    kinds = [_describe(kind) for kind in get_args(get_args(RuleSettings)[0])]
    shipped = [
        f"| `{rule.name}`: {rule.title['en']} | `{rule.rule['point']}` | {_figures(rule.rule)} | "
        f"{rule.clause} | {rule.confidence} |\n"
        for rule in default_rules().values()
    ]
    return "".join([_HEAD, *kinds, _SHIPPED, *shipped])


def _describe(kind: Any) -> str:
    name = get_args(kind.model_fields["type"].annotation)[0]
    fields = ", ".join(
        f"`{field.alias or key}`" + ("" if field.is_required() else "?")
        for key, field in kind.model_fields.items()
        if key not in ("id", "type", "kind", "class_", "latching", "actions", "active", "explained_by")
        and not key.endswith("_delay_s")
    )
    sentence = " ".join((kind.__doc__ or "").split())
    example = f"```yaml\n- {_EXAMPLES[name]}\n```"
    return f"### {name}\n\n{sentence}\n\nFields (`?`: may be left out): {fields}\n\n{example}\n\n"


def _figures(rule: Any) -> str:
    words = [f"{key} {rule[key]}" for key in ("below", "above", "hysteresis") if key in rule]
    words += [f"stage {stage['limit']} ({stage['class']})" for stage in rule.get("stages", ())]
    words += [f"{rule['measure']} over {rule['window_s']} s"] if "measure" in rule else []
    return ", ".join([*words, str(rule["class"])])


if __name__ == "__main__":
    sys.stdout.write(write_rules())
