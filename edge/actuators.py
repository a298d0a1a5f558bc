"""The actuation lane: writes that overtake polls, are read back, and expire.

An action that could not be sent in time is given up and never replayed after an outage. If its
cause still lasts then, the rules decide anew.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog

from edge.errors import DriverError, LinkError, NoAnswerError
from edge.model import ActionResult, PlannedAction
from edge.ports import ActionSink, BusDriver, Clock
from wire.vocabulary import ActionState

_RETRY_S: Final = 0.2
_MOST_REFUSALS: Final = 3

log = structlog.get_logger(__name__)


class ActuationLane:
    """Carries out planned actions on the buses."""

    def __init__(self, *, clock: Clock) -> None:
        """Start without buses; `employ` names them."""
        self._drivers: dict[str, BusDriver] = {}
        self._clock = clock
        self._queue: asyncio.Queue[PlannedAction] = asyncio.Queue()
        self._sink: ActionSink | None = None

    def employ(self, driver: BusDriver | None, devices: Iterable[str]) -> None:
        """Use a bus's driver for its devices; None when nothing on that bus can act."""
        if driver is not None:
            self._drivers.update(dict.fromkeys(devices, driver))

    def report_to(self, sink: ActionSink) -> None:
        """Hand results to this sink."""
        self._sink = sink

    def start(self, action: PlannedAction) -> None:
        """Start an action, ahead of every poll; returns at once."""
        log.warning("action_started", action=action.action, device=action.device, alarm=action.alarm)
        self._queue.put_nowait(action)

    async def run(self) -> None:
        """Carry out actions as they come, side by side. Runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                action = await self._queue.get()
                group.create_task(self._carry_out(action), name=f"act-{action.device}")

    async def _carry_out(self, action: PlannedAction) -> None:
        driver = self._drivers.get(action.device)
        if driver is None:
            self._settle(action, ActionState.FAILED, "no bus carries this device")
            return
        refusals = 0
        detail = ""
        while self._clock.moment().boot_ms <= action.expires_boot_ms:
            try:
                await driver.act(action.device, action.action)
            except (NoAnswerError, LinkError) as error:
                detail = str(error)
            except DriverError as error:
                detail = str(error)
                refusals += 1
                if refusals >= _MOST_REFUSALS:
                    self._settle(action, ActionState.FAILED, detail)
                    return
            else:
                self._settle(action, ActionState.CONFIRMED, "")
                return
            await asyncio.sleep(_RETRY_S)
        self._settle(action, ActionState.EXPIRED, detail)

    def _settle(self, action: PlannedAction, state: ActionState, detail: str) -> None:
        if self._sink is not None:
            self._sink.settle(
                ActionResult(planned=action, state=state, at=self._clock.moment(), detail=detail)
            )
