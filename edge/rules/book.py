"""The open alarms of one gateway: what is told of them, done about them, and hidden. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from edge.model import ActionResult, Moment, PlannedAction
from edge.rules.actions import (
    as_planned,
    failed_long_enough,
    merge_actions,
    plan_actions,
    plan_undoing,
    without_silenced,
)
from edge.rules.decision import Decision
from edge.rules.model import RuleAction
from edge.rules.state import Change, Now, RuleState
from edge.rules.suppression import SHOWN, Marks, Shelves, find_cause, marks_of_cause, marks_of_shelf
from edge.rules.telling import marks_of, tell_alarm
from edge.rules.watch import Key, Watch
from wire.messages import Action, AlarmState, Voter
from wire.vocabulary import Condition, Mode, Suppression


class AlarmBook:
    """The alarms that are not cleared, and what is hidden of them."""

    def __init__(self, watches: Mapping[Key, Watch], states: Mapping[Key, RuleState]) -> None:
        """Know the rules, and look at where each stands."""
        self._watches = watches
        self._states = states
        self._is_explained = any(watch.rule.explained_by for watch in watches.values())
        self.alarms: dict[str, AlarmState] = {}
        self.shelves = Shelves()
        self._tests: dict[str, int] = {}

    # --- telling -------------------------------------------------------------------------------

    def tell(
        self,
        watch: Watch,
        state: RuleState,
        change: Change,
        now: Now,
        planned: tuple[PlannedAction, ...],
        *,
        alarm: str,
        voters: tuple[Voter, ...] = (),
    ) -> Decision:
        """Return the decision that tells an alarm as it now stands."""
        known = self.alarms.get(alarm)
        actions = merge_actions(known.actions if known else (), as_planned(planned))
        told = tell_alarm(
            watch, state, alarm=alarm, known=known, moment=now.moment, actions=actions, voters=voters
        )
        told = self._marked(told)
        self.keep(told)
        return Decision(key=watch.key, state=state, change=change, alarm=told, actions=planned)

    def keep(self, alarm: AlarmState) -> None:
        """Remember an alarm, or forget it once it is over."""
        if alarm.cleared:
            self.alarms.pop(alarm.alarm, None)
        else:
            self.alarms[alarm.alarm] = alarm

    def end(self, alarm: AlarmState, now: Now) -> Decision:
        """Return the decision that ends an alarm, whatever its rule says."""
        ended = msgspec.structs.replace(
            alarm, condition=Condition.NORMAL, latched=False, changed_at=now.moment.as_datetime()
        )
        self.keep(ended)
        return Decision(key=None, state=RuleState(), change=Change.NORMAL, alarm=ended)

    def put_test(self, alarm: AlarmState, until_boot_ms: int) -> Decision:
        """Return the decision that tells a test alarm, which ends by itself."""
        self.keep(alarm)
        self._tests[alarm.alarm] = until_boot_ms
        return Decision(key=None, state=RuleState(), change=Change.RAISED, alarm=alarm)

    def end_tests(self, now: Now) -> list[Decision]:
        """Return the decisions that end the test alarms whose time is over."""
        over = [alarm for alarm, due in self._tests.items() if due <= now.moment.boot_ms]
        for alarm in over:
            del self._tests[alarm]
        return [self.end(self.alarms[alarm], now) for alarm in over if alarm in self.alarms]

    # --- what is done on the spot --------------------------------------------------------------

    def plan(self, watch: Watch, state: RuleState, change: Change, now: Now) -> tuple[PlannedAction, ...]:
        """Plan what a rule wishes; nothing for a device that is out of service.

        A new alarm does everything, one that goes on only what is not confirmed yet; where its cause
        came back, sirens that were silenced sound anew (GB/T 45839-2025, 5.4.2).
        """
        assert state.alarm is not None, "only an active rule acts"
        if self.shelves.is_out_of_service(watch.key[1]):
            return ()
        alarm = self.alarms.get(state.alarm)
        known = alarm.actions if alarm and change is not Change.RAISED else ()
        if change in (Change.RETURNED, Change.STAGED):
            known = without_silenced(known)
        return plan_actions(state.alarm, watch.wishes_at(state.stage), known, now.moment)

    def plan_end(self, watch: Watch, alarm: str, moment: Moment) -> tuple[PlannedAction, ...]:
        """Plan what ends a rule's actions now that its alarm is over."""
        wishes = [wish for wish in watch.wishes_at(1 << 8) if wish.undo]
        known = self.alarms.get(alarm)
        if not wishes or known is None:
            return ()
        wanted = frozenset(
            (wish.action, wish.device)
            for other in self.alarms.values()
            if other.alarm != alarm and other.mode is Mode.LIVE
            for wish in self._wishes_of(other)
        )
        return plan_undoing(alarm, tuple(wishes), known.actions, wanted, moment)

    def replan(self, now: Now) -> list[Decision]:
        """Plan again what did not work while its cause lasts: a new decision, not a replay."""
        at = now.moment.as_datetime()
        failed = [alarm for alarm in self.alarms.values() if failed_long_enough(alarm.actions, at)]
        return self.plan_open(failed, now)

    def plan_open(self, alarms: Iterable[AlarmState], now: Now) -> list[Decision]:
        """Plan what is not confirmed yet for alarms whose cause lasts."""
        decisions: list[Decision] = []
        for alarm in alarms:
            key = (alarm.rule, alarm.device)
            state = self._states.get(key)
            if state is None or state.alarm != alarm.alarm or state.condition is not Condition.ACTIVE:
                continue
            planned = self.plan(self._watches[key], state, Change.NONE, now)
            if planned:
                decisions.append(self._with_actions(alarm, planned, now))
        return decisions

    def settle(self, result: ActionResult) -> Decision | None:
        """Take the result of an action into its alarm; None when that alarm is over."""
        known = self.alarms.get(result.planned.alarm)
        if known is None:
            return None
        done = Action(
            action=result.planned.action,
            device=result.planned.device,
            state=result.state,
            at=result.at.as_datetime(),
            detail=result.detail,
        )
        alarm = msgspec.structs.replace(
            known,
            actions=merge_actions(known.actions, (done,)),
            changed_at=max(known.changed_at, done.at),
        )
        return self._told_again(alarm, Change.NONE)

    def act(self, alarm: AlarmState, planned: tuple[PlannedAction, ...], now: Now) -> Decision:
        """Return the decision that does something for an open alarm because a person ordered it."""
        return self._with_actions(alarm, planned, now)

    def _with_actions(self, alarm: AlarmState, planned: tuple[PlannedAction, ...], now: Now) -> Decision:
        told = msgspec.structs.replace(
            alarm,
            actions=merge_actions(alarm.actions, as_planned(planned)),
            changed_at=now.moment.as_datetime(),
        )
        return self._told_again(told, Change.NONE, planned)

    def _told_again(
        self, alarm: AlarmState, change: Change, planned: tuple[PlannedAction, ...] = ()
    ) -> Decision:
        self.keep(alarm)
        key = (alarm.rule, alarm.device)
        state = self._states.get(key)
        if state is None or alarm.mode is not Mode.LIVE:
            return Decision(key=None, state=RuleState(), change=change, alarm=alarm, actions=planned)
        return Decision(key=key, state=state, change=change, alarm=alarm, actions=planned)

    def _wishes_of(self, alarm: AlarmState) -> tuple[RuleAction, ...]:
        watch = self._watches.get((alarm.rule, alarm.device))
        return watch.wishes_at(max(alarm.stage, 1)) if watch else ()

    # --- what is shown and what is hidden ------------------------------------------------------

    def state_shelves(self) -> Decision:
        """Return the decision that keeps what is hidden over a restart."""
        return Decision(key=None, state=RuleState(), change=Change.NONE, shelves=self.shelves.all)

    def remark(self, now: Now) -> list[Decision]:
        """Mark every alarm anew where that differs; causes come before what they explain."""
        if not self._is_explained and not self.shelves and not any(map(_is_marked, self.alarms.values())):
            return []
        decisions: list[Decision] = []
        for alarm in sorted(self.alarms.values(), key=lambda one: bool(self._causes_of(one))):
            marked = self._marked(alarm)
            if marked is alarm:
                continue
            returned = (
                alarm.suppression is Suppression.OUT_OF_SERVICE
                and marked.suppression is not alarm.suppression
            )
            marked = msgspec.structs.replace(marked, changed_at=now.moment.as_datetime())
            decisions.append(self._told_again(marked, Change.MARKED))
            if returned:
                decisions += self.plan_open([marked], now)
        return decisions

    def _marked(self, alarm: AlarmState) -> AlarmState:
        marks = self._marks_for(alarm)
        return alarm if marks == marks_of(alarm) else msgspec.structs.replace(alarm, **marks.as_fields())

    def _marks_for(self, alarm: AlarmState) -> Marks:
        if alarm.mode is not Mode.LIVE:
            return SHOWN
        shelf = self.shelves.find(alarm.device, alarm.rule)
        if shelf is not None:
            return marks_of_shelf(shelf)
        causes = self._causes_of(alarm)
        if not causes:
            return SHOWN
        cause = find_cause(alarm, causes, self.alarms.values())
        return SHOWN if cause is None else marks_of_cause(cause)

    def _causes_of(self, alarm: AlarmState) -> tuple[str, ...]:
        watch = self._watches.get((alarm.rule, alarm.device))
        return watch.rule.explained_by if watch else ()


def _is_marked(alarm: AlarmState) -> bool:
    return marks_of(alarm) != SHOWN
