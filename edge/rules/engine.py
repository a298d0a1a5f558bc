"""All rules of one gateway: snapshots and time in, decisions out. No input or output.

The engine holds the state of every rule for every device, and the alarms that are not cleared. Its
caller journals each decision before telling anybody, and starts its actions.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import msgspec

from edge.model import ActionResult, Moment, PlannedAction, Snapshot
from edge.rules.actions import as_planned, failed_long_enough, merge_actions, plan_actions
from edge.rules.model import ContactRule, Rule, RuleAction
from edge.rules.state import Change, Now, RuleState
from edge.rules.step import Cause, advance, reset
from edge.rules.threshold import is_present
from edge.rules.watch import NO_POINT, Key, Watch, prepare_watch
from wire.ids import new_uuid7
from wire.messages import Action, AlarmState
from wire.vocabulary import Condition, Mode, Quality

TEST_LASTS_MS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one step decided: to be journalled as a whole, then told, then acted upon.

    Attributes:
        key: rule and device; None for a test alarm, which has no rule state.
        state: the rule's new state for that device.
        change: what changed.
        alarm: the alarm as it now stands, or None when nobody is to be told.
        actions: what is to be done on the spot.
    """

    key: Key | None
    state: RuleState
    change: Change
    alarm: AlarmState | None = None
    actions: tuple[PlannedAction, ...] = ()


class RefusedError(Exception):
    """A reset or test that cannot be carried out; the text says why."""


class RuleEngine:
    """The rules of one gateway and where each stands."""

    def __init__(
        self,
        *,
        rules: Iterable[Rule],
        points: Mapping[str, tuple[tuple[str, str], ...]],
        labels: Mapping[str, str],
        boot: str,
        is_unsent: Callable[[str], bool] = lambda _alarm: False,
    ) -> None:
        """Prepare the rules.

        Args:
            rules: threshold and contact rules.
            points: for each device its points as (name, unit), in the order of its snapshots.
            labels: for each device the name people know it by.
            boot: identifies this start of the machine.
            is_unsent: tells whether the server has yet to acknowledge an alarm's newest state. A
                cause that comes back meanwhile continues that alarm, so that a sensor that flaps
                through an outage is one alarm with a count, not thousands.
        """
        self.boot = boot
        self._is_unsent = is_unsent
        self._watches: dict[str, tuple[Watch, ...]] = dict.fromkeys(points, ())
        self._by_key: dict[Key, Watch] = {}
        for rule in rules:
            devices = (rule.device,) if isinstance(rule, ContactRule) else rule.devices
            for device in devices:
                watch = prepare_watch(rule, device, points[device], labels.get(device, ""))
                self._watches[device] += (watch,)
                self._by_key[watch.key] = watch
        self._states: dict[Key, RuleState] = dict.fromkeys(self._by_key, RuleState())
        self._alarms: dict[str, AlarmState] = {}
        self._heard: dict[str, int] = {}
        self._waiting: set[Key] = set()
        self._tests: dict[str, int] = {}

    # --- state across restarts -----------------------------------------------------------------

    def restore(
        self, states: Mapping[Key, RuleState], alarms: Iterable[AlarmState], now: Now
    ) -> list[Decision]:
        """Take up where the journal ends; returns what follows from that at once.

        An alarm whose rule is no longer configured is ended, since nothing could ever clear it.
        """
        self._alarms = {alarm.alarm: alarm for alarm in alarms}
        for key, state in states.items():
            if key in self._by_key:
                self._states[key] = state
                self._note_waiting(key, state)
        known = {state.alarm for state in self._states.values()}
        orphans = [alarm for alarm in self._alarms.values() if alarm.alarm not in known]
        decisions = [self._end(alarm, now) for alarm in orphans]
        for key, state in self._states.items():
            if state.condition is Condition.ACTIVE and state.alarm in self._alarms:
                planned = self._plan(self._by_key[key], state.alarm, now.moment, only_open=True)
                if planned:
                    decisions.append(self._tell(self._by_key[key], state, Change.NONE, now, planned))
        return decisions

    @property
    def alarms(self) -> Mapping[str, AlarmState]:
        """The alarms that are not cleared, by id."""
        return self._alarms

    @property
    def states(self) -> Mapping[Key, RuleState]:
        """Where each rule stands for each device."""
        return self._states

    # --- readings and time ---------------------------------------------------------------------

    def take(self, snapshot: Snapshot, now: Now) -> list[Decision]:
        """Judge one snapshot. Costs about a microsecond where nothing changes.

        What may be an old message (`may_clear` is false) is never taken for the absence of a cause.
        """
        if not snapshot.live:
            return []
        decisions: list[Decision] = []
        states, values, qualities = self._states, snapshot.values, snapshot.qualities
        for watch in self._watches.get(snapshot.device, ()):
            state = states[watch.key]
            index = watch.index
            if index == NO_POINT:
                cause = self._contact(snapshot)
                value = None
            else:
                value = values[index]
                good = qualities is None or qualities[index] is Quality.GOOD
                if value is None or not good or value != value:  # noqa: PLR0124 - NaN is no value
                    cause = Cause.UNKNOWN
                elif is_present(watch.rule, value, state.condition):  # type: ignore[arg-type]  # index >= 0 means threshold
                    cause = Cause.PRESENT
                else:
                    cause = Cause.ABSENT
            if cause is Cause.ABSENT and not snapshot.may_clear:
                cause = Cause.UNKNOWN
            if state.condition is Condition.NORMAL and cause is not Cause.PRESENT:
                continue
            decision = self._advance(watch, state, cause, value, now)
            if decision is not None:
                decisions.append(decision)
        return decisions

    def tick(self, now: Now) -> list[Decision]:
        """Judge the time that has passed: delays, silent buses, actions to be planned again."""
        decisions: list[Decision] = []
        for key in tuple(self._waiting):
            watch = self._by_key[key]
            decision = self._advance(watch, self._states[key], Cause.UNKNOWN, None, now)
            if decision is not None:
                decisions.append(decision)
        decisions += self._judge_silence(now)
        decisions += self._replan(now)
        decisions += self._end_tests(now)
        return decisions

    def _contact(self, snapshot: Snapshot) -> Cause:
        self._heard[snapshot.device] = snapshot.at.boot_ms
        return Cause.ABSENT if snapshot.answered else Cause.PRESENT

    def _judge_silence(self, now: Now) -> list[Decision]:
        """A device of which not even a failure is heard: its bus loop stands still."""
        decisions: list[Decision] = []
        for key, watch in self._by_key.items():
            if not isinstance(watch.rule, ContactRule):
                continue
            heard = self._heard.setdefault(watch.rule.device, now.moment.boot_ms)
            state = self._states[key]
            quiet_ms = now.moment.boot_ms - heard
            if quiet_ms <= watch.rule.after_ms or state.condition is not Condition.NORMAL:
                continue
            decision = self._advance(watch, state, Cause.PRESENT, None, now)
            if decision is not None:
                decisions.append(decision)
        return decisions

    def _advance(
        self, watch: Watch, state: RuleState, cause: Cause, value: float | None, now: Now
    ) -> Decision | None:
        if value is not None and cause is not Cause.UNKNOWN and value != state.value:
            state = replace(state, value=value)
            self._states[watch.key] = state
        if state.ended is not None and not self._is_unsent(state.ended.alarm):
            state = replace(state, ended=None)
        after, change = advance(watch.behaviour, state, cause, now)
        if change is Change.NONE:
            return None
        self._states[watch.key] = after
        self._note_waiting(watch.key, after)
        if change is Change.TIMER and isinstance(watch.rule, ContactRule):
            return None  # a device that misses a poll now and then must not wear out the memory card
        if change is Change.TIMER:
            return Decision(key=watch.key, state=after, change=change)
        planned: tuple[PlannedAction, ...] = ()
        if change in (Change.RAISED, Change.RETURNED):
            assert after.alarm is not None, "an active rule has an alarm"
            planned = self._plan(watch, after.alarm, now.moment, only_open=change is Change.RETURNED)
        before = state if change is Change.NORMAL else after
        return self._tell(watch, after, change, now, planned, alarm_id=after.alarm or before.alarm)

    def _note_waiting(self, key: Key, state: RuleState) -> None:
        if state.since is not None:
            self._waiting.add(key)
        else:
            self._waiting.discard(key)

    # --- what people and devices are told ------------------------------------------------------

    def _tell(
        self,
        watch: Watch,
        state: RuleState,
        change: Change,
        now: Now,
        planned: tuple[PlannedAction, ...],
        *,
        alarm_id: str | None = None,
    ) -> Decision:
        alarm_id = alarm_id or state.alarm
        assert alarm_id is not None, "only a known alarm is told"
        known = self._alarms.get(alarm_id)
        raised_ms = state.raised_ms or now.moment.wall_ms
        alarm = AlarmState(
            alarm=alarm_id,
            device=watch.key[1],
            rule=watch.key[0],
            kind=watch.kind,
            class_=watch.rule.class_,
            condition=state.condition,
            latched=state.latched,
            point=watch.point,
            value=state.value,
            unit=watch.unit,
            limit=watch.limit,
            raised_at=known.raised_at if known else _utc(raised_ms),
            changed_at=now.moment.as_datetime(),
            count=state.count or (known.count if known else 1),
            actions=merge_actions(known.actions if known else (), as_planned(planned)),
            label=watch.label,
        )
        self._keep(alarm)
        return Decision(key=watch.key, state=state, change=change, alarm=alarm, actions=planned)

    def _keep(self, alarm: AlarmState) -> None:
        if alarm.cleared:
            self._alarms.pop(alarm.alarm, None)
        else:
            self._alarms[alarm.alarm] = alarm

    def _plan(
        self, watch: Watch, alarm_id: str, moment: Moment, *, only_open: bool
    ) -> tuple[PlannedAction, ...]:
        wishes: tuple[RuleAction, ...] = getattr(watch.rule, "actions", ())
        known = self._alarms.get(alarm_id)
        return plan_actions(alarm_id, wishes, known.actions if known and only_open else (), moment)

    def _replan(self, now: Now) -> list[Decision]:
        """Plan again what did not work while its cause lasts: a new decision, not a replay."""
        decisions: list[Decision] = []
        for key, state in self._states.items():
            known = self._alarms.get(state.alarm or "")
            if known is None or state.condition is not Condition.ACTIVE:
                continue
            if failed_long_enough(known.actions, now.moment.as_datetime()):
                watch = self._by_key[key]
                planned = self._plan(watch, known.alarm, now.moment, only_open=True)
                if not planned:
                    continue  # what failed was none of this rule's own wishes
                decisions.append(self._tell(watch, state, Change.NONE, now, planned))
        return decisions

    def settle(self, result: ActionResult) -> Decision | None:
        """Take the result of an action into its alarm; None when that alarm is over."""
        known = self._alarms.get(result.planned.alarm)
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
        self._keep(alarm)
        key = (known.rule, known.device)
        return Decision(key=key, state=self._states.get(key, RuleState()), change=Change.NONE, alarm=alarm)

    # --- what people order ---------------------------------------------------------------------

    def reset(self, alarm_id: str, now: Now) -> Decision:
        """Reset the latch of an alarm.

        Raises:
            RefusedError: no such alarm is open here, or its condition is not normal.
        """
        known = self._alarms.get(alarm_id)
        if known is None:
            raise RefusedError("no such alarm is open here")
        key = (known.rule, known.device)
        after = reset(self._states[key]) if key in self._states else None
        if after is None:
            raise RefusedError(f"the condition is {known.condition.value}, not normal")
        self._states[key] = after
        alarm = msgspec.structs.replace(
            known, latched=False, condition=Condition.NORMAL, changed_at=now.moment.as_datetime()
        )
        self._keep(alarm)
        return Decision(key=key, state=after, change=Change.RESET, alarm=alarm)

    def test(self, device: str, rule_id: str, now: Now) -> Decision:
        """Raise a test alarm of a rule on a device, without actions; `tick` ends it.

        Raises:
            RefusedError: there is no such rule on that device.
        """
        watch = self._by_key.get((rule_id, device))
        if watch is None:
            raise RefusedError(f"there is no rule {rule_id!r} on device {device!r}")
        moment = now.moment
        alarm = AlarmState(
            alarm=new_uuid7(unix_ms=moment.wall_ms),
            device=device,
            rule=rule_id,
            kind=watch.kind,
            class_=watch.rule.class_,
            condition=Condition.ACTIVE,
            mode=Mode.TEST,
            point=watch.point,
            unit=watch.unit,
            limit=watch.limit,
            raised_at=moment.as_datetime(),
            changed_at=moment.as_datetime(),
            label=watch.label,
        )
        self._keep(alarm)
        self._tests[alarm.alarm] = moment.boot_ms + TEST_LASTS_MS
        return Decision(key=None, state=RuleState(), change=Change.RAISED, alarm=alarm)

    def _end_tests(self, now: Now) -> list[Decision]:
        over = [alarm for alarm, due in self._tests.items() if due <= now.moment.boot_ms]
        for alarm in over:
            del self._tests[alarm]
        return [self._end(self._alarms[alarm], now) for alarm in over if alarm in self._alarms]

    def _end(self, alarm: AlarmState, now: Now) -> Decision:
        ended = msgspec.structs.replace(
            alarm,
            condition=Condition.NORMAL,
            latched=False,
            changed_at=now.moment.as_datetime(),
        )
        self._keep(ended)
        return Decision(key=None, state=RuleState(), change=Change.NORMAL, alarm=ended)


def _utc(wall_ms: int) -> datetime:
    return datetime.fromtimestamp(wall_ms / 1000, tz=UTC)
