"""Orders to gateways, for the desk's programs, and what is on their buses."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.context import Context
from server.devices import ordering
from server.devices.orderforms import OrderIn, asks_second
from server.devices.tables import Command, CommandState
from server.devices.traffic import last_traffic
from server.errors import NotFoundError
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

        What hides an alarm about lives is only proposed: it goes out when a second account agrees to it
        by `agreeToOrder`, after a log-in of its own.
        """
        async with context.database.write() as session:
            command = await ordering.give(
                session,
                gateway=gateway,
                order=wanted.as_order(),
                reason=wanted.reason,
                issuer=signed_in.operator,
                now=context.clock.now(),
                ask_second=asks_second(wanted),
                item=wanted.item,
            )
            return CommandOut.model_validate(command)

    @router.post("/{command_id}/agreement", operation_id="agreeToOrder", status_code=202)
    async def agree_to(
        signed_in: Annotated[SignedIn, requires(Right.ORDER_GATEWAYS)], gateway: str, command_id: str
    ) -> CommandOut:
        """Agree, as a second person, to an order that needs two; only then is it sent. No key may."""
        async with context.database.write() as session:
            command = await ordering.second(
                session, gateway=gateway, command_id=command_id, who=signed_in, now=context.clock.now()
            )
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
