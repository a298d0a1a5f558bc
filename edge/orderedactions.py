"""Actions that a person ordered directly, and whoever waits for their results."""

import asyncio

from edge.model import ActionResult, PlannedAction
from edge.ports import Actuator


class OrderedActions:
    """Starts actions and hands their results to whoever ordered them."""

    def __init__(self, actuator: Actuator) -> None:
        """Use this actuator."""
        self._actuator = actuator
        self._awaited: dict[tuple[str, str], asyncio.Future[ActionResult]] = {}

    async def carry_out(self, action: PlannedAction) -> ActionResult:
        """Start an action and wait until it was read back, refused or given up."""
        awaited: asyncio.Future[ActionResult] = asyncio.get_running_loop().create_future()
        key = (action.alarm, action.device)
        self._awaited[key] = awaited
        self._actuator.start(action)
        try:
            return await awaited
        finally:
            self._awaited.pop(key, None)

    def settle(self, result: ActionResult) -> None:
        """Hand on a result, if anybody waits for it."""
        awaited = self._awaited.get((result.planned.alarm, result.planned.device))
        if awaited is not None and not awaited.done():
            awaited.set_result(result)
