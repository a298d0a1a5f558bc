"""A chain told in lines: where the device is, who is responsible and why, and everybody after. Pure."""

from collections.abc import Iterator
from typing import Final

from server.routing.model import Chain, ChainLink
from server.routing.sentences import CHINESE, ENGLISH, Language, name_in, role_name, standing_words

_LINE: Final = {
    CHINESE: "{number}. {name}（{role}）{standing}：{reason}",
    ENGLISH: "{number}. {name}, {role}{standing}: {reason}",
}
_STANDING: Final = {CHINESE: "【{words}】", ENGLISH: " [{words}]"}


def explain(chain: Chain, language: Language = CHINESE) -> Iterator[str]:
    """Yield a chain as lines for people."""
    yield " ".join(part for part in (chain.where, chain.device_name) if part)
    yield chain.reason_in(language)
    for number, link in enumerate(chain.links, start=1):
        yield _LINE[language].format(
            number=number,
            name=name_in(link.name, language),
            role=role_name(link.role, language),
            standing=_standing(link, language),
            reason=link.reason_in(language),
        )


def _standing(link: ChainLink, language: Language) -> str:
    words = standing_words(link.presence, link.until, language)
    return _STANDING[language].format(words=words) if words else ""
