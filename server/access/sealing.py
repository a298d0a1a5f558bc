"""Secrets that must be read again (second factors, codes of other systems) lie encrypted in the database."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken


class SecretBox:
    """Encrypts with a key derived from the server's own, which lies outside of the database."""

    def __init__(self, key: bytes, *, purpose: str) -> None:
        """Derive a key for one purpose, so that what is meant for one place opens nowhere else."""
        derived = hashlib.blake2b(purpose.encode(), key=key[:64], digest_size=32).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def lock(self, text: str) -> str:
        """Return a text encrypted and sealed (AES-128-CBC and HMAC-SHA-256)."""
        return self._fernet.encrypt(text.encode()).decode()

    def unlock(self, locked: str) -> str | None:
        """Return the text; None when it was not locked here, or with another key."""
        try:
            return self._fernet.decrypt(locked.encode()).decode()
        except InvalidToken:
            return None
