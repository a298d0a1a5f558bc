"""Orders to gateways, for the desk's programs: a test of a rule, everything stated anew."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.context import Context
from server.devices import service
from server.devices.tables import Command, CommandState, Device, Gateway
from server.errors import NotFoundError
from server.web.problems import PROBLEMS
from wire.orders import ResyncOrder, TestOrder
from wire.vocabulary import CommandOutcome

_Name = Annotated[str, Field(min_length=1, max_length=128)]
_Reason = Annotated[str, Field(min_length=1, max_length=500)]


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: _Reason
    """Why, for the audit."""


class TestIn(_Order):
    """Raise and clear a test alarm, marked as one, without actions on the spot."""

    order: Literal["test"]
    device: _Name
    rule: _Name


class ResyncIn(_Order):
    """Send every open alarm again, then the list of them."""

    order: Literal["resync"]


OrderIn = Annotated[TestIn | ResyncIn, Field(discriminator="order")]


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


def build_command_api(context: Context) -> APIRouter:
    """Return the routes under /api/v1/gateways/…/commands."""
    router = APIRouter(prefix="/api/v1/gateways/{gateway}/commands", tags=["devices"], responses=PROBLEMS)

    @router.post("", operation_id="orderGateway", status_code=202)
    async def order(
        signed_in: Annotated[SignedIn, requires(Right.ORDER_GATEWAYS)], gateway: str, wanted: OrderIn
    ) -> CommandOut:
        """Order something; it is sent while the gateway is connected, and expires after a minute."""
        async with context.database.write() as session:
            if await session.get(Gateway, gateway) is None:
                raise NotFoundError("没有这个网关。")
            if isinstance(wanted, TestIn) and await session.get(Device, (gateway, wanted.device)) is None:
                raise NotFoundError("没有这个设备。")
            command_id = await service.order(
                session,
                gateway=gateway,
                order=_order_of(wanted),
                item=None,
                issuer=signed_in.operator,
                reason=wanted.reason,
                now=context.clock.now(),
            )
            await session.flush()
            return CommandOut.model_validate(await session.get(Command, command_id))

    @router.get("/{command_id}", operation_id="getCommand", dependencies=[requires(Right.SEE_DEVICES)])
    async def show(gateway: str, command_id: str) -> CommandOut:
        """Return an order and what became of it."""
        async with context.database.read() as session:
            command = await session.get(Command, command_id)
        if command is None or command.gateway != gateway:
            raise NotFoundError("没有这个指令。")
        return CommandOut.model_validate(command)

    return router


def _order_of(wanted: TestIn | ResyncIn) -> TestOrder | ResyncOrder:
    if isinstance(wanted, TestIn):
        return TestOrder(device=wanted.device, rule=wanted.rule)
    return ResyncOrder()
