"""What the server stored in Chinese when something happened, in the language of who reads it.

Rows keep sentences, not codes (decision 0031): why a person was told, why an item moved, what a visit is
called. Each is one of a closed list, or made of one, and is recognised by it. Names, what a person typed and
what an older version stored in other words are shown as they are.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Final

from server.devices.register import ON_SITE
from server.devices.walktests import REASON as WALK_TEST
from server.items.model import ActorKind
from server.items.sentences import (
    COMPOSED,
    DEVICES,
    MATTERS,
    NOBODY_REACHED,
    POWER_LINE,
    STORED,
)
from server.items.tables import ItemMove
from server.places.spots import PARTS
from server.retention.person import ERASED_NAME
from server.routing.sentences import ENGLISH
from server.routing.translation import translate
from server.web.language import translations

_FIELD: Final = re.compile(r"%\((\w+)\)s")
_NUMBER: Final = "n"
_TYPED: Final = "why"
_SENTENCES: Final = STORED | {WALK_TEST, ON_SITE}
_CALLED: Final = (MATTERS, DEVICES)
"""Whole names that are none: a device may be called anything else."""
_SPOT: Final = (POWER_LINE, *PARTS)
"""Between the names of a place."""


@lru_cache(maxsize=4096)
def told(sentence: str, language: str) -> str:
    """Return a stored sentence in a language.

    Args:
        sentence: a reason of an item, a move, a party, an order or an audit row.
        language: `zh_CN` or `en`.
    """
    if language != ENGLISH or not sentence:
        return sentence
    head = sentence.removesuffix(NOBODY_REACHED)
    if head and head != sentence:
        return f"{told(head, language)} {told(NOBODY_REACHED, language)}"
    gettext = translations(language).gettext
    if sentence in _SENTENCES:
        return gettext(sentence)
    for message, pattern in _composed().items():
        found = pattern.fullmatch(sentence)
        if found is not None:
            said = {
                name: value if name == _TYPED else place(value, language)
                for name, value in found.groupdict().items()
            }
            return gettext(message) % said
    return (translate(sentence, ENGLISH) or sentence).replace(ERASED_NAME, gettext(ERASED_NAME))


def told_of(move: ItemMove, language: str) -> str:
    """Return the reason of a move in a language; what a person typed on their phone is theirs."""
    return move.reason if move.actor_kind is ActorKind.PERSON else told(move.reason, language)


@lru_cache(maxsize=4096)
def place(text: str, language: str) -> str:
    """Return a stored place, or what stands for a device's name, in a language.

    Args:
        text: names of places with a floor and a door; a device's name, or how many devices it is.
        language: `zh_CN` or `en`.
    """
    for pattern, said in place_patterns(language):
        text = re.sub(pattern, re.sub(r"\$(\d)", r"\\\1", said), text)
    return text


@cache
def place_patterns(language: str) -> tuple[tuple[str, str], ...]:
    """Return what `place` looks for and what it puts there, as browsers understand it; none for Chinese."""
    if language != ENGLISH:
        return ()
    return (*_patterns(_CALLED, "^", "$"), *_patterns(_SPOT, "(?<![^ ])", "(?![^ ])"))


def _patterns(messages: Iterable[str], before: str, after: str) -> Iterable[tuple[str, str]]:
    gettext = translations(ENGLISH).gettext
    for message in messages:
        fields = _FIELD.findall(message)
        numbered = {name: f"${number}" for number, name in enumerate(fields, start=1)}
        body = _body(message, {name: r"(\d+)" if name == _NUMBER else "([^ ]+)" for name in fields})
        yield f"{before}{body}{after}", gettext(message) % numbered


@cache
def _composed() -> Mapping[str, re.Pattern[str]]:
    return {
        message: re.compile(
            _body(message, {name: f"(?P<{name}>.+?)" for name in _FIELD.findall(message)}), re.DOTALL
        )
        for message in COMPOSED
    }


def _body(message: str, fields: Mapping[str, str]) -> str:
    """Return a message as a pattern, with these in the places of its values."""
    parts = _FIELD.split(message)
    return "".join(
        fields[part] if nth % 2 else re.escape(part).replace("\\ ", " ") for nth, part in enumerate(parts)
    )
