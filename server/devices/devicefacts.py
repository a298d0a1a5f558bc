"""What the pages of one device show: the register's entry, its place, what is open about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select

from server.access.model import Right
from server.access.scopes import items_within
from server.access.service import SignedIn
from server.alarms.tables import Alarm
from server.db.session import ReadSession
from server.devices.placing import where_of
from server.devices.service import SILENT_AFTER
from server.devices.tables import Device, DeviceChange, Gateway
from server.errors import NotFoundError
from server.items.model import ItemState
from server.items.responsible import responsible_for
from server.items.tables import Item
from server.people.tables import Person
from wire.vocabulary import Kind, Mode, Presence

_MOST_CHANGES: Final = 30
_MOST_ITEMS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSheet:
    """A device as its pages show it.

    Attributes:
        gateway: its gateway.
        device: its id there.
        row: what the register has; None where nothing was heard and nothing registered.
        where: its place as people say it.
        label: what its gateway calls it, and `kind` what its alarms are about, as far as it said.
        online: whether its gateway is connected now.
        items: open matters about it that the reader may see; `open_items` counts all of them.
        changes: of the register, the newest first.
        told: who would be told of an alarm now; empty where the reader may not know.
        because: why the place belongs to them.
    """

    gateway: Gateway
    device: str
    row: Device | None
    where: str
    label: str
    kind: str
    online: bool
    items: Sequence[Item]
    open_items: int
    changes: Sequence[DeviceChange]
    told: Sequence[str]
    because: str

    @property
    def registered(self) -> bool:
        """Tell whether somebody has registered it."""
        return self.row is not None and self.row.adopted

    @property
    def name(self) -> str:
        """What people call it, or its id."""
        return (self.row.name if self.row else "") or self.label or self.device


async def device_sheet(
    session: ReadSession, who: SignedIn, gateway: str, device: str, *, now: datetime
) -> DeviceSheet:
    """Gather what is known of a device. That the reader may see it is the caller's to check.

    Raises:
        NotFoundError: there is no such gateway.
    """
    owner = await session.get(Gateway, gateway)
    if owner is None:
        raise NotFoundError("没有这个网关。")
    row = await session.get(Device, (gateway, device))
    label, kind = await _said(session, gateway, device)
    about = (Item.gateway == gateway, Item.device == device, Item.mode == Mode.LIVE)
    still = Item.state != ItemState.CLOSED
    visible = items_within(who.reach_of(Right.SEE_ITEMS))
    items = select(Item).where(*about, still, visible).order_by(Item.opened_at.desc()).limit(_MOST_ITEMS)
    changes = select(DeviceChange).where(DeviceChange.gateway == gateway, DeviceChange.device == device)
    told, because = await _told(session, who, row, now=now)
    return DeviceSheet(
        gateway=owner,
        device=device,
        row=row,
        where=await where_of(session, row),
        label=label,
        kind=kind,
        online=is_online(owner, now),
        items=list(await session.scalars(items)),
        open_items=await session.scalar(select(func.count()).select_from(Item).where(*about, still)) or 0,
        changes=list(await session.scalars(changes.order_by(DeviceChange.id.desc()).limit(_MOST_CHANGES))),
        told=told,
        because=because,
    )


def shown_change(change: DeviceChange, titles: Mapping[str, str]) -> list[tuple[str, Any, Any]]:
    """Return the fields that a change touched, with their titles, before and after."""
    names = [name for name in titles if name in change.before or name in change.after]
    return [(titles[name], change.before.get(name), change.after.get(name)) for name in names]


def is_online(gateway: Gateway, now: datetime) -> bool:
    """Tell whether a gateway is connected and was heard of a moment ago."""
    heard = gateway.heard_at is not None and now - gateway.heard_at <= SILENT_AFTER
    return heard and gateway.presence is Presence.ONLINE


async def _said(session: ReadSession, gateway: str, device: str) -> tuple[str, str]:
    """Return what the gateway calls a device, and the kind its alarms are of: a help to whoever adopts it."""
    query = (
        select(Alarm.label, Alarm.kind)
        .where(Alarm.gateway == gateway, Alarm.device == device, Alarm.readable)
        .order_by(Alarm.raised_at.desc())
        .limit(20)
    )
    rows = [(label, kind) for label, kind in await session.execute(query)]
    label = next((label for label, _ in rows if label), "")
    return label, next((kind.value for _, kind in rows if kind is not Kind.CONTACT), "")


async def _told(
    session: ReadSession, who: SignedIn, row: Device | None, *, now: datetime
) -> tuple[list[str], str]:
    if row is None or not row.adopted or row.retired_at is not None or Right.SEE_PEOPLE not in who.rights:
        return [], ""
    found = await responsible_for(session, row.gateway, row.device, now=now)
    codes = [one.person for one in found.people[:3]]
    people = await session.scalars(select(Person).where(Person.code.in_(codes)))
    names = {one.code: one.name for one in people}
    return [names.get(code, code) for code in codes], found.reason
