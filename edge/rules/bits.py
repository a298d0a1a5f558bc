"""Status bits: are watched bits of a word as they should not be? Pure."""

from edge.rules.judge import NOTHING, Sample, Timeless, Verdict
from edge.rules.model import BitsRule
from edge.rules.step import Cause


class BitsJudge(Timeless):
    """Judges the bits of a word."""

    def __init__(self, rule: BitsRule) -> None:
        """Take the rule."""
        self._mask = rule.mask
        self._set = rule.set_
        self._all = rule.all_

    def judge(self, sample: Sample, *, held: bool) -> Verdict:
        """Judge one word; a value that is no whole number from 0 says nothing."""
        del held
        value = sample.value
        if not sample.good or value is None or value < 0 or value != int(value):
            return NOTHING
        word = int(value)
        found = (word if self._set else ~word) & self._mask
        present = found == self._mask if self._all else found != 0
        return Verdict(Cause.PRESENT if present else Cause.ABSENT, value)
