"""All rules of one gateway: snapshots and time in, decisions out. No input or output.

The engine holds the state of every rule for every device, and the alarms that are not cleared. Its
caller journals each decision before telling anybody, and starts its actions. What people order stands
in `edge.rules.orders`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

import msgspec

from edge.model import ActionResult, Moment, PlannedAction, Point, Snapshot
from edge.rules.book import AlarmBook
from edge.rules.clockless import UnsureAlarms, correct_alarm, correct_state
from edge.rules.decision import Decision
from edge.rules.judge import Sample
from edge.rules.model import ContactRule, Rule, ThresholdRule, VoteRule, devices_of, memory_ms
from edge.rules.schedule import is_active
from edge.rules.state import Change, Now, RuleState
from edge.rules.step import Cause, advance, reach, reset
from edge.rules.suppression import RefusedError, Shelf
from edge.rules.threshold import reached_stage
from edge.rules.voting import Ballot
from edge.rules.watch import Key, Watch, prepare_watch
from wire.messages import AlarmState
from wire.vocabulary import Clock, Condition, Quality

JUDGE_TIME_EVERY_MS: Final = 1_000
"""How often rules are judged that can raise an alarm by the passing of time alone."""

_KNOWN: Final = (Cause.PRESENT, Cause.ABSENT)
_NOT_YET: Final = (Condition.NORMAL, Condition.PENDING)
_DOUBTS: Final = {Quality.MAINTENANCE: Cause.MAINTENANCE}
"""What a value that is not good says; whatever is not named says nothing."""


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
        since_ms: int = 0,
    ) -> None:
        """Prepare the rules.

        Args:
            rules: of every kind.
            points: for each device its points as (name, unit), in the order of its snapshots.
            labels: for each device the name people know it by.
            boot: identifies this start of the machine.
            is_unsent: tells whether the server has yet to acknowledge an alarm's newest state. A
                cause that comes back meanwhile continues that alarm, so that a sensor that flaps
                through an outage is one alarm with a count, not thousands.
            since_ms: when listening begins, milliseconds since the machine started.
        """
        self.boot = boot
        self._is_unsent = is_unsent
        self._watches: dict[str, tuple[Watch, ...]] = dict.fromkeys(points, ())
        self._by_key: dict[Key, Watch] = {}
        for rule in rules:
            for device in devices_of(rule):
                watch = prepare_watch(rule, device, points[device], labels.get(device, ""), since_ms=since_ms)
                self._by_key[watch.key] = watch
                if not isinstance(rule, VoteRule):
                    self._watches[device] += (watch,)
        self._states: dict[Key, RuleState] = dict.fromkeys(self._by_key, RuleState())
        self._heard: dict[str, int] = {}
        self._waiting: set[Key] = set()
        self._unsure = UnsureAlarms()
        self._judged_ms = since_ms
        self.points = {
            device: tuple(Point(name=name, unit=unit) for name, unit in named)
            for device, named in points.items()
        }
        self.book = AlarmBook(self._by_key, self._states)
        watches = tuple(self._by_key.values())
        self._contacts = tuple((w, w.rule) for w in watches if isinstance(w.rule, ContactRule))
        self._judging = tuple(watch for watch in watches if watch.judge is not None)
        self._ballots: dict[Key, Ballot] = {}
        self._asked: dict[str, tuple[Key, ...]] = {}
        for watch in watches:
            if isinstance(watch.rule, VoteRule):
                self._prepare_vote(watch.key, watch.rule, points)

    def _prepare_vote(
        self, key: Key, rule: VoteRule, points: Mapping[str, tuple[tuple[str, str], ...]]
    ) -> None:
        indices: dict[int, int] = {}
        units: dict[int, str] = {}
        for position, voter in enumerate(rule.voters):
            named = voter.point or self._by_key[voter.rule, voter.device].point
            for index, (name, unit) in enumerate(points[voter.device]):
                if name == named:
                    indices[position], units[position] = index, unit
            if key not in self._asked.get(voter.device, ()):
                self._asked[voter.device] = (*self._asked.get(voter.device, ()), key)
        self._ballots[key] = Ballot(rule, indices=indices, units=units)

    # --- state across restarts -----------------------------------------------------------------

    def restore(
        self,
        states: Mapping[Key, RuleState],
        alarms: Iterable[AlarmState],
        now: Now,
        shelves: Iterable[Shelf] = (),
    ) -> list[Decision]:
        """Take up where the journal ends; returns what follows from that at once.

        An alarm whose rule is no longer configured is ended, since nothing could ever clear it.
        """
        book = self.book
        book.shelves.load(shelves)
        book.alarms.update((alarm.alarm, alarm) for alarm in alarms)
        for key, state in states.items():
            if key in self._by_key:
                self._states[key] = state
                self._note_waiting(key, state)
        known = {state.alarm for state in self._states.values()}
        orphans = [alarm for alarm in book.alarms.values() if alarm.alarm not in known]
        decisions = [book.end(alarm, now) for alarm in orphans]
        decisions += book.plan_open(tuple(book.alarms.values()), now)
        if book.shelves.end_what_is_over(now):
            decisions.append(book.state_shelves())
        return decisions + book.remark(now)

    def take_up(
        self,
        states: Mapping[Key, RuleState],
        alarms: Iterable[AlarmState],
        now: Now,
        shelves: Iterable[Shelf] = (),
    ) -> list[Decision]:
        """Take up an older journal that is found only now; what has been judged since counts more.

        An open alarm of it goes on where its rule has raised none since, and is ended where it has.
        """
        missing = {
            key: state
            for key, state in states.items()
            if state.alarm is not None and key in self._states and self._states[key].alarm is None
        }
        return self.restore(missing, alarms, now, (*shelves, *self.book.shelves.all))

    def recall(self, snapshot: Snapshot) -> None:
        """Remember a stored reading, oldest first, without judging it: windows are rebuilt so."""
        for watch in self._watches.get(snapshot.device, ()):
            if watch.judge is not None and snapshot.may_clear:
                watch.judge.feed(_sample(watch, snapshot))

    @property
    def memory_ms(self) -> int:
        """How far back the rules look, all together."""
        return max((memory_ms(watch.rule) for watch in self._judging), default=0)

    @property
    def alarms(self) -> Mapping[str, AlarmState]:
        """The alarms that are not cleared, by id."""
        return self.book.alarms

    @property
    def states(self) -> Mapping[Key, RuleState]:
        """Where each rule stands for each device."""
        return self._states

    @property
    def watches(self) -> Mapping[Key, Watch]:
        """Every rule on every device."""
        return self._by_key

    def warming(self, moment: Moment) -> tuple[Key, ...]:
        """Return the rules that have not heard enough yet to say that a cause is absent."""
        return tuple(
            w.key for w in self._judging if w.judge is not None and w.judge.is_warming(moment.boot_ms)
        )

    # --- readings and time ---------------------------------------------------------------------

    def take(self, snapshot: Snapshot, now: Now) -> list[Decision]:  # noqa: C901, PLR0912 - the hot path is one function
        """Judge one snapshot. Costs about a microsecond where nothing changes.

        What may be an old message (`may_clear` is false) is never taken for the absence of a cause.
        """
        decisions: list[Decision] = []
        if not snapshot.live:
            return decisions
        states, values, qualities = self._states, snapshot.values, snapshot.qualities
        for watch in self._watches.get(snapshot.device, ()):
            state = states[watch.key]
            condition = state.condition
            limit = watch.limit
            if limit is None:
                cause, value = self._judge(watch, state, snapshot)
            else:
                value = values[watch.index]
                if qualities is not None and qualities[watch.index] is not Quality.GOOD:
                    cause = _DOUBTS.get(qualities[watch.index], Cause.UNKNOWN)
                elif value is None or value != value:  # noqa: PLR0124 - NaN is no value
                    cause = Cause.UNKNOWN
                elif limit(value, condition is Condition.ACTIVE or condition is Condition.PENDING):
                    cause = Cause.PRESENT
                else:
                    cause = Cause.ABSENT
            if condition is Condition.NORMAL and cause is not Cause.PRESENT:
                continue
            if cause is Cause.ABSENT and not snapshot.may_clear:
                cause = Cause.UNKNOWN  # perhaps an old message played back
            decision = self._advance(watch, state, cause, value, now)
            if decision is not None:
                decisions.append(decision)
        if self._asked and snapshot.device in self._asked:
            for key in self._asked[snapshot.device]:
                self._ballots[key].hear(snapshot)
                self._count_votes(key, now, decisions)
        return decisions + self.book.remark(now) if decisions else decisions

    def tick(self, now: Now) -> list[Decision]:
        """Judge the time that has passed: delays, silent buses, actions to be planned again."""
        decisions: list[Decision] = []
        if self._unsure and now.trust is Clock.SYNCED:
            self._correct_times(now, decisions)
        for key in tuple(self._waiting):
            self._step(self._by_key[key], Cause.UNKNOWN, None, now, decisions)
        self._judge_silence(now, decisions)
        if now.moment.boot_ms - self._judged_ms >= JUDGE_TIME_EVERY_MS:
            self._judged_ms = now.moment.boot_ms
            self._judge_time(now, decisions)
        for key in self._ballots:
            self._count_votes(key, now, decisions)
        book = self.book
        decisions += book.replan(now)
        decisions += book.end_tests(now)
        if book.shelves and book.shelves.end_what_is_over(now):
            decisions.append(book.state_shelves())
        return decisions + book.remark(now) if decisions else decisions

    def _judge(self, watch: Watch, state: RuleState, snapshot: Snapshot) -> tuple[Cause, float | None]:
        judge = watch.judge
        if judge is None:
            return self._contact(snapshot), None
        sample = _sample(watch, snapshot)
        held = state.condition in (Condition.ACTIVE, Condition.PENDING)
        if not snapshot.may_clear and memory_ms(watch.rule):
            return Cause.UNKNOWN, None
        verdict = judge.judge(sample, held=held)
        if verdict.cause is Cause.UNKNOWN:
            return _DOUBTS.get(sample.quality, Cause.UNKNOWN), None
        return verdict.cause, verdict.value

    def _contact(self, snapshot: Snapshot) -> Cause:
        self._heard[snapshot.device] = snapshot.at.boot_ms
        return Cause.ABSENT if snapshot.answered else Cause.PRESENT

    def _judge_silence(self, now: Now, decisions: list[Decision]) -> None:
        """A device of which not even a failure is heard: its bus loop stands still."""
        boot_ms = now.moment.boot_ms
        for watch, rule in self._contacts:
            heard = self._heard.setdefault(rule.device, boot_ms)
            if boot_ms - heard > rule.after_ms and self._states[watch.key].condition is Condition.NORMAL:
                self._step(watch, Cause.PRESENT, None, now, decisions)

    def _judge_time(self, now: Now, decisions: list[Decision]) -> None:
        for watch in self._judging:
            held = self._states[watch.key].condition in (Condition.ACTIVE, Condition.PENDING)
            assert watch.judge is not None, "only those with a judge are listed"
            verdict = watch.judge.pass_time(now.moment.boot_ms, held=held)
            if verdict.cause is Cause.PRESENT:
                self._step(watch, verdict.cause, verdict.value, now, decisions)

    def _count_votes(self, key: Key, now: Now, decisions: list[Decision]) -> None:
        cause, yes = self._ballots[key].count(
            lambda rule, device: self._known_condition((rule, device), now),
            self.book.shelves.is_out_of_service,
        )
        if self._states[key].condition is not Condition.NORMAL or cause is Cause.PRESENT:
            self._step(self._by_key[key], cause, float(yes), now, decisions)

    def _known_condition(self, key: Key, now: Now) -> Condition | None:
        condition = self._states[key].condition
        judge = self._by_key[key].judge
        if condition is not Condition.NORMAL or judge is None:
            return condition
        return None if judge.is_warming(now.moment.boot_ms) else condition

    def _step(
        self, watch: Watch, cause: Cause, value: float | None, now: Now, decisions: list[Decision]
    ) -> None:
        decision = self._advance(watch, self._states[watch.key], cause, value, now)
        if decision is not None:
            decisions.append(decision)

    def _advance(
        self, watch: Watch, state: RuleState, cause: Cause, value: float | None, now: Now
    ) -> Decision | None:
        rule = watch.rule
        if cause is Cause.PRESENT and state.condition in _NOT_YET and not is_active(rule.schedule, now):
            cause = Cause.ABSENT
        if value is not None and cause in _KNOWN and value != state.value:
            state = replace(state, value=value)
            self._states[watch.key] = state
        if state.ended is not None and not self._is_unsent(state.ended.alarm):
            state = replace(state, ended=None)
        after, change = advance(watch.behaviour, state, cause, now)
        if cause is Cause.PRESENT and isinstance(rule, ThresholdRule) and rule.stages and value is not None:
            after, change = reach(watch.behaviour, (after, change), reached_stage(rule, value), now)
        if change is Change.NONE:
            if after is not state:
                self._states[watch.key] = after
            return None
        self._states[watch.key] = after
        self._note_waiting(watch.key, after)
        if change is Change.TIMER:
            # A device that misses a poll now and then must not wear out the memory card.
            told = not isinstance(rule, ContactRule)
            return Decision(key=watch.key, state=after, change=change) if told else None
        return self._tell(watch, state, after, change, now)

    def _tell(self, watch: Watch, before: RuleState, after: RuleState, change: Change, now: Now) -> Decision:
        alarm = after.alarm or before.alarm
        assert alarm is not None, "what is no timer belongs to an alarm"
        planned: tuple[PlannedAction, ...] = ()
        if change in (Change.RAISED, Change.RETURNED, Change.STAGED):
            planned = self.book.plan(watch, after, change, now)
        if after.alarm is None:
            planned = self.book.plan_end(watch, alarm, now.moment)
        ballot = self._ballots.get(watch.key)
        voters = ballot.as_voters() if ballot else ()
        decision = self.book.tell(watch, after, change, now, planned, alarm=alarm, voters=voters)
        if decision.alarm is not None:
            self._unsure.note_told(decision.alarm, before.unsure or after.unsure)
        return decision

    def _correct_times(self, now: Now, decisions: list[Decision]) -> None:
        """State anew, with the true time of their raise, the alarms that an unsure clock stamped."""
        for key in tuple(self._unsure.keys):
            before = self._states[key]
            after = self._states[key] = correct_state(before, now)
            self._note_waiting(key, after)
            alarm = self.book.alarms.get(before.alarm or "")
            if alarm is not None and before.unsure is not None and before.unsure.boot == now.boot:
                alarm = correct_alarm(alarm, before.unsure, now)
                self.book.keep(alarm)
                decisions.append(Decision(key=key, state=after, change=Change.CORRECTED, alarm=alarm))
        for alarm, unsure in self._unsure.take_over():
            corrected = correct_alarm(alarm, unsure, now)
            decisions.append(Decision(key=None, state=RuleState(), change=Change.CORRECTED, alarm=corrected))

    def _note_waiting(self, key: Key, state: RuleState) -> None:
        if state.since is not None:
            self._waiting.add(key)
        else:
            self._waiting.discard(key)
        self._unsure.note(key, state)

    # --- results and resets --------------------------------------------------------------------

    def settle(self, result: ActionResult) -> Decision | None:
        """Take the result of an action into its alarm; None when that alarm is over."""
        return self.book.settle(result)

    def reset(self, alarm_id: str, now: Now) -> list[Decision]:
        """Reset the latch of an alarm.

        Raises:
            RefusedError: no such alarm is open here, or its condition is not normal.
        """
        known = self.book.alarms.get(alarm_id)
        if known is None:
            raise RefusedError("no such alarm is open here")
        key = (known.rule, known.device)
        before = self._states.get(key, RuleState())
        after = reset(before) if key in self._states else None
        if after is None:
            raise RefusedError(f"the condition is {known.condition.value}, not normal")
        self._states[key] = after
        planned = self.book.plan_end(self._by_key[key], alarm_id, now.moment)
        alarm = msgspec.structs.replace(
            known, latched=False, condition=Condition.NORMAL, changed_at=now.moment.as_datetime()
        )
        self.book.keep(alarm)
        self._unsure.note_told(alarm, before.unsure)
        self._note_waiting(key, after)
        over = Decision(key=key, state=after, change=Change.RESET, alarm=alarm, actions=planned)
        return [over, *self.book.remark(now)]


def _sample(watch: Watch, snapshot: Snapshot) -> Sample:
    return Sample(snapshot.at.boot_ms, snapshot.values[watch.index], snapshot.quality_at(watch.index))
