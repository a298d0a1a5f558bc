"""The card of an item: what somebody who may act needs to know, made from facts. Pure.

It speaks in codes and in texts that were chosen for the reader's language; pages put codes into words.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from server.items.model import ItemState
from server.notify.render import UNREADABLE_TITLE, title_of
from server.people.model import Role
from wire.vocabulary import ActionState, AlarmClass, Condition, Kind, Measure, Mode, Quality

NEAR_M: Final = 300.0
"""A camera farther away than this shows something else."""
BELIEVED: Final = timedelta(days=7)
"""How long before its item an alarm may say it began: a gateway without time says 1970."""
_EARTH_M: Final = 6_371_008.8
_MOST_LINES: Final = 3
_STAFFED: Final = (Role.DUTY_ROOM, Role.DESK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A position; the two compared must be in the same datum."""

    longitude: float
    latitude: float
    datum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFacts:
    """A camera of the register."""

    code: str
    name: str
    building: str | None
    at: Point | None
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmFacts:
    """One alarm as its gateway last stated it."""

    value: float | None = None
    unit: str = ""
    limit: float | None = None
    measure: Measure = Measure.VALUE
    window_ms: int = 0
    voters: Sequence[Mapping[str, Any]] = ()
    votes_needed: int = 0
    quality: Quality = Quality.GOOD
    condition: Condition = Condition.ACTIVE
    latched: bool = False
    count: int = 1
    sentence: str = ""
    sentence_en: str = ""
    actions: Sequence[Mapping[str, Any]] = ()
    readable: bool = True
    over: bool = False
    """Cleared, or no longer known to its gateway."""
    raised_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFacts:
    """Somebody who was told, or who can be called."""

    person: str
    name: str
    role: Role | None = None
    phone: str | None = None
    told_at: datetime | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """Everything a card is made of."""

    kind: Kind
    class_: AlarmClass
    mode: Mode
    state: ItemState
    owner: str | None
    accepted: bool
    opened_at: datetime
    where: str = ""
    building: str = ""
    """By name."""
    building_code: str | None = None
    floor: str = ""
    door: str = ""
    device_name: str = ""
    at: Point | None = None
    alarms: Sequence[AlarmFacts] = ()
    """Oldest first."""
    do_now: Sequence[str] = ()
    """The playbook's lines in the reader's language."""
    told: Sequence[PersonFacts] = ()
    chain: Sequence[PersonFacts] = ()
    """Who can be reached now, the nearest first."""
    cameras: Sequence[CameraFacts] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who reads the card, and what of it they may see."""

    person: str | None = None
    """By code; null for somebody of the desk."""
    english: bool = False
    numbers_of: Collection[str] | None = field(default=())
    """Whose telephone number they may see; null means everybody's."""
    names_of: Collection[str] | None = None
    """Whose name they may see; null means everybody's."""
    camera_address: bool = False
    """Whether they may see where a camera's picture is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where it is."""

    text: str
    """As a person says it; empty where nobody registered the place."""
    building: str
    floor: str
    door: str
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sure:
    """How sure it is: what was measured, against what, by whom, how well."""

    value: float | None
    unit: str
    limit: float | None
    measure: Measure
    window_ms: int
    voters: tuple[Mapping[str, Any], ...]
    votes_needed: int
    quality: Quality
    condition: Condition
    waits_for_reset: bool
    over: bool
    count: int
    sentence: str
    """The rule in the reader's language; in Chinese where it has no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What the gateway did by itself; only `confirmed` was read back from the device."""

    action: str
    device: str
    state: ActionState
    confirmed: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Knows:
    """Somebody else who knows."""

    person: str
    name: str
    role: Role | None
    told_at: datetime | None
    accepted: bool
    refused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Whom to call; the number is null for a reader who may not see it, and where none is known."""

    person: str
    name: str
    role: Role | None
    phone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NearCamera:
    """The camera that shows the place best."""

    name: str
    address: str | None
    metres: int | None
    """How far away; null where it hangs on the same building and positions are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What somebody who may act needs to know, in the order of need."""

    what: str
    """In Chinese, the key of its translation."""
    kind: Kind
    class_: AlarmClass
    mode: Mode
    state: ItemState
    where: Place
    since: datetime
    sure: Sure | None
    """Null where no alarm can be understood."""
    do_now: tuple[str, ...]
    """At most three short lines; none once it is closed."""
    done: tuple[Done, ...]
    knows: tuple[Knows, ...]
    call: tuple[Call, ...]
    camera: NearCamera | None


def make_card(facts: CardFacts, viewer: Viewer) -> Card:
    """Make the card of an item for one reader."""
    open_ = facts.state is not ItemState.CLOSED
    readable = all(one.readable for one in facts.alarms)
    return Card(
        what=title_of(facts.kind, facts.class_) if readable else UNREADABLE_TITLE,
        kind=facts.kind,
        class_=facts.class_,
        mode=facts.mode,
        state=facts.state,
        where=Place(
            text=facts.where,
            building=facts.building,
            floor=facts.floor,
            door=facts.door,
            device=facts.device_name,
        ),
        since=_since(facts),
        sure=_how_sure(facts.alarms, english=viewer.english),
        do_now=tuple(facts.do_now[:_MOST_LINES]) if open_ else (),
        done=_what_was_done(facts.alarms),
        knows=_who_knows(facts, viewer),
        call=_whom_to_call(facts, viewer) if open_ else (),
        camera=_nearest_camera(facts, viewer),
    )


def _since(facts: CardFacts) -> datetime:
    """The earliest of what still alarms, which a gateway that was cut off tells late; else the item's own."""
    earliest = facts.opened_at - BELIEVED
    told = [one.raised_at for one in facts.alarms if not one.over and one.raised_at >= earliest]
    return min([facts.opened_at, *told])


def _how_sure(alarms: Sequence[AlarmFacts], *, english: bool) -> Sure | None:
    """Of several alarms the newest that is not over speaks, else the newest."""
    readable = [one for one in alarms if one.readable]
    if not readable:
        return None
    alarm = next((one for one in reversed(readable) if not one.over), readable[-1])
    return Sure(
        value=alarm.value,
        unit=alarm.unit,
        limit=alarm.limit,
        measure=alarm.measure,
        window_ms=alarm.window_ms,
        voters=tuple(alarm.voters),
        votes_needed=alarm.votes_needed,
        quality=alarm.quality,
        condition=alarm.condition,
        waits_for_reset=not alarm.over and alarm.latched and alarm.condition is Condition.NORMAL,
        over=alarm.over,
        count=alarm.count,
        sentence=(alarm.sentence_en if english else "") or alarm.sentence,
    )


def _what_was_done(alarms: Sequence[AlarmFacts]) -> tuple[Done, ...]:
    """Each action on each device once, as the newest alarm that tells of it says."""
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for alarm in alarms:
        if alarm.readable:
            newest |= {(one["action"], one.get("device", "")): one for one in alarm.actions}
    return tuple(
        Done(
            action=action,
            device=device,
            state=ActionState(one["state"]),
            confirmed=ActionState(one["state"]) is ActionState.CONFIRMED,
            detail=one.get("detail", ""),
        )
        for (action, device), one in newest.items()
    )


def _who_knows(facts: CardFacts, viewer: Viewer) -> tuple[Knows, ...]:
    return tuple(
        Knows(
            person=one.person,
            name=one.name,
            role=one.role,
            told_at=one.told_at,
            accepted=facts.accepted and one.person == facts.owner,
            refused=one.refused,
        )
        for one in facts.told
        if one.person != viewer.person and _may(viewer.names_of, one.person)
    )


def _whom_to_call(facts: CardFacts, viewer: Viewer) -> tuple[Call, ...]:
    """Rooms that are staffed, and the next of the chain: nobody refused, not the owner, not oneself."""
    refused = {one.person for one in facts.told if one.refused}
    left = [
        one
        for one in facts.chain
        if one.person and one.person not in (viewer.person, facts.owner) and one.person not in refused
    ]
    chosen = [next((one for one in left if one.role is role), None) for role in _STAFFED]
    chosen.append(next((one for one in left if one.role not in _STAFFED), None))
    return tuple(
        Call(
            person=one.person,
            name=one.name,
            role=one.role,
            phone=one.phone if _may(viewer.numbers_of, one.person) else None,
        )
        for one in chosen
        if one is not None and _may(viewer.names_of, one.person)
    )


def _may(allowed: Collection[str] | None, person: str) -> bool:
    return allowed is None or person in allowed


def _nearest_camera(facts: CardFacts, viewer: Viewer) -> NearCamera | None:
    """One on the same building before any other; then the nearest within sight."""
    found = []
    for camera in facts.cameras:
        metres = metres_between(facts.at, camera.at)
        same = camera.building is not None and camera.building == facts.building_code
        if same or (metres is not None and metres <= NEAR_M):
            found.append((not same, math.inf if metres is None else metres, camera.code, camera))
    if not found:
        return None
    _, metres, _, camera = min(found, key=lambda one: one[:3])
    return NearCamera(
        name=camera.name,
        address=camera.address if viewer.camera_address else None,
        metres=None if math.isinf(metres) else round(metres),
    )


def metres_between(one: Point | None, other: Point | None) -> float | None:
    """The way between two positions over the ground; unknown where their datums differ."""
    if one is None or other is None or one.datum != other.datum:
        return None
    middle = math.radians((one.latitude + other.latitude) / 2)
    east = math.radians(one.longitude - other.longitude) * math.cos(middle)
    return _EARTH_M * math.hypot(east, math.radians(one.latitude - other.latitude))
