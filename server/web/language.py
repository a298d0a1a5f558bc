"""The reader's language. Chinese is the source and the first language; English the second."""

import gettext
from functools import cache
from pathlib import Path
from typing import Final

LANGUAGES: Final = ("zh_CN", "en")
DOMAIN: Final = "messages"
_LOCALE: Final = Path(__file__).parent / "locale"


@cache
def translations(language: str) -> gettext.NullTranslations:
    """Return the catalogue of a language; texts that it lacks stay Chinese."""
    return gettext.translation(DOMAIN, _LOCALE, [language], fallback=True)


def choose_language(wanted: str | None, accepted: str) -> str:
    """Return the language to show.

    Args:
        wanted: what the reader chose, or None.
        accepted: the browser's Accept-Language header.
    """
    if wanted in LANGUAGES:
        return wanted
    for part in accepted.split(","):
        tag = part.split(";")[0].strip().lower()
        if tag.startswith("zh"):
            return "zh_CN"
        if tag.startswith("en"):
            return "en"
    return LANGUAGES[0]
