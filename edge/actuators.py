"""The actuation lane: writes that overtake polls, are read back, and expire.

An action that could not be sent in time is given up and never replayed after an outage. If its
cause still lasts then, the rules decide anew. Every action leaves a record, whoever wanted it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from edge.errors import DriverError, LinkError, NoAnswerError, WithdrawnError
from edge.model import ActionResult, Moment, PlannedAction
from edge.ports import ActionSink, Actor, Clock
from wire.vocabulary import ActionState

TEST_LIFE_MS: Final = 10_000
_RETRY_S: Final = 0.2
_MOST_REFUSALS: Final = 3

log = structlog.get_logger(__name__)


def _allow(_action: PlannedAction, _now: Moment) -> str:
    return ""


class ActuationLane:
    """Carries out planned actions on the buses."""

    def __init__(
        self,
        *,
        clock: Clock,
        record: Callable[[ActionResult], None] = lambda _result: None,
    ) -> None:
        """Start without buses; `employ` names them.

        Args:
            clock: the machine's clocks.
            record: takes what is begun and what came of it, for the audit.
        """
        self._drivers: dict[str, Actor] = {}
        self._clock = clock
        self._guard: Callable[[PlannedAction, Moment], str] = _allow
        self._record = record
        self._queue: asyncio.Queue[PlannedAction] = asyncio.Queue()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._sink: ActionSink | None = None

    def employ(self, driver: Actor | None, devices: Iterable[str]) -> None:
        """Use a bus's driver for its devices; None when nothing on that bus can act."""
        if driver is not None:
            self._drivers.update(dict.fromkeys(devices, driver))

    def report_to(self, sink: ActionSink) -> None:
        """Hand results to this sink."""
        self._sink = sink

    def obey(self, guard: Callable[[PlannedAction, Moment], str]) -> None:
        """Carry out nothing for which this gives a reason not to."""
        self._guard = guard

    def start(self, action: PlannedAction) -> None:
        """Start an action, ahead of every poll; returns at once."""
        self._queue.put_nowait(action)
        log.warning("action_started", action=action.action, device=action.device, alarm=action.alarm)

    async def run(self) -> None:
        """Carry out actions as they come, side by side. Runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                action = await self._queue.get()
                group.create_task(self._carry_out(action), name=f"act-{action.device}")

    async def try_out(self, device: str, action: str, *, person: str, reason: str = "") -> ActionResult:
        """Carry out an action because a person on site tests the device; returns what came of it.

        Only the door of this machine leads here: no order from the server does.

        Args:
            device: what is tested.
            action: of its profile.
            person: who stands there and watches.
            reason: why.
        """
        moment = self._clock.moment()
        planned = PlannedAction(
            alarm="",
            action=action,
            device=device,
            decided=moment,
            expires_boot_ms=moment.boot_ms + TEST_LIFE_MS,
            issuer=person,
            reason=reason,
        )
        log.warning("action_tested", action=action, device=device, person=person)
        return await self._carry_out(planned)

    async def _carry_out(self, action: PlannedAction) -> ActionResult:
        """Carry out one action; those of one device follow one another."""
        self._record(self._result(action, ActionState.PLANNED, ""))
        async with self._turns[action.device]:
            state, detail = await self._attempt(action)
        result = self._result(action, state, detail)
        self._record(result)
        if self._sink is not None:
            self._sink.settle(result)
        return result

    async def _attempt(self, action: PlannedAction) -> tuple[ActionState, str]:
        driver = self._drivers.get(action.device)
        if driver is None:
            return ActionState.FAILED, "no bus carries this device"
        refusals = 0
        detail = ""
        while (now := self._clock.moment()).boot_ms <= action.expires_boot_ms:
            forbidden = self._guard(action, now)
            if forbidden:
                return ActionState.FAILED, f"interlocked: {forbidden}"
            try:
                await driver.act(action.device, action.action, veto=lambda: self._objection(action))
            except WithdrawnError:
                continue  # judged again at once: it has expired, or an interlock says why not
            except (NoAnswerError, LinkError) as error:
                detail = str(error)
            except DriverError as error:
                detail = str(error)
                refusals += 1
                if refusals >= _MOST_REFUSALS:
                    return ActionState.FAILED, detail
            else:
                return ActionState.CONFIRMED, ""
            await asyncio.sleep(_RETRY_S)
        return ActionState.EXPIRED, detail

    def _objection(self, action: PlannedAction) -> str:
        """Return what speaks against an action that waited for its line, now that it holds it."""
        now = self._clock.moment()
        return "expired" if now.boot_ms > action.expires_boot_ms else self._guard(action, now)

    def _result(self, action: PlannedAction, state: ActionState, detail: str) -> ActionResult:
        return ActionResult(planned=action, state=state, at=self._clock.moment(), detail=detail)
