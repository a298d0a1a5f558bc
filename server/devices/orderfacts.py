"""What the desk's buttons for orders show: what can be ordered, what was, and what became of it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from server.access.model import RIGHTS_OF, Right
from server.access.scopes import gateways_within
from server.access.service import SignedIn
from server.access.tables import Operator, OperatorGrant
from server.alarms.tables import Alarm, stands
from server.audit.tables import AuditRow
from server.db.session import ReadSession
from server.devices.inforce import bus_states, configuration_in_force, rules_in_force
from server.devices.tables import Command, CommandState, Device, Gateway
from server.errors import NotFoundError
from server.people.model import Scope
from server.places.spots import name_spot
from wire.configuration import RuleInForce
from wire.vocabulary import AlarmClass, Condition

BETWEEN: Final = "\t"
"""Between device and rule in the value of a choice: no identifier holds it."""
_GRAVEST: Final = tuple(AlarmClass)
_MOST_SHOWN: Final = 20
_MOST_LOOKED_AT: Final = 200
_MOST_NAMES: Final = 6
_CLOSE: Final = "close_valve"
_BLUETOOTH: Final = "ble"
_ACTS: Final = ("command_ordered", "command_agreed", "command_answered", "command_expired")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChoice:
    """A rule on a device that can be tested or shelved.

    Attributes:
        device: its id on the gateway.
        device_name: as people call it.
        rule: its id.
        class_: how much is at stake.
        sentence: the rule in words, in Chinese; empty where nobody said it yet.
        sentence_en: the same in English.
    """

    device: str
    device_name: str
    rule: str
    class_: AlarmClass
    sentence: str = ""
    sentence_en: str = ""

    @property
    def value(self) -> str:
        """What the form sends for it."""
        return f"{self.device}{BETWEEN}{self.rule}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An order that was given, and what became of it.

    Attributes:
        command: as it is kept.
        acts: who ordered, agreed, answered, and when; the audit's rows, oldest first.
        may_agree: whether whoever looks may be its second person.
        own: whether whoever looks gave it.
    """

    command: Command
    acts: tuple[AuditRow, ...]
    may_agree: bool
    own: bool

    @property
    def until(self) -> datetime | None:
        """Return how long it is to last, where it says so."""
        until = self.command.order.get("until")
        return datetime.fromisoformat(until) if until else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """What is shelved (a rule) or out of service (a device) now, as the gateway says it."""

    device: str
    rule: str
    until: datetime
    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDesk:
    """Everything that the part `_orders.html` of a page shows.

    Attributes:
        gateway: by id.
        item: the item beside which it stands, or empty.
        device: what is chosen at first, or empty.
        may_order: whether whoever looks may give orders here.
        devices: id and name of every device in use.
        valves: those of them that close something, as far as that is known.
        rules: what can be tested and shelved.
        open_alarms: what can be silenced.
        latched: those of them that wait for a reset.
        bus: chosen at first, or empty.
        buses: its buses, by id.
        radios: those of the devices that are heard by radio, whose counter a new battery resets.
        suppressions: what is shelved or out of service now, as the gateway last said.
        given: orders, the newest first.
        seconds: accounts that may agree to what waits; not whoever ordered.
        names: of devices, by id.
    """

    gateway: str
    item: str
    device: str
    may_order: bool
    devices: tuple[tuple[str, str], ...]
    valves: tuple[tuple[str, str], ...]
    rules: tuple[RuleChoice, ...]
    open_alarms: tuple[Alarm, ...]
    latched: tuple[Alarm, ...]
    bus: str
    buses: tuple[str, ...]
    radios: tuple[tuple[str, str], ...]
    suppressions: tuple[Suppressed, ...]
    given: tuple[Given, ...]
    seconds: tuple[str, ...]
    names: Mapping[str, str]


async def order_desk(
    session: ReadSession,
    who: SignedIn,
    gateway: str,
    *,
    item: str = "",
    device: str = "",
    bus: str = "",
    now: datetime,
) -> OrderDesk:
    """Gather what the buttons for orders to a gateway need.

    Args:
        session: where to read.
        who: looks at it; what they may do follows from their rights and reach.
        gateway: by id.
        item: the item beside which the buttons stand: its orders are shown.
        device: chosen at first; with an item, its orders are shown too.
        bus: chosen at first, its form open.
        now: the server's time.

    Raises:
        NotFoundError: there is no such gateway.
    """
    row = await session.get(Gateway, gateway)
    if row is None:
        raise NotFoundError("没有这个网关。")
    devices = list(
        await session.scalars(
            select(Device)
            .where(Device.gateway == gateway, Device.retired_at.is_(None))
            .order_by(Device.device != device, Device.name, Device.device)
        )
    )
    names = names_apart(devices)
    alarms = list(
        await session.scalars(
            select(Alarm)
            .where(Alarm.gateway == gateway, stands())
            .order_by(Alarm.device != device, Alarm.raised_at)
            .limit(_MOST_LOOKED_AT)
        )
    )
    may_order = await _may_order(session, who, gateway)
    given = await _given(session, who, gateway, item=item, device=device, may_order=may_order, now=now)
    buses = await bus_states(session, gateway)
    waits = any(one.command.state is CommandState.PROPOSED for one in given)
    return OrderDesk(
        gateway=gateway,
        item=item,
        device=device,
        may_order=may_order,
        devices=tuple(names.items()),
        valves=await _valves(session, gateway, devices, names),
        rules=await rules_of(session, gateway, names, first=device),
        open_alarms=tuple(alarms),
        latched=tuple(one for one in alarms if one.latched and one.condition is Condition.NORMAL),
        bus=bus,
        buses=tuple(one.bus for one in buses),
        radios=tuple(
            (one.device, names[one.device])
            for line in buses
            if line.technique == _BLUETOOTH
            for one in line.devices
            if one.device in names
        ),
        suppressions=tuple(_suppressed(one) for one in (row.status or {}).get("suppressions", ())),
        given=given,
        seconds=await _seconds(session, waiting=given) if waits else (),
        names=names,
    )


def names_apart(devices: Sequence[Device]) -> dict[str, str]:
    """Return what to call devices so that no two sound alike: by name, then also by door, then also by id.

    Whoever closes a valve must not have to guess which of two it is.
    """
    plain = {one.device: one.name or one.device for one in devices}
    heard = Counter(plain.values())
    spots = {one.device: name_spot(plain[one.device], floor=one.floor, door=one.door) for one in devices}
    named = {one: spots[one] if heard[name] > 1 else name for one, name in plain.items()}
    heard = Counter(named.values())
    return {one: f"{name} · {one}" if heard[name] > 1 else name for one, name in named.items()}


async def rules_of(
    session: ReadSession, gateway: str, names: Mapping[str, str], *, first: str = ""
) -> tuple[RuleChoice, ...]:
    """Return the rules of a gateway that can be tested, by device, the gravest first.

    They are those in force, as the gateway reports them. One that has told none has those of its past alarms.

    Args:
        session: where to read.
        gateway: by id.
        names: of its devices in use; rules of others are left out.
        first: the device whose rules come first.
    """
    told = await rules_in_force(session, gateway)
    found = _told_rules(told, names) if told else await _rules_of_alarms(session, gateway, names)
    return tuple(
        sorted(
            found,
            key=lambda one: (one.device != first, one.device_name, _GRAVEST.index(one.class_), one.rule),
        )
    )


def _told_rules(told: Sequence[RuleInForce], names: Mapping[str, str]) -> list[RuleChoice]:
    return [
        RuleChoice(
            device=device,
            device_name=names[device],
            rule=rule.rule,
            class_=rule.class_,
            sentence=rule.sentence,
            sentence_en=rule.sentence_en,
        )
        for rule in told
        for device in rule.devices
        if device in names
    ]


async def _rules_of_alarms(
    session: ReadSession, gateway: str, names: Mapping[str, str]
) -> Collection[RuleChoice]:
    query = (
        select(Alarm.device, Alarm.rule, Alarm.class_, Alarm.sentence, Alarm.sentence_en)
        .where(Alarm.gateway == gateway)
        .order_by(Alarm.raised_at.desc())
        .limit(_MOST_LOOKED_AT * 10)
    )
    found: dict[tuple[str, str], RuleChoice] = {}
    for device, rule, class_, sentence, sentence_en in await session.execute(query):
        if device in names and (device, rule) not in found:
            found[device, rule] = RuleChoice(
                device=device,
                device_name=names[device],
                rule=rule,
                class_=class_,
                sentence=sentence,
                sentence_en=sentence_en,
            )
    return found.values()


def _suppressed(stated: Mapping[str, Any]) -> Suppressed:
    return Suppressed(
        device=stated["device"],
        rule=stated.get("rule") or "",
        until=datetime.fromisoformat(stated["until"]),
        by=stated.get("by", ""),
        why=stated.get("why", ""),
    )


async def _may_order(session: ReadSession, who: SignedIn, gateway: str) -> bool:
    if Right.ORDER_GATEWAYS not in who.rights:
        return False
    reach = gateways_within(who.reach_of(Right.ORDER_GATEWAYS))
    return await session.scalar(select(Gateway.id).where(Gateway.id == gateway, reach)) is not None


async def _valves(
    session: ReadSession, gateway: str, devices: Sequence[Device], names: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Return what can be closed: by its model, where the gateway tells models; else as far as it shows."""
    told = await configuration_in_force(session, gateway)
    if told is not None:
        closing = {one.model for one in told.profiles if _CLOSE in one.actions}
        closable = [one.device for one in told.devices if one.model in closing and one.device in names]
        return tuple((one, names[one]) for one in closable)
    acted = await session.scalars(
        select(Alarm.actions)
        .where(Alarm.gateway == gateway)
        .order_by(Alarm.raised_at.desc())
        .limit(_MOST_LOOKED_AT)
    )
    closed = {
        str(action.get("device")) for actions in acted for action in actions if action.get("action") == _CLOSE
    }
    words = ("valve", "relay")
    known = [
        one.device
        for one in devices
        if one.device in closed
        or one.kind == "actuator"
        or any(word in f"{one.model} {one.device}".lower() for word in words)
    ]
    return tuple((one, names[one]) for one in known or names)


async def _given(
    session: ReadSession,
    who: SignedIn,
    gateway: str,
    *,
    item: str,
    device: str,
    may_order: bool,
    now: datetime,
) -> tuple[Given, ...]:
    query = select(Command).where(Command.gateway == gateway).order_by(Command.id.desc())
    commands = list(await session.scalars(query.limit(_MOST_LOOKED_AT)))
    if item:
        commands = [one for one in commands if one.item == item or one.order.get("device") == device]
    commands = commands[:_MOST_SHOWN]
    acts: dict[str, list[AuditRow]] = {one.id: [] for one in commands}
    if commands:
        rows = await session.scalars(
            select(AuditRow)
            .where(AuditRow.subject == gateway, AuditRow.action.in_(_ACTS))
            .order_by(AuditRow.id.desc())
            .limit(_MOST_LOOKED_AT * 2)
        )
        for row in rows:
            if row.detail.get("command") in acts:
                acts[row.detail["command"]].insert(0, row)
    return tuple(
        Given(
            command=one,
            acts=tuple(acts[one.id]),
            own=one.issuer == who.operator,
            may_agree=may_order
            and one.state is CommandState.PROPOSED
            and one.issuer != who.operator
            and one.expires_at > now,
        )
        for one in commands
    )


async def _seconds(session: ReadSession, *, waiting: Sequence[Given]) -> tuple[str, ...]:
    """Return accounts of the street that may be the second person, the first few by name."""
    issuers = {one.command.issuer for one in waiting if one.command.state is CommandState.PROPOSED}
    roles = [role for role, rights in RIGHTS_OF.items() if Right.ORDER_GATEWAYS in rights]
    query = (
        select(Operator.name)
        .join(OperatorGrant, OperatorGrant.operator == Operator.name)
        .where(
            Operator.disabled_at.is_(None),
            OperatorGrant.role.in_(roles),
            OperatorGrant.scope == Scope.STREET,
        )
        .order_by(Operator.name)
        .distinct()
    )
    found = [name for name in await session.scalars(query) if len(issuers) > 1 or name not in issuers]
    return tuple(found[:_MOST_NAMES])
