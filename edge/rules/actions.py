"""What a rule has done on the spot: planned, merged with what is known, planned anew. Pure."""

from datetime import datetime
from typing import Final

from edge.model import Moment, PlannedAction
from edge.rules.model import RuleAction
from wire.messages import Action, AlarmState
from wire.vocabulary import ActionState

ACTION_LIFE_MS: Final = 30_000
"""An action that could not be sent within this time is given up; it is planned anew while its
cause lasts."""
REPLAN_AFTER_MS: Final = 5_000
SOUND: Final = "sound"
SILENCE: Final = "silence"
"""What the profiles of sirens call starting and stopping them."""


def _planned(alarm: str, action: str, device: str, moment: Moment) -> PlannedAction:
    return PlannedAction(
        alarm=alarm,
        action=action,
        device=device,
        decided=moment,
        expires_boot_ms=moment.boot_ms + ACTION_LIFE_MS,
    )


def plan_actions(
    alarm: str, wishes: tuple[RuleAction, ...], known: tuple[Action, ...], moment: Moment
) -> tuple[PlannedAction, ...]:
    """Plan what a rule wishes, without what is already confirmed.

    Args:
        alarm: the alarm's id.
        wishes: of the rule.
        known: what was done for this alarm so far; empty to do everything.
        moment: now.
    """
    confirmed = {(action.action, action.device) for action in known if action.state is ActionState.CONFIRMED}
    return tuple(
        _planned(alarm, wish.action, wish.device, moment)
        for wish in wishes
        if (wish.action, wish.device) not in confirmed
    )


def plan_undoing(
    alarm: str,
    wishes: tuple[RuleAction, ...],
    known: tuple[Action, ...],
    wanted: frozenset[tuple[str, str]],
    moment: Moment,
) -> tuple[PlannedAction, ...]:
    """Plan what ends the actions of an alarm that is over.

    Args:
        alarm: its id.
        wishes: of its rule.
        known: what was done for it.
        wanted: actions and devices that other open alarms still ask for.
        moment: now.
    """
    done = {(action.action, action.device) for action in known}
    return tuple(
        _planned(alarm, wish.undo, wish.device, moment)
        for wish in wishes
        if wish.undo and (wish.action, wish.device) in done and (wish.action, wish.device) not in wanted
    )


def plan_silence(known: AlarmState, moment: Moment) -> tuple[PlannedAction, ...]:
    """Plan the silence of every siren that sounds for an alarm."""
    return tuple(
        _planned(known.alarm, SILENCE, device, moment)
        for device, last in _last_of_sirens(known.actions).items()
        if last.action == SOUND
    )


def without_silenced(known: tuple[Action, ...]) -> tuple[Action, ...]:
    """Return what was done without the sirens that were silenced: a cause that returns sounds anew."""
    silenced = {device for device, last in _last_of_sirens(known).items() if last.action == SILENCE}
    return tuple(
        action for action in known if not (action.device in silenced and action.action in (SOUND, SILENCE))
    )


def _last_of_sirens(actions: tuple[Action, ...]) -> dict[str, Action]:
    """Return the last thing that was done to each siren."""
    sirens = [action for action in actions if action.action in (SOUND, SILENCE)]
    return {action.device: action for action in sorted(sirens, key=lambda action: action.at)}


def failed_long_enough(known: tuple[Action, ...], now: datetime) -> bool:
    """Tell whether an action did not work and enough time has passed to plan it again."""
    return any(
        action.state in (ActionState.FAILED, ActionState.EXPIRED)
        # A wall clock that was set back must not keep a valve from being tried again.
        and abs((now - action.at).total_seconds()) * 1000 >= REPLAN_AFTER_MS
        for action in known
    )


def merge_actions(known: tuple[Action, ...], newer: tuple[Action, ...]) -> tuple[Action, ...]:
    """Put newer results in the place of older ones of the same action on the same device."""
    merged = {(action.action, action.device): action for action in known}
    merged.update({(action.action, action.device): action for action in newer})
    return tuple(merged.values())


def as_planned(planned: tuple[PlannedAction, ...]) -> tuple[Action, ...]:
    """Return planned actions as an alarm tells them."""
    return tuple(
        Action(
            action=plan.action,
            device=plan.device,
            state=ActionState.PLANNED,
            at=plan.decided.as_datetime(),
        )
        for plan in planned
    )
