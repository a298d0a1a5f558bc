"""Items that gather others: the visit of a place, the storm of a line, building or gateway."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select

from server.db.session import ONE_MOMENT, ReadSession, WriteSession
from server.devices.tables import Device
from server.escalation import service as dues
from server.escalation.plan import Candidate, Policies, policy_for
from server.escalation.tables import DueKind
from server.items import grouping, telling
from server.items.budget import CAN_WAIT
from server.items.model import WORKING, Grouping, ItemState, Move
from server.items.record import SYSTEM, is_untold, note_untold, write_move
from server.items.resuming import follow_raise, lift_shelf
from server.items.sentences import DEVICES, MATTERS, POWER_LINE, STILL_SILENT, TOGETHER, WAS_TOLD
from server.items.starting import start_telling
from server.items.storms import (
    HOLD,
    LOOK_BACK,
    Fold,
    Lot,
    Scope,
    Silent,
    contact_came_back,
    find_fold,
    lot_after_hold,
    storm_key,
    storm_keys,
)
from server.items.tables import Item, ItemParty
from server.notify.render import Occasion
from server.people.tables import Role
from server.places.tables import Building, Estate
from wire.ids import new_uuid7
from wire.vocabulary import AlarmClass, Kind

_OPEN_KEYS: Final = "open_keys_of_groups"

# --- visits ------------------------------------------------------------------------------------


def visit_key(item: Item) -> str:
    """Return the key of the visit that an item belongs to: one way there for one place."""
    place = item.building or item.grid or item.gateway
    return f"visit/{place}/{item.mode.value}"


async def join_visit(session: WriteSession, item: Item, *, now: datetime, policies: Policies) -> None:
    """Put an item on the visit list of its place; the first one opens the visit and tells people."""
    key = visit_key(item)
    visit = None
    if await _may_be_open(session, Grouping.VISIT, (key,)):
        visit = await session.scalar(select(Item).where(Item.open_key == key))
    if visit is not None and visit.state not in WORKING:
        # Somebody was there and is done: what comes now is another way there.
        visit.open_key = None
        await session.flush()
        visit = None
    if visit is not None:
        await _merge(session, [item], visit, now=now, policies=policies)
        visit.device_name = MATTERS % {"n": len(await grouping.children_of(session, visit.id))}
        return
    visit = await _open_group(session, item, key, Grouping.VISIT, now=now)
    await grouping.merge(session, [item], visit, now=now)
    await start_telling(session, visit, now=now, policies=policies)


# --- storms ------------------------------------------------------------------------------------


async def hold(session: WriteSession, item: Item, *, now: datetime, policies: Policies) -> None:
    """Keep a silent device from people for a moment, or put it into the storm that is going on."""
    device = await session.get(Device, (item.gateway, item.device))
    building = await session.get(Building, item.building) if item.building else None
    item.feeder = (device.feeder if device else None) or (building.feeder if building else None)
    keys = storm_keys(_silent(item), item.mode)
    storms = {}
    if await _may_be_open(session, Grouping.STORM, keys):
        storms = {s.open_key: s for s in await session.scalars(select(Item).where(Item.open_key.in_(keys)))}
    for key in keys:
        storm = storms.get(key)
        if storm is not None and storm.state in WORKING and await _goes_on(session, storm):
            await _merge(session, [item], storm, now=now, policies=policies)
            await _name(session, storm)
            return
    item.held_until = now + HOLD
    dues.schedule(session, item.id, DueKind.HOLD, due_at=item.held_until)


async def end_hold(session: WriteSession, item: Item, *, now: datetime, policies: Policies) -> bool:
    """Gather a silent device with those that fell silent with it, else tell people of it alone."""
    if item.parent is not None or item.held_until is None:
        return False
    silent = await _silent_now(session, item, now=now)
    fold = find_fold(_silent(item), [_silent(one) for one in silent])
    if fold is not None:
        wanted = set(fold.items)
        await _fold(session, fold, [one for one in silent if one.id in wanted], now=now, policies=policies)
        return True
    item.held_until = None
    if lot_after_hold(item.class_) is Lot.MATTER:
        await join_visit(session, item, now=now, policies=policies)
    else:
        await start_telling(session, item, now=now, policies=policies)
    return True


async def split(session: WriteSession, storm: Item, *, now: datetime, policies: Policies) -> bool:
    """Contact is back: what is still silent stands for itself."""
    children = await grouping.children_of(session, storm.id)
    left = [child for child in children if not child.alarm_over and child.state is not ItemState.CLOSED]
    if not contact_came_back(len(left), len(children)):
        return False
    for child in left:
        await grouping.part(session, child, now=now, reason=STILL_SILENT)
        await stand_alone(session, child, now=now, policies=policies)
    await _name(session, storm)
    return True


async def stand_alone(session: WriteSession, item: Item, *, now: datetime, policies: Policies) -> None:
    """Tell people of an item that came out of another, or put it on a visit list."""
    if item.kind is Kind.CONTACT and lot_after_hold(item.class_) is Lot.MATTER:
        await join_visit(session, item, now=now, policies=policies)
    else:
        await start_telling(session, item, now=now, policies=policies)


async def _fold(
    session: WriteSession, fold: Fold, children: Sequence[Item], *, now: datetime, policies: Policies
) -> None:
    first = children[0]
    key = storm_key(fold.scope, fold.code, first.mode)
    storm = await session.scalar(select(Item).where(Item.open_key == key))
    if storm is not None and storm.state not in WORKING:
        storm.open_key = None
        await session.flush()
        storm = None
    is_new = storm is None
    if storm is None:
        storm = await _open_group(session, first, key, Grouping.STORM, now=now)
        storm.where = await _where(session, children, fold)
    for child in children:
        if child.parent is not None:
            await grouping.part(session, child, now=now, reason=TOGETHER)
    told = await _merge(session, children, storm, now=now, policies=policies, reason=TOGETHER)
    await _name(session, storm)
    if is_new:
        await start_telling(session, storm, now=now, policies=policies)
    await _tell_also(session, storm, told, now=now)


async def _tell_also(session: WriteSession, storm: Item, told: Sequence[str], *, now: datetime) -> None:
    """Tell those who were told of single devices that these are one thing now."""
    query = select(ItemParty.person).where(ItemParty.item == storm.id)
    known = set(await session.scalars(query))
    more = [
        Candidate(person=person, role=Role.LEADER, reason=WAS_TOLD) for person in told if person not in known
    ]
    await telling.tell(session, storm, more, Occasion.OPENED, step=storm.step, now=now)


async def _silent_now(session: ReadSession, item: Item, *, now: datetime) -> list[Item]:
    common = (Item.gateway == item.gateway) | (Item.id == item.id)
    if item.building is not None:
        common |= Item.building == item.building
    if item.feeder is not None:
        common |= Item.feeder == item.feeder
    storms = select(Item.id).where(Item.grouping == Grouping.STORM, Item.closed_at.is_(None))
    query = (
        select(Item)
        .where(
            Item.kind == Kind.CONTACT,
            Item.mode == item.mode,
            Item.class_ != AlarmClass.LIFE_SAFETY,
            Item.closed_at.is_(None),
            Item.grouping.is_(None),
            Item.alarm_over.is_(False),
            Item.state.in_(WORKING),
            Item.opened_at >= now - LOOK_BACK,
            Item.parent.is_(None) | Item.parent.not_in(storms),
            Item.device != "?",
            common,
        )
        .order_by(Item.opened_at, Item.id)
    )
    return list(await session.scalars(query))


async def _goes_on(session: ReadSession, storm: Item) -> bool:
    children = await grouping.children_of(session, storm.id)
    silent = sum(not child.alarm_over for child in children)
    return silent > 0 and not contact_came_back(silent, len(children))


def _silent(item: Item) -> Silent:
    return Silent(item=item.id, gateway=item.gateway, building=item.building, feeder=item.feeder)


async def _name(session: WriteSession, storm: Item) -> None:
    children = await grouping.children_of(session, storm.id)
    storm.device_name = DEVICES % {"n": len(children)}
    session.announce("item", storm.id)


async def _where(session: ReadSession, children: Sequence[Item], fold: Fold) -> str:
    """Return the place of a storm: its building when there is one, else the line or gateway."""
    buildings = {child.building for child in children}
    if len(buildings) == 1:
        return await place_of(session, children[0])
    if fold.scope is Scope.FEEDER:
        return POWER_LINE % {"line": fold.code}
    return await place_of(session, children[0])


async def place_of(session: ReadSession, item: Item) -> str:
    """Return an item's place without floor and door."""
    building = await session.get(Building, item.building) if item.building else None
    if building is None:
        return item.where
    estate = await session.get(Estate, building.estate) if building.estate else None
    return " ".join(part for part in (estate.name if estate else "", building.name) if part)


# --- both --------------------------------------------------------------------------------------


async def _may_be_open(session: ReadSession, grouping_: Grouping, keys: Sequence[str]) -> bool:
    """Tell whether it is worth looking for groups; a batch reads once which are open."""
    if ONE_MOMENT not in session.info:
        return True
    known: dict[Grouping, set[str | None]] = session.info.setdefault(_OPEN_KEYS, {})
    if grouping_ not in known:
        query = select(Item.open_key).where(Item.grouping == grouping_, Item.open_key.is_not(None))
        known[grouping_] = set(await session.scalars(query))
    return not known[grouping_].isdisjoint(keys)


async def _merge(
    session: WriteSession,
    items: Sequence[Item],
    group: Item,
    *,
    now: datetime,
    policies: Policies,
    reason: str = "",
) -> list[str]:
    """Put items into a group; where they make one graver of which people know, its time and steps begin anew.

    Returns:
        Who had been told of the items.
    """
    before = group.class_
    told = await grouping.merge(session, items, group, now=now, reason=reason)
    if group.class_ is before or is_untold(session, group):
        return told
    urgent = group.class_ not in CAN_WAIT
    if urgent and group.shelved_until is not None:
        await lift_shelf(session, group, items[0].gateway, now=now)
    policy = policy_for(policies, group.class_, group.community)
    await follow_raise(session, group, policy, graver=urgent, anew=group.accepted, now=now)
    return told


async def _open_group(
    session: WriteSession, first: Item, key: str, grouping_: Grouping, *, now: datetime
) -> Item:
    group = Item(
        id=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
        open_key=key,
        key=key,
        grouping=grouping_,
        gateway=first.gateway,
        device=first.device,
        kind=first.kind,
        class_=first.class_,
        mode=first.mode,
        state=ItemState.NEW,
        community=first.community,
        grid=first.grid,
        building=first.building,
        where=await place_of(session, first),
        device_name=first.device_name,
        chain=first.chain,
        reason=first.reason,
        opened_at=now,
    )
    pending = first in session.new
    if pending:
        # What is inside points to the group, and rows of a table go in as they were added.
        session.expunge(first)
    session.add(group)
    note_untold(session, group)
    if pending:
        session.add(first)
    else:
        await session.flush()
    session.info.get(_OPEN_KEYS, {}).get(grouping_, set()).add(key)
    await write_move(
        session, group, Move.OPEN, SYSTEM, at=now, to=ItemState.NEW, came_from=None, reason=group.reason
    )
    return group
