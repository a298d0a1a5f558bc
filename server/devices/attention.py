"""What needs a maintainer's attention, each concern with where it is read from, the most dangerous first.

Nothing here is a finding of its own: a gateway says that a device is silent, the register says when a life
ends. This only gathers it. What somebody has shelved or taken out of service is known, and not listed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    Subquery,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union,
    union_all,
)

from server.access.model import Reach
from server.access.scopes import devices_within, gateways_within
from server.alarms.tables import Alarm, stands
from server.clock import STREET_ZONE
from server.db.session import ReadSession
from server.devices.concerns import BY_DANGER, Concern, Matter, Whom
from server.devices.service import GATEWAY_DEVICE, SILENT_AFTER
from server.devices.tables import Device, DeviceCondition, Gateway
from wire.vocabulary import Kind, Mode, Presence, Suppression

QUEUE_AFTER: Final = timedelta(minutes=2)
"""A queue that was not empty for so long is not just a busy moment."""
SOON: Final = timedelta(days=30)
TEST_EVERY: Final = timedelta(days=365)
"""How long a test lasts where the register does not say when the next is due."""
LIVES: Final = frozenset({Kind.GAS.value, Kind.FIRE.value})
"""Kinds of devices that watch over lives."""
_OWN_RULES: Final = ("gateway-silent", "gateway-clock", "gateway-certificate")
"""What gateways are listed for by other columns."""


_Rows = Select[Any]
_KEPT: Final = 128
"""Statements made once a day and reader, not for each page: making one takes as long as asking it."""


def _today(now: datetime) -> date:
    return now.astimezone(STREET_ZONE).date()


_LIKE: Final[Mapping[Concern, tuple[str, ...]]] = {
    Concern.WEAK: ("%battery%", "%rssi%", "%signal%", "%link_quality%"),
    Concern.DIRTY: ("%dirty%", "%contamina%"),
    Concern.FAULTY: ("%fault%",),
}
"""Points whose alarms are about the device and not about what it watches; see the profiles."""
_TOLD: Final = (Concern.SILENT, Concern.FAULTY, Concern.WEAK, Concern.DIRTY)
"""Concerns of devices that gateways tell; the others the register does."""
_REGISTERED: Final = (Concern.PAST_LIFE, Concern.UNTESTED, Concern.ENDING, Concern.UNHEARD)


def _concern_of_alarm() -> ColumnElement[Any]:
    """Return what an alarm that stands says of its device; nothing where it is about what is watched."""
    own = Alarm.device == GATEWAY_DEVICE
    return case(
        (own & Alarm.rule.in_(_OWN_RULES), null()),
        (own, literal(Concern.FAULTY.value)),
        (Alarm.kind == Kind.CONTACT, literal(Concern.SILENT.value)),
        *(
            (or_(*(Alarm.point.like(pattern) for pattern in patterns)), literal(concern.value))
            for concern, patterns in _LIKE.items()
        ),
        else_=null(),
    )


def _stands(*, own: bool) -> ColumnElement[bool]:
    """Return the condition of an alarm that stands: of a gateway itself, else of a device."""
    return and_(
        stands(),
        Alarm.device == GATEWAY_DEVICE if own else Alarm.device != GATEWAY_DEVICE,
        Alarm.mode == Mode.LIVE,
        Alarm.suppression == Suppression.NONE,
    )


@cache  # one of few statements, which says neither who asks nor when
def _told(*, own: bool, only: Concern) -> Subquery:
    """Return what alarms that stand say and, where no rule watches it, what the newest readings say.

    Args:
        own: of gateways themselves, else of devices.
        only: one concern.
    """
    concern = _concern_of_alarm()
    stated = select(
        concern.label("concern"),
        Alarm.gateway,
        Alarm.device,
        Alarm.raised_at.label("since"),
        Alarm.value,
        Alarm.unit,
        Alarm.item,
    ).where(_stands(own=own), concern == only.value)
    read = select(
        DeviceCondition.concern,
        DeviceCondition.gateway,
        DeviceCondition.device,
        DeviceCondition.since,
        DeviceCondition.value,
        DeviceCondition.unit,
        cast(null(), String(36)).label("item"),
    ).where(DeviceCondition.concern == only.value)
    both = stated.subquery() if own else union_all(stated, read).subquery()
    return (
        select(
            both.c.concern,
            both.c.gateway,
            both.c.device,
            func.min(both.c.since).label("since"),
            func.min(both.c.value).label("value"),
            func.max(both.c.unit).label("unit"),
            func.max(both.c.item).label("item"),
        )
        .group_by(both.c.concern, both.c.gateway, both.c.device)
        .subquery()
    )


def _in_use(reach: Reach) -> ColumnElement[bool]:
    return and_(Device.adopted, Device.retired_at.is_(None), devices_within(reach))


def _of_whom(whom: Whom) -> ColumnElement[bool]:
    return Device.kind.in_(LIVES) if whom is Whom.LIVES else Device.kind.not_in(LIVES)


def _register(concern: Concern, today: date) -> tuple[ColumnElement[bool], Any]:
    """Return the condition of a concern that the register tells, and the column that says since when."""
    overdue = or_(
        Device.test_due_on < today,
        and_(Device.test_due_on.is_(None), Device.tested_on < today - TEST_EVERY),
    )
    judged: dict[Concern, Callable[[], tuple[ColumnElement[bool], Any]]] = {
        Concern.PAST_LIFE: lambda: (Device.ends_on < today, Device.ends_on),
        Concern.ENDING: lambda: (Device.ends_on.between(today, today + SOON), Device.ends_on),
        Concern.UNTESTED: lambda: (overdue, func.coalesce(Device.test_due_on, Device.tested_on)),
        Concern.UNHEARD: lambda: (Device.first_heard_at.is_(None), Device.installed_on),
    }
    return judged[concern]()


_PLACE: Final = (Device.gateway, Device.device, Device.name, Device.kind, Device.building, Device.floor)


@lru_cache(_KEPT)
def _device_rows(concern: Concern, whom: Whom, reach: Reach, today: date) -> _Rows:
    if concern in _TOLD:
        found = _told(own=False, only=concern)
        here = (found.c.gateway == Device.gateway) & (found.c.device == Device.device)
        return (
            select(*_PLACE, Device.door, found.c.since, found.c.value, found.c.unit, found.c.item)
            .join(found, here)
            .where(_in_use(reach), _of_whom(whom))
            .order_by(found.c.since, Device.gateway, Device.device)
        )
    condition, since = _register(concern, today)
    return (
        select(
            *_PLACE,
            Device.door,
            since.label("since"),
            null().label("value"),
            literal("").label("unit"),
            null().label("item"),
        )
        .where(condition, _in_use(reach), _of_whom(whom))
        .order_by(since, Device.gateway, Device.device)
    )


def _gateway(concern: Concern, now: datetime) -> tuple[ColumnElement[bool], Any, Any]:
    """Return the condition of a gateway's concern, since when, and what was measured."""
    silent = or_(Gateway.heard_at < now - SILENT_AFTER, Gateway.presence == Presence.OFFLINE)
    ends_at = Gateway.certificate_ends_at
    judged: dict[Concern, Callable[[], tuple[ColumnElement[bool], Any, Any]]] = {
        Concern.SILENT: lambda: (silent, Gateway.heard_at, null()),
        Concern.UNHEARD: lambda: (Gateway.heard_at.is_(None), Gateway.installed_on, null()),
        Concern.QUEUE: lambda: (
            Gateway.queue_since <= now - QUEUE_AFTER,
            Gateway.queue_since,
            Gateway.waiting_alarms + Gateway.waiting_readings,
        ),
        Concern.CLOCK: lambda: (
            Gateway.clock_wrong_since.is_not(None),
            Gateway.clock_wrong_since,
            Gateway.clock_offset_ms / 1000.0,
        ),
        Concern.CERTIFICATE: lambda: (ends_at <= now + SOON, ends_at, null()),
    }
    return judged[concern]()


def _gateway_rows(concern: Concern, reach: Reach, now: datetime) -> _Rows:
    inside = (Gateway.registered, gateways_within(reach))
    place = (
        Gateway.id.label("gateway"),
        literal(GATEWAY_DEVICE).label("device"),
        Gateway.name,
        literal("").label("kind"),
        Gateway.building,
        literal("").label("floor"),
        literal("").label("door"),
    )
    if concern is Concern.FAULTY:
        found = _told(own=True, only=concern)
        return (
            select(*place, found.c.since, found.c.value, found.c.unit, found.c.item)
            .join(found, found.c.gateway == Gateway.id)
            .where(*inside)
            .order_by(found.c.since, Gateway.id)
        )
    condition, since, value = _gateway(concern, now)
    return (
        select(
            *place,
            since.label("since"),
            value.label("value"),
            literal("").label("unit"),
            null().label("item"),
        )
        .where(condition, *inside)
        .order_by(since, Gateway.id)
    )


def _rows(concern: Concern, whom: Whom, reach: Reach, now: datetime) -> _Rows:
    if whom is Whom.GATEWAY:
        return _gateway_rows(concern, reach, now)
    return _device_rows(concern, whom, reach, _today(now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many there are.

    Attributes:
        of: of each concern and of whom.
        without_life, without_test: devices of which the register does not say it: nobody knows whether
            their life or their test is over.
    """

    of: Mapping[tuple[Concern, Whom], int]
    without_life: int
    without_test: int

    def total(self, only: Concern | None = None) -> int:
        """Return how many lines there are, of one concern or of all."""
        return sum(number for (concern, _), number in self.of.items() if only in (None, concern))


async def count_matters(session: ReadSession, reach: Reach, *, now: datetime) -> Counts:
    """Return how many lines the list has within a reach."""
    of: dict[tuple[Concern, Whom], int] = dict.fromkeys(BY_DANGER, 0)
    for row in (await session.execute(_count_told(reach))).mappings():
        concern, total, lives = Concern(row["concern"]), row["total"], row["lives"]
        of[concern, Whom.LIVES], of[concern, Whom.OTHER] = lives, total - lives
    numbers = await _count_devices(session, reach, _today(now))
    for concern in _REGISTERED:
        total, lives = numbers[concern.value]
        of[concern, Whom.LIVES], of[concern, Whom.OTHER] = lives, total - lives
    gateways = [concern for concern, whom in BY_DANGER if whom is Whom.GATEWAY]
    judged = {one: _gateway(one, now)[0] for one in gateways if one is not Concern.FAULTY}
    query = select(*(func.sum(case((condition, 1), else_=0)) for condition in judged.values()))
    query = query.where(Gateway.registered, gateways_within(reach))
    for concern, number in zip(judged, (await session.execute(query)).one(), strict=True):
        of[concern, Whom.GATEWAY] = number or 0
    faulty = _gateway_rows(Concern.FAULTY, reach, now).order_by(None).subquery()
    of[Concern.FAULTY, Whom.GATEWAY] = await session.scalar(select(func.count()).select_from(faulty)) or 0
    return Counts(of=of, without_life=numbers[_NO_LIFE][0], without_test=numbers[_NO_TEST][0])


def _lives() -> ColumnElement[int]:
    return func.sum(case((Device.kind.in_(LIVES), 1), else_=0))


@cache
def _told_of_whom() -> CompoundSelect[Any]:
    """Return which device is told of for what, once each."""
    concern = _concern_of_alarm()
    stated = select(concern.label("concern"), Alarm.gateway, Alarm.device)
    stated = stated.where(_stands(own=False), concern.is_not(None))
    return union(stated, select(DeviceCondition.concern, DeviceCondition.gateway, DeviceCondition.device))


@lru_cache(_KEPT)
def _count_told(reach: Reach) -> _Rows:
    found = _told_of_whom().subquery()
    here = (found.c.gateway == Device.gateway) & (found.c.device == Device.device)
    columns = (found.c.concern, func.count().label("total"), _lives().label("lives"))
    query = select(*columns).select_from(found).join(Device, here)
    return query.where(_in_use(reach)).group_by(found.c.concern)


_NO_LIFE: Final = "no life"
_NO_TEST: Final = "no test"


@lru_cache(_KEPT)
def _registered_of(reach: Reach, today: date) -> Select[Any] | CompoundSelect[Any]:
    """Return a row for each concern that the register tells: how many devices in use, how many guard lives.

    Of the whole street each condition is a stretch of an index; of a part of it all devices are looked at,
    once, for one row with the numbers of all.
    """
    wanted = {
        **{concern.value: _register(concern, today)[0] for concern in _REGISTERED},
        _NO_LIFE: Device.ends_on.is_(None),
        _NO_TEST: Device.test_due_on.is_(None) & Device.tested_on.is_(None),
    }
    in_use = _in_use(reach)
    if reach.street:
        return union_all(
            *(
                select(literal(name), func.count(), _lives()).select_from(Device).where(condition, in_use)
                for name, condition in wanted.items()
            )
        )
    both = [(one, one & Device.kind.in_(LIVES)) for one in wanted.values()]
    return select(*(func.sum(case((one, 1), else_=0)) for pair in both for one in pair)).where(in_use)


async def _count_devices(session: ReadSession, reach: Reach, today: date) -> dict[str, tuple[int, int]]:
    rows = (await session.execute(_registered_of(reach, today))).all()
    if reach.street:
        return {name: (total, lives or 0) for name, total, lives in rows}
    numbers = [number or 0 for number in rows[0]]
    names = (*(concern.value for concern in _REGISTERED), _NO_LIFE, _NO_TEST)
    return dict(zip(names, zip(numbers[::2], numbers[1::2], strict=True), strict=True))


async def list_matters(
    session: ReadSession,
    reach: Reach,
    counts: Counts,
    *,
    now: datetime,
    only: Concern | None = None,
    first: int = 0,
    most: int = 50,
) -> list[Matter]:
    """Return a part of the list, the most dangerous first.

    Args:
        session: where to read.
        reach: of whoever looks.
        counts: of `count_matters` in the same session.
        now: the server's time.
        only: one concern; all if not given.
        first: how many to leave out at the beginning.
        most: how many at most.
    """
    found: list[Matter] = []
    for concern, whom in BY_DANGER:
        if only is not None and concern is not only:
            continue
        here = counts.of[concern, whom]
        if first >= here or len(found) >= most:
            first = max(0, first - here)
            continue
        query = _rows(concern, whom, reach, now).offset(first).limit(most - len(found))
        found += [Matter(concern=concern, **row) for row in (await session.execute(query)).mappings()]
        first = 0
    return found


async def find_matter(
    session: ReadSession, reach: Reach, concern: Concern, gateway: str, device: str, *, now: datetime
) -> Matter | None:
    """Return one line of the list, or None where it is not, or no longer, on it."""
    for one, whom in BY_DANGER:
        if one is not concern or (whom is Whom.GATEWAY) is not (device == GATEWAY_DEVICE):
            continue
        inside = _rows(concern, whom, reach, now).order_by(None).subquery()
        query = select(inside).where(inside.c.gateway == gateway, inside.c.device == device)
        row = (await session.execute(query)).mappings().first()
        if row is not None:
            return Matter(concern=concern, **row)
    return None
