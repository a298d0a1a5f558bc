"""Secrets in cookies, codes, links and heads: made or checked here, kept only as hashes."""

import hashlib
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

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


_hasher = PasswordHasher()
_DECOY: Final = _hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    """Return an argon2id hash with the library's defaults (RFC 9106, low-memory profile)."""
    return _hasher.hash(password)


def fits_password(password: str, kept: str | None) -> bool:
    """Tell whether a password fits its hash.

    Args:
        password: what was typed.
        kept: the hash; None when there is nobody of that name. The same work is done then, so that
            the time tells nothing.
    """
    try:
        _hasher.verify(kept or _DECOY, password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None
