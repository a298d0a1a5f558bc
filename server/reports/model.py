"""What a month amounts to, from its items. Pure. Places and hazards: nothing here knows a person."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil
from typing import Final

from server.items.model import Outcome
from wire.vocabulary import AlarmClass, Kind

COMES_BACK: Final = 2
"""A device with so many items in a month keeps coming back."""
MOST_ROWS: Final = 20
_NINE_TENTHS: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """An item as far as a report needs it.

    Attributes:
        item: its id.
        kind, class_: what it was about and how much was at stake.
        gateway, device: of what.
        device_name, where: as people say them.
        opened_at: when it began.
        accepted_at: when somebody first took it.
        closed_at: when it was over.
        outcome: what it turned out to be.
        gathers: it only gathers others (a visit, a storm): work, and no occurrence of its own.
        gathered: another item speaks for it: an occurrence, and no work of its own.
    """

    item: str
    kind: Kind
    class_: AlarmClass
    gateway: str
    device: str
    device_name: str
    where: str
    opened_at: datetime
    accepted_at: datetime | None
    closed_at: datetime | None
    outcome: Outcome | None
    gathers: bool = False
    gathered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """How often one kind and class came up, the month before beside it, and what it turned out to be."""

    kind: Kind
    class_: AlarmClass
    count: int
    before: int
    outcomes: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast items of one class were accepted and closed; None where none was.

    `median` and `p90` are values that occurred: half, and nine of ten, were at least as fast.
    """

    class_: AlarmClass
    count: int
    accepted: int
    accept_median: timedelta | None
    accept_p90: timedelta | None
    closed: int
    close_median: timedelta | None
    close_p90: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Returning:
    """A device with several items of one kind in the month."""

    device_name: str
    where: str
    kind: Kind
    count: int
    before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ageing:
    """A device that wants attention, and why.

    Attributes:
        device_name, where: as people say them.
        model: what it is.
        installed_on, ends_on, test_due_on: as registered.
        faults: how many faults and lost contacts it had in the month.
    """

    device_name: str
    where: str
    model: str
    installed_on: date | None
    ends_on: date | None
    test_due_on: date | None
    faults: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A month of a place."""

    raised: Sequence[Raised]
    paces: Sequence[Pace]
    returning: Sequence[Returning]
    ageing: Sequence[Ageing]
    open: Sequence[Matter]

    @property
    def count(self) -> int:
        """How many occurrences there were."""
        return sum(one.count for one in self.raised)

    @property
    def before(self) -> int:
        """How many there were in the month before."""
        return sum(one.before for one in self.raised)


def write_report(
    month: Sequence[Matter], before: Sequence[Matter], open_: Sequence[Matter], ageing: Sequence[Ageing]
) -> Report:
    """Return a report.

    Args:
        month: what was opened in it.
        before: what was opened in the month before.
        open_: what was opened by its end and is not closed.
        ageing: devices that want attention.
    """
    ranks = list(AlarmClass)
    return Report(
        raised=count_raised(month, before),
        paces=measure_paces(month),
        returning=find_returning(month, before)[:MOST_ROWS],
        ageing=ageing,
        open=sorted(
            (one for one in open_ if not one.gathered),
            key=lambda one: (ranks.index(one.class_), one.opened_at, one.item),
        ),
    )


def count_raised(month: Iterable[Matter], before: Iterable[Matter]) -> list[Raised]:
    """Return what came up, the gravest first; what only came up the month before is named with 0."""
    now = [one for one in month if not one.gathers]
    earlier = Counter((one.class_, one.kind) for one in before if not one.gathers)
    counts = Counter((one.class_, one.kind) for one in now)
    ranks, kinds = list(AlarmClass), list(Kind)
    keys = sorted(counts.keys() | earlier.keys(), key=lambda key: (ranks.index(key[0]), kinds.index(key[1])))
    return [
        Raised(
            kind=kind,
            class_=class_,
            count=counts[class_, kind],
            before=earlier[class_, kind],
            outcomes=Counter(
                one.outcome
                for one in now
                if (one.class_, one.kind) == (class_, kind) and one.outcome is not None
            ),
        )
        for class_, kind in keys
    ]


def measure_paces(month: Iterable[Matter]) -> list[Pace]:
    """Return how fast the work of each class was accepted and closed; a visit's matters count once."""
    work = [one for one in month if not one.gathered]
    found = []
    for class_ in AlarmClass:
        of_class = [one for one in work if one.class_ is class_]
        if not of_class:
            continue
        accept = [one.accepted_at - one.opened_at for one in of_class if one.accepted_at is not None]
        close = [one.closed_at - one.opened_at for one in of_class if one.closed_at is not None]
        found.append(
            Pace(
                class_=class_,
                count=len(of_class),
                accepted=len(accept),
                accept_median=quantile(accept, 0.5),
                accept_p90=quantile(accept, _NINE_TENTHS),
                closed=len(close),
                close_median=quantile(close, 0.5),
                close_p90=quantile(close, _NINE_TENTHS),
            )
        )
    return found


def quantile(values: Sequence[timedelta], part: float) -> timedelta | None:
    """Return the smallest value that at least a part of all do not exceed; None of none."""
    return sorted(values)[max(ceil(part * len(values)) - 1, 0)] if values else None


def find_returning(month: Iterable[Matter], before: Iterable[Matter]) -> list[Returning]:
    """Return the devices that keep coming back, the most frequent first."""
    groups: dict[tuple[str, str, Kind], list[Matter]] = {}
    for one in month:
        if not one.gathers:
            groups.setdefault((one.gateway, one.device, one.kind), []).append(one)
    earlier = Counter((one.gateway, one.device, one.kind) for one in before if not one.gathers)
    found = [
        Returning(
            device_name=group[-1].device_name or group[-1].device,
            where=group[-1].where,
            kind=key[2],
            count=len(group),
            before=earlier[key],
        )
        for key, group in groups.items()
        if len(group) >= COMES_BACK
    ]
    return sorted(found, key=lambda one: (-one.count, -one.before, one.where, one.device_name))
