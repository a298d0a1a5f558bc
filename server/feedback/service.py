"""Taking in complaints and suggestions, and reading them at the desk."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.errors import InvalidError, NotFoundError, TooManyError
from server.feedback.tables import Feedback
from wire.ids import new_uuid7

MOST_CHARACTERS: Final = 2000
_MOST_CONTACT: Final = 100
_MOST_AN_HOUR: Final = 200
"""More than a street says in an hour; a flood from one program must not fill the disk."""
_LEAST_PRESS, _MOST_PRESS = 8, 64
_NOBODY_NAMED: Final = "anonymous"
"""The actor of the audit row: the form asks nobody who they are."""


async def take_in(session: WriteSession, *, press: str, text: str, contact: str, now: datetime) -> None:
    """Keep what somebody wrote; the same form again changes nothing.

    Raises:
        InvalidError: nothing is written, or too much.
        TooManyError: far too many came within the hour.
    """
    text, contact = text.strip(), contact.strip()
    if not text:
        raise InvalidError("请先写下您的意见。")
    if len(text) > MOST_CHARACTERS or len(contact) > _MOST_CONTACT:
        raise InvalidError("写得太长了，意见最多 2000 个字，联系方式最多 100 个字。")
    if not _LEAST_PRESS <= len(press) <= _MOST_PRESS:
        raise InvalidError("页面太旧，请刷新后再按。")
    if await session.scalar(select(Feedback.id).where(Feedback.press == press)) is not None:
        return
    recent = select(func.count()).where(Feedback.written_at > now - timedelta(hours=1))
    if (await session.scalar(recent) or 0) >= _MOST_AN_HOUR:
        raise TooManyError("现在意见太多，请一小时后再写。", retry_after_s=3600)
    row = Feedback(
        id=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
        press=press,
        written_at=now,
        text=text,
        contact=contact,
    )
    session.add(row)
    await audit.record(
        session,
        at=now,
        actor_kind="visitor",
        actor=_NOBODY_NAMED,
        action="feedback_written",
        subject_kind="feedback",
        subject=row.id,
    )


async def list_feedback(session: ReadSession, *, limit: int = 200) -> Sequence[Feedback]:
    """Return what was written, the unread first, the newest before."""
    query = select(Feedback).order_by(Feedback.read_at.is_not(None), Feedback.id.desc()).limit(limit)
    return list(await session.scalars(query))


async def mark_read(session: WriteSession, feedback: str, *, by: str, now: datetime) -> None:
    """Note who has read it; the first one counts.

    Raises:
        NotFoundError: there is no such feedback.
    """
    row = await session.get(Feedback, feedback)
    if row is None:
        raise NotFoundError("没有这条意见。")
    if row.read_at is not None:
        return
    row.read_at, row.read_by = now, by
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action="feedback_read",
        subject_kind="feedback",
        subject=feedback,
    )
