"""Stored sentences about responsibility, told again in another language. Pure.

A row keeps why somebody was told as the Chinese sentence that was true when it happened. It was made of the
tables of `server.routing.sentences`, and by the same tables it is recognised: every pattern here is one of
them. What was read must make the very same sentence again; anything else is not one of ours.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from string import Formatter
from typing import Final

from server.clock import STREET_ZONE
from server.people.model import Role
from server.people.roster import Presence
from server.routing.sentences import (
    ANSWER,
    CHINESE,
    CLAUSES,
    COMMA,
    LIST,
    MOMENT,
    NAMED,
    PASSED,
    ROLES,
    SEMICOLON,
    Language,
    PassedOver,
    clause,
    sentence,
)

_Clauses = list[tuple[str, Mapping[str, str]]]
_STOP: Final = "。"
_ANY_LEAP_YEAR: Final = 2000
"""A stored moment says no year."""
_ROLE_OF: Final[Mapping[str, Role]] = {name: role for role, name in ROLES[CHINESE].items()}
_FIELDS: Final = {
    "role": "|".join(map(re.escape, _ROLE_OF)),
    "until": f"(?:{MOMENT})?",
    "reason": ".+?",
    "passed": f"(?:{SEMICOLON[CHINESE]}.+)?",
}
"""What may stand for a field; the others are names."""
_NAME: Final = f"[^{COMMA[CHINESE]}{SEMICOLON[CHINESE]}]+?"
"""One that has what stands between clauses is not read back: where it ends cannot be told."""


def _pattern(template: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts = []
    for literal, name, _, _ in Formatter().parse(template):
        parts.append(re.escape(literal))
        if name is not None:
            parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>{_FIELDS.get(name, _NAME)})")
            seen.add(name)
    return re.compile("".join(parts))


def _said_apart(template: str) -> bool:
    """Tell whether something stands between its names: where one ends cannot be seen otherwise."""
    return "}{" not in template


_ANSWER: Final = _pattern(ANSWER[CHINESE])
_NAMED: Final = _pattern(NAMED[CHINESE])
_PASSED: Final = {presence: _pattern(template) for presence, template in PASSED[CHINESE].items()}
_CLAUSES: Final = {
    code: _pattern(template)
    for code, template in sorted(CLAUSES[CHINESE].items(), key=lambda one: -len(re.sub(r"{\w+}", "", one[1])))
    if _said_apart(template)
}
"""The ones that say most of themselves first: what they leave is the fewest names."""


@lru_cache(maxsize=4096)
def translate(said: str, language: Language) -> str | None:
    """Return a stored sentence or clause in a language; None for what was not made here.

    Args:
        said: as it was stored, in Chinese: `Chain.reason`, `ChainLink.answer` or `ChainLink.reason`, the
            latter with or without a full stop.
        language: the reader's.
    """
    answer = _ANSWER.fullmatch(said)
    if answer is not None:
        parts, passed = _read_clauses(answer["reason"].split(COMMA[CHINESE])), _read_passed(answer["passed"])
        if parts is not None and passed is not None:
            made = {
                one: sentence(answer["name"], clause(parts, one), passed, one) for one in (CHINESE, language)
            }
            return made[language] if made[CHINESE] == said else None
    alone = said.removesuffix(_STOP)
    parts = _read_clauses(alone.split(COMMA[CHINESE]))
    if not parts or clause(parts, CHINESE) != alone:
        return None
    told = clause(parts, language)
    if alone == said or language == CHINESE:
        return told + said[len(alone) :]
    return f"{told[0].upper()}{told[1:]}."


def _read_clauses(pieces: Sequence[str]) -> _Clauses | None:
    """Return what pieces between commas say; a clause may have commas of its own."""
    if not pieces:
        return []
    for end in range(1, len(pieces) + 1):
        code, params = _read_clause(COMMA[CHINESE].join(pieces[:end]))
        rest = _read_clauses(pieces[end:]) if code else None
        if rest is not None:
            return [(code, params), *rest]
    return None


def _read_clause(text: str) -> tuple[str, Mapping[str, str]]:
    for code, pattern in _CLAUSES.items():
        found = pattern.fullmatch(text)
        if found is not None:
            params = found.groupdict()
            if "role" in params:
                params["role"] = _ROLE_OF[params["role"]].value
            return code, params
    return "", {}


def _read_passed(text: str) -> list[PassedOver] | None:
    """Return who was passed over, from the clauses that follow a reason; each begins with a semicolon."""
    read = [list(_read_absent(one, nth)) for nth, one in enumerate(text.split(SEMICOLON[CHINESE])[1:])]
    return None if not all(read) else [one for group in read for one in group]


def _read_absent(text: str, nth: int) -> Iterator[PassedOver]:
    for presence, pattern in _PASSED.items():
        found = pattern.fullmatch(text)
        people = [_NAMED.fullmatch(one) for one in found["people"].split(LIST[CHINESE])] if found else []
        if found is None or not all(people):
            continue
        until = _read_moment(found["until"], nth) if presence is Presence.AWAY else None
        for one in people:
            if one is not None:
                yield PassedOver(name=one["name"], role=_ROLE_OF[one["role"]], presence=presence, until=until)
        return


def _read_moment(text: str, nth: int) -> datetime | None:
    """Return a moment; two that were said apart stay apart by a second, which is not said."""
    if not text:
        return None
    month, day, hour, minute = map(int, re.findall(r"\d+", text))
    return datetime(_ANY_LEAP_YEAR, month, day, hour, minute, nth, tzinfo=STREET_ZONE)
