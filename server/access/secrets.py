"""Secrets in cookies, codes, links and heads: made or checked here, kept only as hashes."""

import asyncio
import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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


_hashing: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
"""One after the other: each takes tens of milliseconds and 64 MiB, which alarms are not to wait for."""


@dataclass(frozen=True, slots=True, repr=False)
class HashedPassword:
    """A password that somebody chose, after the work that takes long."""

    length: int
    hash: str


async def hash_password(password: str) -> HashedPassword:
    """Return an argon2id hash with the library's defaults (RFC 9106, low-memory profile).

    Call it before a transaction begins: whoever writes would wait for it.
    """
    made = await asyncio.get_running_loop().run_in_executor(_hashing, _hasher.hash, password)
    return HashedPassword(length=len(password), hash=made)


async def fits_password(password: str, kept: str | None) -> bool:
    """Tell whether a password fits its hash; not inside a transaction, as above.

    Args:
        password: what was typed.
        kept: the hash; None when there is nobody of that name. The same work is done then, so that
            the time tells nothing.
    """
    return await asyncio.get_running_loop().run_in_executor(_hashing, _fits, password, kept)


def _fits(password: str, kept: str | None) -> bool:
    try:
        _hasher.verify(kept or _DECOY, password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None
