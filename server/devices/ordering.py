"""Giving an order to a gateway: the one way in, for the desk's programs and the desk's pages.

Who agrees to an order that hides an alarm about lives is never named by the one who gives it: it waits
until the other account says so itself (`server.devices.agreement`).
"""

from datetime import datetime

from sqlalchemy import select

from server.access.service import SignedIn
from server.db.session import WriteSession
from server.devices import service
from server.devices.agreement import agree, needs_second
from server.devices.tables import Command, Device, Gateway
from server.errors import ForbiddenError, NotFoundError
from server.items.tables import Item
from wire.orders import Order


async def give(
    session: WriteSession,
    *,
    gateway: str,
    order: Order,
    reason: str,
    issuer: str,
    now: datetime,
    ask_second: bool = False,
    item: str | None = None,
) -> Command:
    """Keep an order: to be sent, or proposed where a second person has to agree first.

    Args:
        session: the transaction.
        gateway: by id.
        order: what it is to do.
        reason: why, for the audit.
        issuer: the account that orders.
        now: the server's time.
        ask_second: wait for a second account even where the server sees no need.
        item: the item it is given for, by id.

    Raises:
        NotFoundError: there is no such gateway, or no such device or item of it.
    """
    if await session.get(Gateway, gateway) is None:
        raise NotFoundError("没有这个网关。")
    device = getattr(order, "device", None)
    if device is not None and await session.get(Device, (gateway, device)) is None:
        raise NotFoundError("没有这个设备。")
    if item is not None:
        ours = select(Item.id).where(Item.id == item, Item.gateway == gateway)
        if await session.scalar(ours) is None:
            raise NotFoundError("没有这件事项。")
    command = await service.order(
        session,
        gateway=gateway,
        order=order,
        needs_second=ask_second or await needs_second(session, gateway, order),
        item=item,
        issuer=issuer,
        reason=reason,
        now=now,
    )
    await session.flush()
    return await session.get_one(Command, command)


async def second(
    session: WriteSession, *, gateway: str, command_id: str, who: SignedIn, now: datetime
) -> Command:
    """Agree to a proposed order as the second person; it is sent from now on.

    Raises:
        NotFoundError: this gateway has no such order.
        ForbiddenError: a program asks with its key: agreeing is a person's act, after their own log-in.
        ConflictError: it waits for nobody, waited too long, or the one who ordered it asks.
    """
    if who.key is not None:
        raise ForbiddenError("同意必须由本人登录后做出，程序的密钥不行。")
    command = await session.get(Command, command_id)
    if command is None or command.gateway != gateway:
        raise NotFoundError("没有这个指令。")
    await agree(session, command, by=who.operator, now=now)
    await session.flush()
    return command
