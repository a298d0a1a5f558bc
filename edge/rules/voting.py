"""Voting: at least k of n say yes; all of, any of. Pure."""

from collections.abc import Callable, Iterable, Mapping

from edge.model import Snapshot
from edge.rules.model import VoteRule
from edge.rules.step import Cause
from edge.rules.threshold import prepare_limit
from wire.messages import Voter as ToldVoter
from wire.vocabulary import Condition, Quality, Vote


def tally(votes: Iterable[Vote], need: int) -> tuple[Cause, int]:
    """Return the cause, and how many said yes.

    Whoever cannot tell may turn out either way: the cause is absent only when even their yes would
    not be enough.
    """
    yes = unknown = 0
    for vote in votes:
        yes += vote is Vote.YES
        unknown += vote is Vote.UNKNOWN
    if yes >= need:
        return Cause.PRESENT, yes
    return (Cause.ABSENT if yes + unknown < need else Cause.UNKNOWN), yes


def vote_of_condition(condition: Condition, *, known: bool) -> Vote:
    """Return the vote of another rule.

    Args:
        condition: where it stands.
        known: whether its last reading was a good one.
    """
    if condition in (Condition.ACTIVE, Condition.CLEARING):
        return Vote.YES
    return Vote.NO if known else Vote.UNKNOWN


def vote_of_value(beyond: bool | None, quality: Quality, before: Vote) -> Vote:
    """Return the vote of a point.

    Args:
        beyond: whether its value is beyond the limit; None when there is no good value.
        quality: of the value.
        before: what it said last: a message that does not name the point leaves that as it is.
    """
    if beyond is None:
        return before if quality is Quality.STALE else Vote.UNKNOWN
    return Vote.YES if beyond else Vote.NO


class Ballot:
    """What each of those asked said last."""

    def __init__(self, rule: VoteRule, *, indices: Mapping[int, int], units: Mapping[int, str]) -> None:
        """Know where to find each one's point.

        Args:
            rule: whom to ask, and how many must say yes.
            indices: by the voter's position, the index of its point in its device's snapshots; none for
                a rule that watches the device itself.
            units: by the voter's position, its point's unit.
        """
        self._rule = rule
        self._indices = indices
        self._units = units
        asks_points = rule.above is not None or rule.below is not None
        self._is_beyond = (
            prepare_limit(above=rule.above, below=rule.below, hysteresis=rule.hysteresis)
            if asks_points
            else None
        )
        count = len(rule.voters)
        self._votes = [Vote.UNKNOWN] * count
        self._known = [False] * count
        self._values: list[float | None] = [None] * count
        self._qualities = [Quality.STALE] * count

    def hear(self, snapshot: Snapshot) -> None:
        """Take what a device says; one that may be played back can only add a yes."""
        for position, voter in enumerate(self._rule.voters):
            if voter.device == snapshot.device:
                self._hear(position, snapshot)

    def _hear(self, position: int, snapshot: Snapshot) -> None:
        index = self._indices.get(position)
        if index is None:
            self._known[position] = True
            return
        value, quality = snapshot.values[index], snapshot.quality_at(index)
        good = value is not None and quality is Quality.GOOD and value == value  # noqa: PLR0124 - NaN
        if quality is not Quality.STALE:
            self._known[position] = good
            self._values[position], self._qualities[position] = value, quality
        if self._is_beyond is None:
            return
        before = self._votes[position]
        beyond = self._is_beyond(value, before is Vote.YES) if good and value is not None else None
        vote = vote_of_value(beyond, quality, before)
        if snapshot.may_clear or vote is Vote.YES:
            self._votes[position] = vote

    def count(
        self, condition_of: Callable[[str, str], Condition | None], is_away: Callable[[str], bool]
    ) -> tuple[Cause, int]:
        """Return the cause, and how many say yes.

        Args:
            condition_of: where a rule on a device stands; None while it cannot tell.
            is_away: whether a device is out of service: its vote is unknown.
        """
        for position, voter in enumerate(self._rule.voters):
            if voter.rule:
                condition = condition_of(voter.rule, voter.device)
                known = condition is not None and self._known[position]
                self._votes[position] = vote_of_condition(condition or Condition.NORMAL, known=known)
        counted = [
            Vote.UNKNOWN if is_away(voter.device) else vote
            for voter, vote in zip(self._rule.voters, self._votes, strict=True)
        ]
        return tally(counted, self._rule.need)

    def as_voters(self) -> tuple[ToldVoter, ...]:
        """Return what each said, as an alarm tells it."""
        return tuple(
            ToldVoter(
                device=voter.device,
                point=voter.point or None,
                rule=voter.rule or None,
                vote=self._votes[position],
                value=self._values[position],
                unit=self._units.get(position, ""),
                quality=self._qualities[position] if position in self._indices else Quality.GOOD,
            )
            for position, voter in enumerate(self._rule.voters)
        )
