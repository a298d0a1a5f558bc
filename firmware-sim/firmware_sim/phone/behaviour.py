"""How a provider misbehaves: rules that an operator of the simulation or a scenario lays down."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Provider(StrEnum):
    """Whose behaviour is meant."""

    WECOM = "wecom"
    WECOM_ROBOT = "wecom_robot"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"
    SMS = "sms"
    VOICE = "voice"
    WEBHOOK = "webhook"


class Misbehaviour(StrEnum):
    """What goes wrong."""

    OUTAGE = "outage"
    """Answers 503."""
    HANG = "hang"
    """Takes the connection and does not answer for a minute."""
    SLOW = "slow"
    """Answers after `seconds`."""
    GARBAGE = "garbage"
    """Answers 200 with a page of HTML, as a gateway in between does."""
    ERROR = "error"
    """Refuses with the provider's own error `code`."""
    LOST = "lost"
    """Says ok, and nothing ever arrives; no receipt comes."""
    UNDELIVERED = "undelivered"
    """Says ok, then reports that it did not arrive (`code`); for SMS and voice."""
    NO_RECEIPT = "no_receipt"
    """It arrives, and no receipt comes; for SMS and voice."""
    REPEATED_RECEIPT = "repeated_receipt"
    """Every receipt and every press comes `times` times."""
    LATE = "late"
    """Says ok, and it arrives `seconds` later."""


class Rule(BaseModel):
    """One misbehaviour, of one provider, perhaps for one person only and for so many requests only."""

    model_config = ConfigDict(extra="forbid")

    provider: Provider
    kind: Misbehaviour
    person: str | None = None
    code: str = ""
    seconds: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    times: Annotated[int, Field(ge=1, le=20)] = 2
    count: Annotated[int, Field(ge=1)] | None = None
    """How many requests it lasts; None is until it is taken away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """All rules that apply to one request, together."""

    outage: bool = False
    hang: bool = False
    garbage: bool = False
    lost: bool = False
    undelivered: bool = False
    latency_s: float = 0.0
    late_s: float = 0.0
    error: str | None = None
    code: str = ""
    receipts: int = 1


@dataclass(slots=True)
class Rulebook:
    """The rules in force."""

    rules: list[Rule] = field(default_factory=list)
    _left: dict[int, int] = field(default_factory=dict)

    def lay_down(self, rule: Rule) -> None:
        """Add a rule; one of the same provider, kind and person is replaced."""
        self.lift(rule.provider, kind=rule.kind, person=rule.person, every_person=False)
        self.rules.append(rule)
        if rule.count is not None:
            self._left[id(rule)] = rule.count

    def lift(
        self,
        provider: Provider | None = None,
        *,
        kind: Misbehaviour | None = None,
        person: str | None = None,
        every_person: bool = True,
    ) -> None:
        """Take rules away; what is not named matches all."""
        gone = [
            rule
            for rule in self.rules
            if provider in (None, rule.provider)
            and kind in (None, rule.kind)
            and (rule.person == person or (every_person and person is None))
        ]
        for rule in gone:
            self._remove(rule)

    def meet(self, provider: Provider, person: str | None) -> Behaviour:
        """Return how a request fares, counting it against rules that last for so many."""
        met = [
            rule
            for rule in self.rules
            if rule.provider is provider and (rule.person is None or rule.person == person)
        ]
        for rule in met:
            if id(rule) in self._left:
                self._left[id(rule)] -= 1
                if self._left[id(rule)] == 0:
                    self._remove(rule)
        return _combine(met)

    def _remove(self, rule: Rule) -> None:
        self.rules = [one for one in self.rules if one is not rule]
        self._left.pop(id(rule), None)


def _combine(rules: list[Rule]) -> Behaviour:
    by_kind = {rule.kind: rule for rule in rules}

    def seconds(kind: Misbehaviour) -> float:
        return by_kind[kind].seconds if kind in by_kind else 0.0

    def code(kind: Misbehaviour) -> str | None:
        return by_kind[kind].code if kind in by_kind else None

    repeated = by_kind.get(Misbehaviour.REPEATED_RECEIPT)
    return Behaviour(
        outage=Misbehaviour.OUTAGE in by_kind,
        hang=Misbehaviour.HANG in by_kind,
        garbage=Misbehaviour.GARBAGE in by_kind,
        lost=Misbehaviour.LOST in by_kind,
        undelivered=Misbehaviour.UNDELIVERED in by_kind,
        latency_s=seconds(Misbehaviour.SLOW),
        late_s=seconds(Misbehaviour.LATE),
        error=code(Misbehaviour.ERROR),
        code=code(Misbehaviour.UNDELIVERED) or "",
        receipts=0 if Misbehaviour.NO_RECEIPT in by_kind else (repeated.times if repeated else 1),
    )
