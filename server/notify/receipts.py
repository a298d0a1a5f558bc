"""What providers say later of a message: it arrived, was read, or did not arrive.

Receipts repeat and overtake one another: each is applied at most once, and none takes back what a
later state said.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sqlalchemy import or_, select

from server.db.session import WriteSession
from server.notify.outcomes import try_again_or_give_up
from server.notify.tables import Attempt, Notice, NoticeState


class Receipt(StrEnum):
    """What a receipt says."""

    DELIVERED = "delivered"
    READ = "read"
    """The person did something with it: opened it, pressed a key."""
    FAILED = "failed"
    """It did not arrive this time."""


_FROM: Final[Mapping[Receipt, tuple[NoticeState, ...]]] = MappingProxyType(
    {
        Receipt.DELIVERED: (NoticeState.SENDING, NoticeState.SENT, NoticeState.UNKNOWN),
        Receipt.READ: (
            NoticeState.SENDING,
            NoticeState.SENT,
            NoticeState.UNKNOWN,
            NoticeState.DELIVERED,
            NoticeState.FAILED_TEMPORARY,
        ),
        Receipt.FAILED: (NoticeState.SENT, NoticeState.UNKNOWN),
    }
)
"""From which states each receipt leads on; in any other it is a repeat or too late."""


async def find_notice(session: WriteSession, *, notice: str = "", receipt: str = "") -> Notice | None:
    """Return the notice of a receipt, by our id (which the provider gives back) or by the provider's.

    It is held for this transaction: a receipt that comes twice at once counts once.
    """
    if not notice and not receipt:
        return None
    if notice and (known := await session.get(Notice, notice, with_for_update=True)) is not None:
        return known
    found = select(Notice).where(or_(Notice.id == notice, Notice.receipt == (receipt or notice)))
    return await session.scalar(found.order_by(Notice.id.desc()).limit(1).with_for_update())


async def apply_receipt(
    session: WriteSession,
    notice: Notice,
    receipt: Receipt,
    *,
    now: datetime,
    detail: str = "",
    message: str = "",
) -> bool:
    """Apply a receipt to a notice and to what went out with it; tells whether anything changed.

    Args:
        session: the transaction.
        notice: what it is about.
        receipt: what it says.
        now: the server's time.
        detail: in the provider's words.
        message: the provider's own id of the message, which differs from attempt to attempt.
    """
    changed = False
    if receipt is Receipt.FAILED and message:
        if notice.state is NoticeState.SENDING:
            # Faster than the answer to the attempt, which quotes the same id and is then known to be void.
            notice.receipt, notice.last_error = message, detail
            return False
        if notice.receipt not in (None, message):
            return False  # of an attempt that was followed by another
    for one in (notice, *await _with(session, notice)):
        if one.state not in _FROM[receipt]:
            continue
        changed = True
        one.receipt_due_at = None
        match receipt:
            case Receipt.DELIVERED:
                one.state, one.delivered_at = NoticeState.DELIVERED, now
            case Receipt.READ:
                one.state, one.read_at = NoticeState.READ, now
                one.delivered_at = one.delivered_at or now
            case Receipt.FAILED:
                one.last_error = detail
                await try_again_or_give_up(session, one, urgency=notice.urgency, now=now)
                session.announce("notice", one.item)
        session.add_final(Attempt(notice=one.id, at=now, outcome=one.state, detail=detail))
        session.announce("item", one.item)
    session.passing(f"receipt/{receipt.value}")
    session.say(
        "receipt",
        notice=notice.id,
        item=notice.item,
        receipt=receipt.value,
        applied=changed,
        detail=detail,
    )
    return changed


async def _with(session: WriteSession, notice: Notice) -> list[Notice]:
    """Return what went out in a notice's message besides itself."""
    if notice.bundle is None:
        return []
    query = select(Notice).where(Notice.bundle == notice.id, Notice.id != notice.id).order_by(Notice.id)
    return list(await session.scalars(query.with_for_update()))
