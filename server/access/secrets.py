"""Secrets in cookies, codes and links: made here, kept only as hashes."""

import hashlib
import secrets
from typing import Final

_SECRET_BYTES: Final = 32
_CODE_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_CODE_CHARACTERS: Final = 12


def new_secret() -> str:
    """Return 256 random bits as text that fits cookies and addresses."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def new_code() -> str:
    """Return a code that a person can type: 12 characters, none of which look alike."""
    return "".join(secrets.choice(_CODE_ALPHABET) for _ in range(_CODE_CHARACTERS))


def hash_secret(secret: str) -> str:
    """Return what is kept of a secret that has enough bits of its own."""
    return hashlib.sha256(secret.encode()).hexdigest()
