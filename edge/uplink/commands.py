"""Orders from the server: checked, carried out once, answered."""

from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar, Final

import structlog

from edge.model import PlannedAction
from edge.pipeline import Pipeline
from edge.ports import Clock
from edge.rules import orders
from edge.rules.actions import ACTION_LIFE_MS
from edge.rules.orders import Person
from edge.rules.suppression import RefusedError
from edge.stores.outbox import Outbox
from wire.codec import decode_order
from wire.errors import BodyError
from wire.messages import CommandMessage, CommandReport
from wire.orders import (
    BackInServiceOrder,
    CloseValveOrder,
    Order,
    OutOfServiceOrder,
    RawTrafficOrder,
    ReEnrolOrder,
    ResetOrder,
    ResyncOrder,
    ShelveOrder,
    SilenceOrder,
    TestOrder,
    UnshelveOrder,
)
from wire.vocabulary import ActionState, CommandOutcome
from wire.vocabulary import Clock as ClockTrust

CLOSE_VALVE: Final = "close_valve"
"""What the profiles of valves call closing them."""

log = structlog.get_logger(__name__)


class CommandDesk:
    """Carries out the orders of one connection's session."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        outbox: Outbox,
        clock: Clock,
        resync: Callable[[], None],
        re_enrol: Callable[[str], bool] = lambda _device: False,
        raw_traffic: Callable[[str, int], bool] = lambda _bus, _seconds: False,
        actions: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        """Join the parts.

        Args:
            pipeline: rules and journal.
            outbox: where answers are kept.
            clock: the machine's clocks.
            resync: asks the uplink to state every open alarm again.
            re_enrol: believes a device's counter anew; tells whether there is such a device.
            raw_traffic: reports what is on a bus for so many seconds; tells whether there is such a bus.
            actions: what each device can be told to do.
        """
        self._pipeline = pipeline
        self._outbox = outbox
        self._clock = clock
        self._resync = resync
        self._re_enrol = re_enrol
        self._raw_traffic = raw_traffic
        self._actions = actions or {}
        self._in_progress: set[str] = set()

    async def handle(self, command: CommandMessage, *, session: str) -> CommandReport | None:
        """Carry out a command, or say why not; a repeat gets the same answer again.

        Returns None for a repeat of what is still being carried out: that one will be answered.

        Raises:
            StoreError: the store cannot be used; the command will be sent again.
        """
        known = await self._outbox.answered(command.command)
        if known is not None:
            return known
        if command.session != session:
            # Not remembered: the same order may come again under the right session.
            return _report(command, CommandOutcome.STALE_SESSION)
        if command.command in self._in_progress:
            return None
        self._in_progress.add(command.command)
        try:
            report = await self._judge(command)
            await self._outbox.remember(report, self._clock.moment())
        finally:
            self._in_progress.discard(command.command)
        log.info(
            "command_answered",
            command=command.command,
            issuer=command.issuer,
            outcome=report.outcome.value,
            detail=report.detail,
        )
        return report

    async def _judge(self, command: CommandMessage) -> CommandReport:
        if self._is_late(command):
            return _report(command, CommandOutcome.EXPIRED)
        try:
            order = decode_order(command.order)
        except BodyError as error:
            return _report(command, CommandOutcome.UNKNOWN, str(error))
        try:
            failure = await self._CARRY_OUT[type(order)](self, order, command)
        except RefusedError as error:
            return _report(command, CommandOutcome.REFUSED, str(error))
        return _report(command, CommandOutcome.FAILED if failure else CommandOutcome.DONE, failure)

    def _is_late(self, command: CommandMessage) -> bool:
        """Tell whether a command's time is over; without a trusted clock its session decides."""
        if self._clock.trust() is not ClockTrust.SYNCED:
            return False
        age_ms = self._clock.moment().wall_ms - command.issued_at.timestamp() * 1000
        return age_ms > command.expires_in_ms

    # --- one for each order; what it returns says why it failed, and is empty when it did not --

    async def _reset(self, order: ResetOrder, _command: CommandMessage) -> str:
        pipeline = self._pipeline
        pipeline.decide(pipeline.engine.reset(order.alarm, pipeline.now()))
        return ""

    async def _test(self, order: TestOrder, _command: CommandMessage) -> str:
        pipeline = self._pipeline
        pipeline.decide(
            orders.raise_test(pipeline.engine, order.device, order.rule, pipeline.now(), mode=order.mode)
        )
        return ""

    async def _shelve(self, order: ShelveOrder, command: CommandMessage) -> str:
        pipeline = self._pipeline
        key = orders.key_of(pipeline.engine, alarm=order.alarm, device=order.device, rule=order.rule)
        person = _person(command, order.agreed_by)
        pipeline.decide(
            orders.shelve(pipeline.engine, key=key, until=order.until, person=person, now=pipeline.now())
        )
        return ""

    async def _unshelve(self, order: UnshelveOrder, _command: CommandMessage) -> str:
        pipeline = self._pipeline
        key = orders.key_of(pipeline.engine, alarm=order.alarm, device=order.device, rule=order.rule)
        pipeline.decide(orders.unshelve(pipeline.engine, key=key, now=pipeline.now()))
        return ""

    async def _take_out(self, order: OutOfServiceOrder, command: CommandMessage) -> str:
        pipeline = self._pipeline
        person = _person(command, order.agreed_by)
        pipeline.decide(
            orders.take_out_of_service(
                pipeline.engine, device=order.device, until=order.until, person=person, now=pipeline.now()
            )
        )
        return ""

    async def _put_back(self, order: BackInServiceOrder, _command: CommandMessage) -> str:
        pipeline = self._pipeline
        pipeline.decide(orders.put_back_in_service(pipeline.engine, device=order.device, now=pipeline.now()))
        return ""

    async def _silence(self, order: SilenceOrder, command: CommandMessage) -> str:
        pipeline = self._pipeline
        pipeline.decide(
            orders.silence(pipeline.engine, alarm=order.alarm, person=_person(command), now=pipeline.now())
        )
        return ""

    async def _close_valve(self, order: CloseValveOrder, command: CommandMessage) -> str:
        """Close a valve and wait until it was read back, or given up."""
        known = self._actions.get(order.device)
        if known is None:
            raise RefusedError(f"there is no device {order.device!r}")
        if CLOSE_VALVE not in known:
            raise RefusedError(f"device {order.device!r} is no valve that can be closed from here")
        moment = self._clock.moment()
        result = await self._pipeline.ordered.carry_out(
            PlannedAction(
                alarm=command.command,
                action=CLOSE_VALVE,
                device=order.device,
                decided=moment,
                expires_boot_ms=moment.boot_ms + ACTION_LIFE_MS,
            )
        )
        if result.state is ActionState.CONFIRMED:
            return ""
        return f"{result.state.value}: {result.detail}" if result.detail else result.state.value

    async def _enrol_again(self, order: ReEnrolOrder, _command: CommandMessage) -> str:
        if not self._re_enrol(order.device):
            raise RefusedError(f"no device {order.device!r} here numbers what it says")
        return ""

    async def _show_traffic(self, order: RawTrafficOrder, _command: CommandMessage) -> str:
        if not self._raw_traffic(order.bus, order.seconds):
            raise RefusedError(f"no bus {order.bus!r} here can show its traffic")
        return ""

    async def _state_again(self, _order: ResyncOrder, _command: CommandMessage) -> str:
        self._resync()
        return ""

    _CARRY_OUT: ClassVar[Mapping[type[Order], Callable[..., Awaitable[str]]]] = {
        ResetOrder: _reset,
        TestOrder: _test,
        ShelveOrder: _shelve,
        UnshelveOrder: _unshelve,
        OutOfServiceOrder: _take_out,
        BackInServiceOrder: _put_back,
        SilenceOrder: _silence,
        CloseValveOrder: _close_valve,
        ReEnrolOrder: _enrol_again,
        RawTrafficOrder: _show_traffic,
        ResyncOrder: _state_again,
    }


def _person(command: CommandMessage, agreed_by: str = "") -> Person:
    return Person(issuer=command.issuer, reason=command.reason, agreed_by=agreed_by)


def _report(command: CommandMessage, outcome: CommandOutcome, detail: str = "") -> CommandReport:
    return CommandReport(command=command.command, outcome=outcome, detail=detail[:1000])
