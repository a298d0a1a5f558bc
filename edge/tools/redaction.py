"""Takes secrets out of text that leaves the machine. Pure.

Three nets, because each alone has holes: by value (the contents of every secret file and of every
environment variable that is named like one), by key (`password: …`, `"token": …`, `PW=…`), and by shape
(private keys, credentials in addresses, tokens in query strings, bearer headers).
"""

import base64
import re
from collections.abc import Iterable
from typing import Final

MARK: Final = "[redacted]"
LEAST_SECRET: Final = 4
"""Shorter values stand in too many innocent places; a shorter password is caught by its key."""

_KEY = (
    r"[\w.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|credential|authorization|cookie)[\w.-]*"
)
_BY_KEY: Final = (
    # "password": "…", password: …, PASSWORD=…; a name of a file is no secret
    re.compile(
        rf"""(?i)(["']?\b{_KEY}(?<!_file)(?<!_path)["']?\s*[:=]\s*)("[^"\n]*"|'[^'\n]*'|[^\s,;}}\]&#]+)"""
    ),
    re.compile(r"""(?i)(["']?\b(?:pw|key|psk|pin|code)["']?\s*[:=]\s*)("[^"\n]*"|'[^'\n]*'|[^\s,;}\]&#]+)"""),
)
_BY_SHAPE: Final = (
    re.compile(r"()-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@]+(?=@)"),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}"),
    re.compile(r"()\bwhsec_[A-Za-z0-9+/=]+"),
    re.compile(r"()\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"),
)


class Redactor:
    """Knows this machine's secrets and takes them out of text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Know secrets by value; each is also known as base64 and in hexadecimal."""
        forms: set[str] = set()
        for secret in secrets:
            for text in {secret, secret.strip(), *secret.split()}:
                if len(text) >= LEAST_SECRET:
                    raw = text.encode()
                    forms |= {text, base64.b64encode(raw).decode().rstrip("="), raw.hex(), raw.hex(" ")}
        # The longest first, so that no part of a longer one is left.
        self._forms = sorted(forms, key=len, reverse=True)

    def redact(self, text: str) -> str:
        """Return the text without secrets."""
        for form in self._forms:
            text = text.replace(form, MARK)
        for pattern in _BY_SHAPE:
            text = pattern.sub(rf"\1{MARK}", text)
        for pattern in _BY_KEY:
            text = pattern.sub(_keep_quotes, text)
        return text


def _keep_quotes(found: re.Match[str]) -> str:
    """Leave the quotes around a value, so that JSON stays JSON."""
    quote = found[2][0] if found[2][0] in "\"'" else ""
    return f"{found[1]}{quote}{MARK}{quote}"


SECRET_NAME: Final = re.compile(rf"(?i)^{_KEY}$|(?:^|_)(?:key|pw|psk|pin)$")
"""Names of environment variables whose values are secrets."""
