"""The drivers' door to cryptography: what a device's messages are closed with.

AES-CCM closes Bluetooth advertisements; SM4 in electronic codebook mode closes the parameters of an
HJ 212-2025 packet. The latter hides values and proves nothing: whoever records a packet can play it back.
The library is loaded with the first message that needs it; most gateways never hear one.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

SM4_KEY_BYTES: Final = 16
_SM4_BLOCK_BYTES: Final = 16


class WrongKeyError(ValueError):
    """What was sealed does not open with this key, or was changed on its way."""


def open_ccm(key: bytes, *, nonce: bytes, sealed: bytes, aad: bytes | None, tag_bytes: int) -> bytes:
    """Open what AES-CCM sealed.

    Raises:
        WrongKeyError: the key does not fit or the bytes were changed.
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM  # noqa: PLC0415 - only sealed adverts need it

    try:
        return AESCCM(key, tag_length=tag_bytes).decrypt(nonce, sealed, aad)
    except InvalidTag as error:
        raise WrongKeyError("key does not fit, or the bytes were changed") from error


def close_blocks(key: bytes, text: bytes) -> bytes:
    """Return text under SM4, block by block; what does not fill a block stays as it is."""
    whole = len(text) - len(text) % _SM4_BLOCK_BYTES
    encryptor = _blocks(key).encryptor()
    return encryptor.update(text[:whole]) + encryptor.finalize() + text[whole:]


def open_blocks(key: bytes, sealed: bytes) -> bytes:
    """Return what `close_blocks` closed."""
    whole = len(sealed) - len(sealed) % _SM4_BLOCK_BYTES
    decryptor = _blocks(key).decryptor()
    return decryptor.update(sealed[:whole]) + decryptor.finalize() + sealed[whole:]


def _blocks(key: bytes) -> "Cipher[modes.ECB]":
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415 - see above

    return Cipher(algorithms.SM4(key), modes.ECB())  # noqa: S305 - the standard's mode
