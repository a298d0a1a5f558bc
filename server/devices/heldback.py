"""What persons had taken out of sight at some time: rules that were shelved, devices out of service."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from server.db.session import ReadSession
from server.devices.tables import Command, CommandState
from server.devices.whynot import HeldBack
from wire.messages import StatusMessage
from wire.vocabulary import CommandOutcome

_LONGEST: Final = timedelta(days=31)
"""No order hides anything for longer."""
_HIDE: Final = ("shelve", "out_of_service")
_SHOW: Final = ("unshelve", "back_in_service")


async def held_back(
    session: ReadSession,
    key: tuple[str, str],
    status: StatusMessage | None,
    *,
    since: datetime,
    until: datetime,
) -> list[HeldBack]:
    """Return what was out of sight in a span, by the orders that were carried out and by what stands now.

    Args:
        session: where to read.
        key: gateway and device.
        status: what the gateway says of now, where the span reaches until now; it also tells what was
            ordered beside the device.
        since: the begin of the span.
        until: its end.
    """
    gateway, device = key
    query = select(Command).where(
        Command.gateway == gateway,
        Command.state == CommandState.ANSWERED,
        Command.outcome == CommandOutcome.DONE,
        Command.answered_at >= since - _LONGEST,
        Command.answered_at < until,
    )
    lasting: dict[str, HeldBack] = {}
    spans: list[HeldBack] = []
    for one in await session.scalars(query.order_by(Command.answered_at)):
        order = one.order.get("order")
        if one.order.get("device") != device or one.answered_at is None or order not in _HIDE + _SHOW:
            continue
        rule = one.order.get("rule") or ""
        begun = lasting.pop(rule, None)
        if begun is not None:
            ended = min(begun.until, one.answered_at)
            spans.append(HeldBack(since=begun.since, until=ended, by=begun.by, rule=rule))
        if order in _HIDE:
            by = "、".join(filter(None, (one.issuer, one.order.get("agreed_by", ""))))
            ends = datetime.fromisoformat(one.order["until"])
            lasting[rule] = HeldBack(since=one.answered_at, until=ends, by=by, rule=rule)
    spans += lasting.values()
    stands = () if status is None else status.suppressions
    spans += [
        HeldBack(since=since, until=one.until, by=one.by, rule=one.rule or "")
        for one in stands
        if one.device == device and not _is_ordered(lasting.get(one.rule or ""), one.until)
    ]
    return [one for one in spans if one.since < until and one.until > since]


def _is_ordered(order: HeldBack | None, until: datetime) -> bool:
    return order is not None and order.until >= until
