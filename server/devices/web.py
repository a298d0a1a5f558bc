"""Orders to gateways, for the desk's programs, and what is on their buses."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.access.tables import Operator
from server.context import Context
from server.db.session import WriteSession
from server.devices import service
from server.devices.agreement import agree, needs_second
from server.devices.orderforms import OrderIn, device_of, second_person_of
from server.devices.tables import Command, CommandState, Device, Gateway
from server.devices.traffic import last_traffic
from server.errors import InvalidError, NotFoundError
from server.web.problems import PROBLEMS
from wire.vocabulary import CommandOutcome


class CommandOut(BaseModel):
    """An order and what became of it."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    gateway: str
    order: dict[str, Any]
    issuer: str
    reason: str
    state: CommandState
    outcome: CommandOutcome | None
    detail: str
    issued_at: datetime
    expires_at: datetime
    answered_at: datetime | None


class TrafficOut(BaseModel):
    """Bytes that were on a bus, as one report of its gateway showed them."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    received_at: datetime
    frames: list[dict[str, Any]]
    """Each with `at`, `direction` (`sent`, `received`), `hex`, and `text`: what it means."""
    dropped: int
    """Frames that the gateway left out."""


def build_command_api(context: Context) -> APIRouter:
    """Return the routes under /api/v1/gateways/…/commands."""
    router = APIRouter(prefix="/api/v1/gateways/{gateway}/commands", tags=["devices"], responses=PROBLEMS)

    @router.post("", operation_id="orderGateway", status_code=202)
    async def order(
        signed_in: Annotated[SignedIn, requires(Right.ORDER_GATEWAYS)], gateway: str, wanted: OrderIn
    ) -> CommandOut:
        """Order something; it is sent while the gateway is connected, and expires after a minute.

        What hides an alarm about lives and names no second person is only proposed: see `agreeToOrder`.
        """
        async with context.database.write() as session:
            if await session.get(Gateway, gateway) is None:
                raise NotFoundError("没有这个网关。")
            device = device_of(wanted)
            if device is not None and await session.get(Device, (gateway, device)) is None:
                raise NotFoundError("没有这个设备。")
            await _check_second_person(session, wanted, signed_in)
            command_id = await service.order(
                session,
                gateway=gateway,
                order=wanted.as_order(),
                needs_second=not second_person_of(wanted)
                and await needs_second(session, gateway, wanted.as_order()),
                item=None,
                issuer=signed_in.operator,
                reason=wanted.reason,
                now=context.clock.now(),
            )
            await session.flush()
            return CommandOut.model_validate(await session.get(Command, command_id))

    @router.post("/{command_id}/agreement", operation_id="agreeToOrder", status_code=202)
    async def agree_to(
        signed_in: Annotated[SignedIn, requires(Right.ORDER_GATEWAYS)], gateway: str, command_id: str
    ) -> CommandOut:
        """Agree, as a second person, to an order that needs two; only then is it sent."""
        async with context.database.write() as session:
            command = await session.get(Command, command_id)
            if command is None or command.gateway != gateway:
                raise NotFoundError("没有这个指令。")
            await agree(session, command, by=signed_in.operator, now=context.clock.now())
            await session.flush()
            return CommandOut.model_validate(command)

    @router.get("/{command_id}", operation_id="getCommand", dependencies=[requires(Right.SEE_DEVICES)])
    async def show(gateway: str, command_id: str) -> CommandOut:
        """Return an order and what became of it."""
        async with context.database.read() as session:
            command = await session.get(Command, command_id)
        if command is None or command.gateway != gateway:
            raise NotFoundError("没有这个指令。")
        return CommandOut.model_validate(command)

    return router


def build_traffic_api(context: Context) -> APIRouter:
    """Return the route of what is on a gateway's bus."""
    router = APIRouter(prefix="/api/v1/gateways/{gateway}/buses", tags=["devices"], responses=PROBLEMS)

    @router.get(
        "/{bus}/traffic",
        operation_id="getBusTraffic",
        dependencies=[requires(Right.SEE_DEVICES, unscoped=("bus",))],
    )
    async def show(gateway: str, bus: str, after: int = 0) -> list[TrafficOut]:
        """Return the last reports of what was on a bus; a `raw_traffic` order makes a gateway send them."""
        async with context.database.read() as session:
            kept = await last_traffic(session, gateway, bus, after=after)
        return [TrafficOut.model_validate(one) for one in kept]

    return router


async def _check_second_person(session: WriteSession, wanted: OrderIn, signed_in: SignedIn) -> None:
    """Take no second person who is none: the gateway can only compare two names.

    Raises:
        InvalidError: it is the one who orders, or nobody with an account here.
    """
    second = second_person_of(wanted)
    if not second:
        return
    if second == signed_in.operator:
        raise InvalidError("第二个人不能是下指令的人自己。")
    if await session.get(Operator, second) is None:
        raise InvalidError("没有这个账号，不能作为第二个人。")
