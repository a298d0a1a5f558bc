"""A rule in words, in Chinese and in English, and a hash that tells whether it was changed. Pure."""

import hashlib
from typing import Final

import msgspec

from edge.rules.model import (
    BitsRule,
    ContactRule,
    NoDataRule,
    RateRule,
    Rule,
    StuckRule,
    ThresholdRule,
    VoteRule,
    WindowRule,
)
from wire.vocabulary import Measure

_MEASURES: Final[dict[Measure, tuple[str, str]]] = {
    Measure.MEAN: ("平均值", "mean"),
    Measure.MIN: ("最小值", "least value"),
    Measure.MAX: ("最大值", "greatest value"),
    Measure.SUM: ("合计", "sum"),
    Measure.COUNT: ("读数个数", "number of readings"),
    Measure.SPREAD: ("变化幅度", "spread"),
}
_UNITS: Final = {"%{LEL}": "%LEL", "Cel": "°C", "1": "", "[pH]": "", "mA{residual}": "mA", "%{sat}": "%"}

_MOST_CHARACTERS: Final = 1_000
"""The wire takes a little more: a sentence about forty rules must not make its alarm unreadable."""

Words = tuple[str, str]
"""Chinese and English."""


def hash_of(rule: Rule) -> str:
    """Return what identifies the content of a rule: 16 hexadecimal digits."""
    plain = msgspec.to_builtins(rule, str_keys=True, order="deterministic", builtin_types=())
    return hashlib.sha256(msgspec.json.encode([type(rule).__name__, plain])).hexdigest()[:16]


def sentence_of(rule: Rule, unit: str) -> Words:
    """Return a rule in words.

    Args:
        rule: any rule.
        unit: of its point, a UCUM code.
    """
    cause_zh, cause_en = _cause(rule, _UNITS.get(unit, unit))
    if rule.on_delay_ms:
        cause_zh += f"，持续 {_time(rule.on_delay_ms)[0]}"
        cause_en += f" for {_time(rule.on_delay_ms)[1]}"
    if rule.latching:
        cause_zh += "；须人工复位"
        cause_en += "; a person must reset it"
    return _short(cause_zh), _short(cause_en)


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def _cause(rule: Rule, unit: str) -> Words:  # noqa: PLR0911 - one for each kind of rule
    match rule:
        case ThresholdRule():
            zh, en = _limits(rule.above, rule.below, unit)
            for number, stage in enumerate(rule.stages, start=2):
                zh += f"，第 {number} 级 {_figure(stage.limit, unit)}"
                en += f", stage {number} at {_figure(stage.limit, unit)}"
            return f"{rule.point} {zh}", f"{rule.point} {en}"
        case RateRule():
            return _rate(rule, unit)
        case StuckRule():
            zh, en = _time(rule.for_ms)
            return f"{rule.point} 在 {zh} 内没有变化", f"{rule.point} has not moved for {en}"
        case NoDataRule():
            zh, en = _time(rule.after_ms)
            return f"{rule.point} 已 {zh} 没有有效读数", f"{rule.point} has had no good value for {en}"
        case BitsRule():
            return _bits(rule)
        case WindowRule():
            limit_zh, limit_en = _limits(
                rule.above, rule.below, "" if rule.measure is Measure.COUNT else unit
            )
            (zh, en), (over_zh, over_en) = _MEASURES[rule.measure], _time(rule.window_ms)
            return (
                f"{rule.point} 在 {over_zh} 内的{zh} {limit_zh}",
                f"{en} of {rule.point} over {over_en} {limit_en}",
            )
        case VoteRule():
            return _votes(rule, unit)
        case ContactRule():
            zh, en = _time(rule.after_ms)
            return f"设备 {zh} 没有应答", f"the device has not answered for {en}"


def _rate(rule: RateRule, unit: str) -> Words:
    parts = [
        (f"上升快于 {_figure(rate, unit)}/分钟", f"rises faster than {_figure(rate, unit)}/min")
        for rate in (rule.rising_per_min,)
        if rate is not None
    ] + [
        (f"下降快于 {_figure(rate, unit)}/分钟", f"falls faster than {_figure(rate, unit)}/min")
        for rate in (rule.falling_per_min,)
        if rate is not None
    ]
    zh, en = "或".join(part[0] for part in parts), " or ".join(part[1] for part in parts)
    over_zh, over_en = _time(rule.window_ms)
    return f"{rule.point} 在 {over_zh} 内{zh}", f"{rule.point} {en} over {over_en}"


def _bits(rule: BitsRule) -> Words:
    listed = ", ".join(map(str, sorted(rule.bits)))
    quantity = ("全部", "all of") if rule.all_ else ("任一", "any of")
    state = ("为 1", "set") if rule.set_ else ("为 0", "clear")
    return (
        f"{rule.point} 的第 {listed} 位{quantity[0]}{state[0]}",
        f"{quantity[1]} bits {listed} of {rule.point} {state[1]}",
    )


def _votes(rule: VoteRule, unit: str) -> Words:
    total = len(rule.voters)
    if any(voter.rule for voter in rule.voters):
        asked = ", ".join(f"{voter.rule}@{voter.device}" for voter in rule.voters)
        return (
            f"{total} 个条件中至少 {rule.need} 个成立（{asked}）",
            f"at least {rule.need} of {total} hold ({asked})",
        )
    zh, en = _limits(rule.above, rule.below, unit)
    point = rule.voters[0].point
    return (
        f"{total} 个设备中至少 {rule.need} 个的 {point} {zh}",
        f"{point} of at least {rule.need} of {total} devices {en}",
    )


def _limits(above: float | None, below: float | None, unit: str) -> Words:
    if above is not None and below is not None:
        span = f"{below:g}–{_figure(above, unit)}"
        return f"超出 {span} 的范围", f"outside {span}"
    if above is not None:
        return f"高于 {_figure(above, unit)}", f"above {_figure(above, unit)}"
    assert below is not None, "the settings make sure that a limit is given"
    return f"低于 {_figure(below, unit)}", f"below {_figure(below, unit)}"


def _figure(value: float, unit: str) -> str:
    return f"{value:g} {unit}".rstrip()


def _time(ms: int) -> Words:
    for size, zh, en in ((3_600_000, "小时", "h"), (60_000, "分钟", "min"), (1000, "秒", "s")):
        if ms >= size and ms % size == 0:
            return f"{ms // size} {zh}", f"{ms // size} {en}"
    return f"{ms / 1000:g} 秒", f"{ms / 1000:g} s"
