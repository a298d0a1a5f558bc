"""Reads the certificates with which the gateway and its broker know each other.

One of two files that import `cryptography`; the other, `edge.drivers.ciphers`, decrypts sensors'
messages with it.
"""

import ssl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError
from edge.site.settings import TlsSettings
from wire.fields import LAST_YEAR

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

Files = tuple[tuple[str, int, int], ...]
"""What a change of files shows in: name, size, time of change in nanoseconds."""


def check_files(tls: TlsSettings, folder: Path, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield the setting and the problem of each file that cannot be used.

    Args:
        tls: names of the files.
        folder: what they are relative to.
        now: the moment at which they must be valid.
    """
    for setting, name in (("ca", tls.ca), ("certificate", tls.certificate), ("key", tls.key)):
        if name is None:
            continue
        try:
            data = (folder / name).read_bytes()
        except OSError as error:
            yield setting, f"found {name!r}, which cannot be read: {error.strerror}"
            continue
        if setting != "key":
            yield from ((setting, f"found {name!r}, {text}") for text in _judge_certificate(data, now))
    if tls.key is not None and tls.certificate is None:
        yield "key", "found a key without a 'certificate', which is needed with it"


def expiry_of(tls: TlsSettings, folder: Path) -> datetime | None:
    """Return until when the gateway's own certificate is valid.

    None without one that can be read, and for one without an end: 99991231235959Z (RFC 5280, 4.1.2.5).
    """
    if tls.certificate is None:
        return None
    try:
        found = _load((folder / tls.certificate).read_bytes())
    except (OSError, ValueError):
        return None
    end = found[0].not_valid_after_utc
    return end if end.year <= LAST_YEAR else None


def client_context(tls: TlsSettings, folder: Path) -> ssl.SSLContext:
    """Return what a connection to the broker is made with; reads the files anew.

    Raises:
        ConfigError: a file cannot be read or used; the text names it.
    """
    try:
        context = ssl.create_default_context(cafile=str(folder / tls.ca))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"the authority {tls.ca} cannot be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.certificate is not None:
        key = None if tls.key is None else str(folder / tls.key)
        try:
            # An empty password: a key that wants one is an error, never a question on a terminal.
            context.load_cert_chain(str(folder / tls.certificate), key, password="")
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"the certificate {tls.certificate} cannot be used: {error}") from error
    return context


def files_of(tls: TlsSettings, folder: Path) -> Files:
    """Return what shows a renewal: it differs as soon as one of the files was replaced."""
    found = []
    for name in (tls.ca, tls.certificate, tls.key):
        if name is not None:
            try:
                stat = (folder / name).stat()
                found.append((name, stat.st_size, stat.st_mtime_ns))
            except OSError:
                found.append((name, -1, 0))
    return tuple(found)


def _judge_certificate(data: bytes, now: datetime) -> Iterator[str]:
    try:
        certificates = _load(data)
    except ValueError:
        yield "which is no certificate in PEM"
        return
    first = certificates[0]
    if first.not_valid_after_utc <= now:
        yield f"which expired on {first.not_valid_after_utc:%Y-%m-%d}"
    elif first.not_valid_before_utc > now:
        yield f"which is not valid before {first.not_valid_before_utc:%Y-%m-%d}"


def read_expiry(pem: bytes) -> datetime | None:
    """Return when the first of a file's certificates to expire does; None when there is none in it."""
    try:
        found = _load(pem)
    except ValueError:
        return None
    return min((one.not_valid_after_utc for one in found), default=None)


def _load(pem: bytes) -> "list[Certificate]":
    """Return the certificates of a file; raises `ValueError` where there is none."""
    from cryptography import x509  # noqa: PLC0415 - 5 MB that a site without certificates does not need

    return x509.load_pem_x509_certificates(pem)
