"""Steps of escalation as a form of a page sends them: fields by the number of the step, times with a unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from pydantic import ValidationError

from server.errors import InvalidError
from server.escalation.stored import PolicyForm, StepForm
from server.people.model import ChannelKind, Role

_W = TypeVar("_W", bound=StrEnum)
_KINDS: Final = frozenset(str(count) for count in range(len(ChannelKind) + 1))
UNITS_S: Final[Mapping[str, int]] = {"s": 1, "min": 60, "h": 3600}
MOST_STEPS: Final = 10


class StepError(InvalidError):
    """One step of a form cannot be used.

    Attributes:
        number: which one, the first being 1.
    """

    def __init__(self, detail: str, *, number: int) -> None:
        """Keep which step it is."""
        super().__init__(detail)
        self.number = number


class Fields(Protocol):
    """What was typed: one value or several by a name."""

    def get(self, key: str, default: str = "", /) -> object:
        """Return one value."""

    def getlist(self, key: str, /) -> list[object]:
        """Return every value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A length of time as a form shows it: a number and a key of `UNITS_S`; empty for none."""

    number: str
    unit: str


def span_of(seconds: int | None) -> Span:
    """Return a length in the largest unit in which it is a whole number."""
    if seconds is None:
        return Span(number="", unit="min")
    unit = next(unit for unit in ("h", "min", "s") if seconds % UNITS_S[unit] == 0) if seconds else "s"
    return Span(number=str(seconds // UNITS_S[unit]), unit=unit)


def read_policy(fields: Fields) -> PolicyForm:
    """Return the steps that were typed; a step that names nobody is none.

    Raises:
        StepError: what is wrong in one step.
        InvalidError: what is wrong with all of it.
    """
    steps = [
        _read_step(fields, number)
        for number in range(MOST_STEPS)
        if fields.getlist(f"roles-{number}") or fields.getlist(f"instead-{number}")
    ]
    if not steps:
        raise InvalidError("至少要有一步。")
    try:
        return PolicyForm(
            steps=tuple(steps),
            acceptance_s=_seconds(fields, "acceptance"),
            repeat_s=_seconds(fields, "repeat") or 0,
            attend_s=_seconds(fields, "attend"),
            quiet=_quiet(fields),
        )
    except ValidationError as error:
        where = str(error.errors()[0]["loc"][0])
        raise InvalidError(_PROBLEMS.get(where, "填写的内容不完整或不对，请返回上一页再试。")) from None


def draft_policy(fields: Fields) -> PolicyForm:
    """Return what was typed as far as it can be shown again; it may be no steps that could be kept."""
    steps = [
        StepForm.model_construct(
            roles=_known(fields, f"roles-{number}", Role),
            instead=_known(fields, f"instead-{number}", Role),
            window_s=_seconds_or_none(fields, f"window-{number}") or 0,
            channels=_known(fields, f"channels-{number}", ChannelKind),
            at_least=int(text) if (text := str(fields.get(f"at_least-{number}", "1"))) in _KINDS else 1,
            reminder=bool(fields.get(f"reminder-{number}", "")),
        )
        for number in range(MOST_STEPS)
        if fields.getlist(f"roles-{number}") or fields.getlist(f"instead-{number}")
    ]
    try:
        quiet = _quiet(fields)
    except InvalidError:
        quiet = None
    return PolicyForm.model_construct(
        steps=tuple(steps),
        acceptance_s=_seconds_or_none(fields, "acceptance"),
        repeat_s=_seconds_or_none(fields, "repeat") or 0,
        attend_s=_seconds_or_none(fields, "attend"),
        quiet=quiet,
    )


def _known(fields: Fields, name: str, vocabulary: type[_W]) -> tuple[_W, ...]:
    return tuple(vocabulary(str(one)) for one in fields.getlist(name) if str(one) in set(vocabulary))


def _seconds_or_none(fields: Fields, name: str) -> int | None:
    try:
        return _seconds(fields, name)
    except InvalidError:
        return None


_PROBLEMS: Final[Mapping[str, str]] = {
    "steps": "步骤太多，或某一步没有写通知谁。",
    "acceptance_s": "收回接手的时间是 1 分钟到 7 天，或者留空。",
    "repeat_s": "重复通知的时间是 1 分钟到 24 小时，不能留空：没有人接手时不能没有下文。",
    "attend_s": "没有进展就提醒的时间是 1 分钟到 720 小时，或者留空。",
    "quiet": "免打扰时间要写开始和结束，例如 21:00 到 07:30。",
}


def _read_step(fields: Fields, number: int) -> StepForm:
    try:
        return _step(fields, number)
    except InvalidError as error:
        raise StepError(error.detail, number=number + 1) from None


def _step(fields: Fields, number: int) -> StepForm:
    window = _seconds(fields, f"window-{number}")
    if not fields.getlist(f"roles-{number}"):
        raise InvalidError("这一步没有选通知谁；只选了联系不上时改为通知谁。")
    try:
        return StepForm(
            roles=tuple(Role(str(one)) for one in fields.getlist(f"roles-{number}")),
            instead=tuple(Role(str(one)) for one in fields.getlist(f"instead-{number}")),
            window_s=window or 0,
            channels=tuple(ChannelKind(str(one)) for one in fields.getlist(f"channels-{number}")),
            at_least=int(str(fields.get(f"at_least-{number}", "1")) or 0),
            reminder=bool(fields.get(f"reminder-{number}", "")),
        )
    except ValueError:
        raise InvalidError("时间最长 7 天，人员和通知方式要从列出的里面选。") from None


def _seconds(fields: Fields, name: str) -> int | None:
    number, unit = str(fields.get(name, "")).strip(), str(fields.get(f"{name}-unit", "s"))
    if not number:
        return None
    if not number.isdecimal() or len(number) > len("604800") or unit not in UNITS_S:
        raise InvalidError(_NUMBERS[name.partition("-")[0]])
    return int(number) * UNITS_S[unit]


_NUMBERS: Final[Mapping[str, str]] = {
    "acceptance": "收回接手的时间要写成整数。",
    "attend": "没有进展就提醒的时间要写成整数。",
    "repeat": "重复通知的时间要写成整数。",
    "window": "每一步等多久要写成整数。",
}


def _quiet(fields: Fields) -> tuple[time, time] | None:
    begins, ends = str(fields.get("quiet_from", "")).strip(), str(fields.get("quiet_until", "")).strip()
    if not begins and not ends:
        return None
    try:
        return time.fromisoformat(begins), time.fromisoformat(ends)
    except ValueError:
        raise InvalidError(_PROBLEMS["quiet"]) from None
