"""The second factor: codes of an authenticator application (RFC 6238), and recovery codes on paper.

A code counts once: the time step of the last good one is kept, and older ones are refused. A secret
counts from the moment its first code was typed back, so that a failed enrolment locks nobody out.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyotp
from sqlalchemy import delete, func, select

from server import qrpicture
from server.access.sealing import SecretBox
from server.access.secrets import hash_secret, new_code
from server.access.tables import Operator, RecoveryCode
from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.errors import ConflictError, InvalidError

_STEP_S: Final = 30
_WINDOW: Final = 1
"""Steps before and after the present one that are accepted too: phones' clocks are off by seconds."""
RECOVERY_CODES: Final = 10
_ISSUER: Final = "Gridwarden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What an authenticator application is given: as a picture, and to be typed."""

    secret: str
    address: str
    """`otpauth://…`."""

    def picture(self) -> str:
        """Return the QR code as an SVG image in a `data:` address."""
        return qrpicture.data_address(self.address)

    def drawing(self) -> bytes:
        """Return the QR code as an SVG file."""
        return qrpicture.drawing(self.address)


async def begin(session: WriteSession, box: SecretBox, operator: str, *, now: datetime) -> Enrolment:
    """Make a secret for an account; it counts once `confirm` saw its first code.

    Raises:
        ConflictError: there is one already; it must be taken away first.
    """
    row = await session.get_one(Operator, operator)
    if row.totp_since is not None:
        raise ConflictError("已经启用了动态验证码。要更换手机，请先停用。")
    secret = pyotp.random_base32()
    row.totp_secret = box.lock(secret)
    await _record(session, operator, "second_factor_begun", now)
    return _enrolment(secret, operator)


async def begun(session: ReadSession, box: SecretBox, operator: str) -> Enrolment | None:
    """Return what waits for its first code, to be shown once more; nothing when nothing waits."""
    row = await session.get_one(Operator, operator)
    secret = box.unlock(row.totp_secret) if row.totp_secret and row.totp_since is None else None
    return _enrolment(secret, operator) if secret else None


async def confirm(
    session: WriteSession, box: SecretBox, operator: str, code: str, *, now: datetime
) -> list[str]:
    """Switch the second factor on with its first code; returns the recovery codes, shown this once.

    Raises:
        ConflictError: nothing was begun, or it is on already.
        InvalidError: the code does not fit.
    """
    row = await session.get_one(Operator, operator)
    if row.totp_secret is None or row.totp_since is not None:
        raise ConflictError("没有等待确认的动态验证码。")
    if not _fits(row, box, code, now):
        raise InvalidError("验证码不对。请看手机上现在显示的六位数字，并检查手机时间。")
    row.totp_since = now
    await _record(session, operator, "second_factor_on", now)
    return await _new_codes(session, operator)


async def renew_codes(session: WriteSession, operator: str, *, now: datetime) -> list[str]:
    """Make new recovery codes in place of the old ones; shown this once.

    Raises:
        ConflictError: there is no second factor that they could stand in for.
    """
    if (await session.get_one(Operator, operator)).totp_since is None:
        raise ConflictError("还没有启用动态验证码。")
    await _record(session, operator, "recovery_codes_renewed", now)
    return await _new_codes(session, operator)


async def check(session: WriteSession, box: SecretBox, operator: str, code: str, *, now: datetime) -> bool:
    """Tell whether a code lets an account in: the application's, or an unused recovery code."""
    row = await session.get_one(Operator, operator)
    if row.totp_since is not None and _fits(row, box, code, now):
        return True
    query = select(RecoveryCode).where(
        RecoveryCode.operator == operator,
        RecoveryCode.code_hash == hash_secret(code.strip().upper()),
        RecoveryCode.used_at.is_(None),
    )
    recovery = await session.scalar(query.with_for_update())
    if recovery is None:
        return False
    recovery.used_at = now
    await _record(session, operator, "recovery_code_used", now)
    return True


async def switch_off(session: WriteSession, operator: str, *, by: str, now: datetime) -> None:
    """Take the second factor away, with its recovery codes."""
    row = await session.get_one(Operator, operator)
    row.totp_secret = row.totp_since = row.totp_step = None
    await session.execute(delete(RecoveryCode).where(RecoveryCode.operator == operator))
    await _record(session, operator, "second_factor_off", now, by=by)


async def codes_left(session: ReadSession, operator: str) -> int:
    """Return how many recovery codes are unused."""
    query = select(func.count()).where(RecoveryCode.operator == operator, RecoveryCode.used_at.is_(None))
    return await session.scalar(query) or 0


def _enrolment(secret: str, operator: str) -> Enrolment:
    address = pyotp.TOTP(secret).provisioning_uri(name=operator, issuer_name=_ISSUER)
    return Enrolment(secret=secret, address=address)


async def _new_codes(session: WriteSession, operator: str) -> list[str]:
    await session.execute(delete(RecoveryCode).where(RecoveryCode.operator == operator))
    codes = [new_code() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(operator=operator, code_hash=hash_secret(one)) for one in codes)
    return codes


def _fits(row: Operator, box: SecretBox, code: str, now: datetime) -> bool:
    """Tell whether a code fits and was not used before; notes its step."""
    secret = box.unlock(row.totp_secret) if row.totp_secret else None
    if secret is None:
        return False
    totp, present = pyotp.TOTP(secret), int(now.timestamp()) // _STEP_S
    typed = "".join(code.split())
    for step in range(present - _WINDOW, present + _WINDOW + 1):
        fresh = row.totp_step is None or step > row.totp_step
        if fresh and pyotp.utils.strings_equal(typed, totp.generate_otp(step)):
            row.totp_step = step
            return True
    return False


async def _record(session: WriteSession, operator: str, action: str, now: datetime, *, by: str = "") -> None:
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by or operator,
        action=action,
        subject_kind="operator",
        subject=operator,
    )
