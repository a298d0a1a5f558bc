"""Orders from the server: checked, carried out once, answered."""

from collections.abc import Callable
from typing import Final

import structlog

from edge.outbox import Outbox
from edge.pipeline import Pipeline
from edge.ports import Clock
from edge.rules.engine import RefusedError
from wire.codec import decode_order
from wire.errors import BodyError
from wire.messages import CommandMessage, CommandReport
from wire.orders import Order, ReEnrolOrder, ResetOrder, ResyncOrder, TestOrder
from wire.vocabulary import Clock as ClockTrust
from wire.vocabulary import CommandOutcome

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
    ) -> None:
        """Join the parts.

        Args:
            pipeline: rules and journal.
            outbox: where answers are kept.
            clock: the machine's clocks.
            resync: asks the uplink to state every open alarm again.
            re_enrol: believes a device's counter anew; tells whether there is such a device.
        """
        self._pipeline = pipeline
        self._outbox = outbox
        self._clock = clock
        self._resync = resync
        self._re_enrol = re_enrol

    async def handle(self, command: CommandMessage, *, session: str) -> CommandReport:
        """Carry out a command, or say why not; a repeat gets the same answer again.

        Raises:
            StoreError: the store cannot be used; the command will be sent again.
        """
        known = await self._outbox.answered(command.command)
        if known is not None:
            return known
        if command.session != session:
            # Not remembered: the same order may come again under the right session.
            return _report(command, CommandOutcome.STALE_SESSION)
        report = self._judge(command)
        await self._outbox.remember(report, self._clock.moment())
        log.info(
            "command_answered",
            command=command.command,
            issuer=command.issuer,
            outcome=report.outcome.value,
            detail=report.detail,
        )
        return report

    def _judge(self, command: CommandMessage) -> CommandReport:
        if self._is_late(command):
            return _report(command, CommandOutcome.EXPIRED)
        try:
            order = decode_order(command.order)
        except BodyError as error:
            return _report(command, CommandOutcome.UNKNOWN, str(error))
        try:
            _CARRY_OUT[type(order)](self, order)
        except RefusedError as error:
            return _report(command, CommandOutcome.REFUSED, str(error))
        return _report(command, CommandOutcome.DONE)

    def _is_late(self, command: CommandMessage) -> bool:
        """Tell whether a command's time is over; without a trusted clock its session decides."""
        if self._clock.trust() is not ClockTrust.SYNCED:
            return False
        age_ms = self._clock.moment().wall_ms - command.issued_at.timestamp() * 1000
        return age_ms > command.expires_in_ms

    def _reset(self, order: ResetOrder) -> None:
        pipeline = self._pipeline
        pipeline.decide([pipeline.engine.reset(order.alarm, pipeline.now())])

    def _test(self, order: TestOrder) -> None:
        pipeline = self._pipeline
        pipeline.decide([pipeline.engine.test(order.device, order.rule, pipeline.now())])

    def _enrol_again(self, order: ReEnrolOrder) -> None:
        if not self._re_enrol(order.device):
            raise RefusedError(f"no device {order.device!r} here numbers what it says")

    def _state_again(self, _order: ResyncOrder) -> None:
        self._resync()


_CARRY_OUT: Final[dict[type[Order], Callable[..., None]]] = {
    ResetOrder: CommandDesk._reset,  # noqa: SLF001 - the table belongs to the class
    TestOrder: CommandDesk._test,  # noqa: SLF001
    ReEnrolOrder: CommandDesk._enrol_again,  # noqa: SLF001
    ResyncOrder: CommandDesk._state_again,  # noqa: SLF001
}


def _report(command: CommandMessage, outcome: CommandOutcome, detail: str = "") -> CommandReport:
    return CommandReport(command=command.command, outcome=outcome, detail=detail[:1000])
