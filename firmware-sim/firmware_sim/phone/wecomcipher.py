"""The envelope of WeCom's callbacks: AES-256-CBC and a SHA-1 signature.

Source: developer.work.weixin.qq.com, document 90968 (encryption and decryption of callbacks): the key is
the 43 characters and `=` in Base64, its first 16 bytes are the initialisation vector; the text is 16
random bytes, the length as four bytes in network order, the message, the receiver's id, padded as in
PKCS#7 to 32 bytes.
"""

import base64
import hashlib
import os
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK: Final = 32
_RANDOM: Final = 16
_LENGTH: Final = struct.Struct(">I")


class BadEnvelopeError(ValueError):
    """An envelope cannot be opened with this key."""


def sign(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """Return the signature `msg_signature`."""
    # SHA-1 is what the provider prescribes.
    return hashlib.sha1("".join(sorted((token, timestamp, nonce, encrypted))).encode()).hexdigest()  # noqa: S324 - what WeCom signs with


@dataclass(frozen=True, slots=True)
class Envelope:
    """Seals and opens messages with one key."""

    encoding_aes_key: str
    receiver: str
    """The company's id."""

    def seal(self, text: str) -> str:
        """Return the encrypted text in Base64."""
        message = text.encode()
        plain = os.urandom(_RANDOM) + _LENGTH.pack(len(message)) + message + self.receiver.encode()
        padding = _BLOCK - len(plain) % _BLOCK
        encryptor = self._cipher().encryptor()
        sealed = encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()
        return base64.b64encode(sealed).decode()

    def open(self, encrypted: str) -> str:
        """Return the text.

        Raises:
            BadEnvelopeError: it was sealed with another key, or for another receiver.
        """
        try:
            decryptor = self._cipher().decryptor()
            plain = decryptor.update(base64.b64decode(encrypted)) + decryptor.finalize()
            plain = plain[: -plain[-1]]
            (length,) = _LENGTH.unpack_from(plain, _RANDOM)
            start = _RANDOM + _LENGTH.size
            text, receiver = plain[start : start + length].decode(), plain[start + length :].decode()
        except (ValueError, IndexError, struct.error) as error:
            raise BadEnvelopeError("the envelope cannot be opened") from error
        if receiver != self.receiver:
            raise BadEnvelopeError("the envelope is for somebody else")
        return text

    def _cipher(self) -> Cipher[modes.CBC]:
        key = base64.b64decode(self.encoding_aes_key + "=")
        return Cipher(algorithms.AES(key), modes.CBC(key[:16]))
