"""The envelope of WeCom's callbacks: AES-256-CBC and a SHA-1 signature.

Source: developer.work.weixin.qq.com, document 90968: the key is the 43 characters and `=` in Base64, its
first 16 bytes are the initialisation vector; the text is 16 random bytes, its length as four bytes in
network order, the message, the company's id, padded to a multiple of 32 bytes.
"""

import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_RANDOM: Final = 16
_LENGTH: Final = struct.Struct(">I")
_MOST_PADDING: Final = 32


class BadSealError(Exception):
    """A callback is not signed with our token or cannot be opened with our key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """Opens what WeCom sends."""

    token: str
    encoding_aes_key: str
    corpid: str

    def open(self, encrypted: str, *, signature: str, timestamp: str, nonce: str) -> str:
        """Return the text of a callback.

        Raises:
            BadSealError: it is not from WeCom, or not for us.
        """
        parts = "".join(sorted((self.token, timestamp, nonce, encrypted))).encode()
        expected = hashlib.sha1(parts).hexdigest()  # noqa: S324 - what the provider prescribes
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise BadSealError("the signature is not ours")
        try:
            text, corpid = self._decrypt(encrypted)
        except (ValueError, IndexError, struct.error) as error:
            raise BadSealError("cannot be opened with our key") from error
        if corpid != self.corpid:
            raise BadSealError("for another company")
        return text

    def _decrypt(self, encrypted: str) -> tuple[str, str]:
        key = base64.b64decode(self.encoding_aes_key + "=")
        decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        plain = decryptor.update(base64.b64decode(encrypted)) + decryptor.finalize()
        if not 1 <= plain[-1] <= _MOST_PADDING:
            raise ValueError("padding")
        plain = plain[: -plain[-1]]
        (length,) = _LENGTH.unpack_from(plain, _RANDOM)
        start = _RANDOM + _LENGTH.size
        return plain[start : start + length].decode(), plain[start + length :].decode()
