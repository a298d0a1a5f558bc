"""What is kept from people, by whom, until when, and why. Pure.

Three reasons: a person shelved it, its device is out of service, or another alarm that is itself shown
explains it. Whatever the reason, the rule goes on being judged and its alarm is told, marked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edge.model import Moment
from edge.rules.state import Now
from wire.messages import AlarmState, SuppressionState
from wire.vocabulary import AlarmClass, Condition, Kind, Mode, Suppression
from wire.vocabulary import Clock as ClockTrust

LONGEST_SHELVED_MS: Final = 24 * 3_600_000
"""A shelf is for a shift, not for ever (ISA-18.2: shelving is limited in time)."""
LONGEST_OUT_OF_SERVICE_MS: Final = 31 * 86_400_000


class RefusedError(Exception):
    """An order that cannot be carried out; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What a person took out of sight.

    Attributes:
        device: whose alarms.
        rule: of which rule; None for the whole device, out of service.
        began: when.
        boot: the machine start to which `began` belongs.
        lasts_ms: for how long.
        by: who ordered it, and the second person after a comma.
        why: the reason.
        life_safety: whether an alarm of that class may hide behind it.
    """

    device: str
    rule: str | None
    began: Moment
    boot: str
    lasts_ms: int
    by: str
    why: str
    life_safety: bool

    @property
    def suppression(self) -> Suppression:
        """What kind it is."""
        return Suppression.OUT_OF_SERVICE if self.rule is None else Suppression.SHELVED

    @property
    def until(self) -> datetime:
        """When it ends, by the wall clock."""
        return Moment(wall_ms=self.began.wall_ms + self.lasts_ms, boot_ms=0).as_datetime()


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """How an alarm is marked."""

    suppression: Suppression = Suppression.NONE
    until: datetime | None = None
    by: str = ""
    why: str = ""
    explained_by: str | None = None

    def as_fields(self) -> dict[str, object]:
        """Return them as the fields of an alarm."""
        return {
            "suppression": self.suppression,
            "suppressed_until": self.until,
            "suppressed_by": self.by,
            "suppressed_why": self.why,
            "explained_by": self.explained_by,
        }


SHOWN: Final = Marks()


def is_over(shelf: Shelf, now: Now) -> bool:
    """Tell whether a shelf has ended.

    Within one start of the machine the boot clock tells, across a restart a trusted wall clock. Without
    one, what hides a life-safety alarm has ended; the rest lasts once more as long as was ordered.
    """
    if shelf.boot == now.boot:
        return now.moment.boot_ms - shelf.began.boot_ms >= shelf.lasts_ms
    if now.trust is ClockTrust.SYNCED:
        return not 0 <= now.moment.wall_ms - shelf.began.wall_ms < shelf.lasts_ms
    return shelf.life_safety or now.moment.boot_ms >= shelf.lasts_ms


def build_shelf(
    *,
    device: str,
    rule: str | None,
    until: datetime,
    issuer: str,
    agreed_by: str,
    reason: str,
    life_safety: bool,
    now: Now,
) -> Shelf:
    """Check an order to hide something, and return what follows from it.

    Raises:
        RefusedError: no reason, no issuer, the end is past or too far away, or a second person is missing.
    """
    issuer, agreed_by, reason = issuer.strip(), agreed_by.strip(), reason.strip()
    longest_ms = LONGEST_OUT_OF_SERVICE_MS if rule is None else LONGEST_SHELVED_MS
    lasts_ms = round(until.timestamp() * 1000) - now.moment.wall_ms
    if not reason:
        raise RefusedError("no reason was given")
    if not issuer:
        raise RefusedError("nobody is named as the one who ordered it")
    if now.trust is not ClockTrust.SYNCED:
        raise RefusedError("the gateway's clock is not set, so it could not tell when this ends")
    if lasts_ms <= 0:
        raise RefusedError("its end lies in the past")
    if lasts_ms > longest_ms:
        raise RefusedError(f"at most {longest_ms // 3_600_000} hours are allowed")
    if life_safety and agreed_by in ("", issuer):
        raise RefusedError("life safety: a second person, not the issuer, has to agree")
    return Shelf(
        device=device,
        rule=rule,
        began=now.moment,
        boot=now.boot,
        lasts_ms=lasts_ms,
        by=f"{issuer}, {agreed_by}" if agreed_by else issuer,
        why=reason,
        life_safety=life_safety,
    )


def marks_of_shelf(shelf: Shelf) -> Marks:
    """Return how the alarms behind a shelf are marked."""
    return Marks(suppression=shelf.suppression, until=shelf.until, by=shelf.by, why=shelf.why)


def may_be_explained(kind: Kind, class_: AlarmClass) -> bool:
    """Tell whether an alarm may be hidden because another explains it: never gas, fire, or a life."""
    return kind not in (Kind.GAS, Kind.FIRE) and class_ is not AlarmClass.LIFE_SAFETY


def find_cause(
    effect: AlarmState, causes: tuple[str, ...], alarms: Iterable[AlarmState]
) -> AlarmState | None:
    """Return the alarm that explains another, the oldest of several; None when it is to be shown.

    Args:
        effect: the alarm that may be explained.
        causes: the rules whose alarms explain it.
        alarms: those that are not cleared.
    """
    if not causes or not may_be_explained(effect.kind, effect.class_) or effect.mode is not Mode.LIVE:
        return None
    found = [
        alarm
        for alarm in alarms
        if alarm.rule in causes
        and alarm.alarm != effect.alarm
        and alarm.mode is Mode.LIVE
        and alarm.suppression is Suppression.NONE
        and alarm.condition in (Condition.ACTIVE, Condition.CLEARING)
    ]
    return min(found, key=lambda alarm: (alarm.raised_at, alarm.alarm), default=None)


def marks_of_cause(cause: AlarmState) -> Marks:
    """Return how an alarm is marked that another explains."""
    return Marks(
        suppression=Suppression.BY_DESIGN,
        why=(cause.sentence or cause.rule)[:1000],
        explained_by=cause.alarm,
    )


class Shelves:
    """All that is shelved or out of service on one gateway."""

    def __init__(self) -> None:
        """Begin empty."""
        self._shelves: dict[tuple[str, str | None], Shelf] = {}

    @property
    def all(self) -> tuple[Shelf, ...]:
        """What is in force, in the order of its beginning."""
        return tuple(self._shelves.values())

    def __bool__(self) -> bool:
        """Tell whether anything is hidden."""
        return bool(self._shelves)

    def load(self, shelves: Iterable[Shelf]) -> None:
        """Take up what was in force."""
        self._shelves = {(shelf.device, shelf.rule): shelf for shelf in shelves}

    def put(self, shelf: Shelf) -> None:
        """Hide; a later order for the same replaces an earlier one."""
        self._shelves[shelf.device, shelf.rule] = shelf

    def take_away(self, device: str, rule: str | None) -> bool:
        """Show again; returns whether it was hidden."""
        return self._shelves.pop((device, rule), None) is not None

    def end_what_is_over(self, now: Now) -> bool:
        """Show again what was hidden for long enough; returns whether anything was."""
        over = [key for key, shelf in self._shelves.items() if is_over(shelf, now)]
        for key in over:
            del self._shelves[key]
        return bool(over)

    def find(self, device: str, rule: str) -> Shelf | None:
        """Return what hides a rule on a device: the whole device out of service comes first."""
        return self._shelves.get((device, None)) or self._shelves.get((device, rule))

    def is_out_of_service(self, device: str) -> bool:
        """Tell whether a device is out of service."""
        return (device, None) in self._shelves

    def as_states(self) -> tuple[SuppressionState, ...]:
        """Return them as the status tells them."""
        return tuple(
            SuppressionState(
                device=shelf.device,
                rule=shelf.rule,
                suppression=shelf.suppression,
                until=shelf.until,
                by=shelf.by,
                why=shelf.why,
            )
            for shelf in self._shelves.values()
        )
