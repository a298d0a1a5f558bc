"""What a person on site asks of the actuators through the gateway's door: a test, and the record."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from edge.actuators import ActuationLane
from edge.errors import EdgeError
from edge.stores.actionlog import ActionLog, ActionRecord
from edge.watch.localdoor import Orders

_NEEDED: Final = ("device", "action", "person")
_MOST_TEXT: Final = 200


class OrderError(EdgeError):
    """A test that cannot be carried out as it was asked for."""


def actuator_orders(lane: ActuationLane, log: ActionLog) -> Orders:
    """Return what the door can do with actuators.

    `test_actuator` needs `device`, `action` and `person`, and may have a `reason`; its answer says how it
    ended. `actions` returns the newest records of everything that was done.
    """

    async def test_actuator(asked: dict[str, Any]) -> dict[str, str]:
        words = _words(asked)
        result = await lane.try_out(
            words["device"], words["action"], person=words["person"], reason=words.get("reason", "")
        )
        return {"state": result.state.value, "detail": result.detail}

    async def actions(_asked: dict[str, Any]) -> list[dict[str, Any]]:
        return [_shown(record) for record in await log.recent()]

    return {"test_actuator": test_actuator, "actions": actions}


def _words(asked: Mapping[str, Any]) -> dict[str, str]:
    missing = [name for name in _NEEDED if not str(asked.get(name, "")).strip()]
    if missing:
        raise OrderError(f"found no {', '.join(missing)}; a test names device, action and the person on site")
    return {name: str(value).strip()[:_MOST_TEXT] for name, value in asked.items()}


def _shown(record: ActionRecord) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(record)
    return found
