"""Matters that a person puts on a visit list: what no gateway reports, such as a test that is overdue.

The server states an alarm of its own for it, so that everything that holds for an alarm's item holds here.
No sensor will say that it is over: whoever ticks it off does.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import select

from server.alarms import service as alarms
from server.alarms.tables import MATTER_RUN, Alarm
from server.db.session import ReadSession, WriteSession
from server.escalation.plan import Policies
from server.items import grouping, opening
from server.items.tables import Item
from wire.ids import new_uuid7
from wire.messages import CONTRACT_VERSION, AlarmState, LaneEnvelope
from wire.vocabulary import AlarmClass, Clock, Condition, Kind

_PREFIX: Final = "attention-"
_ON_A_LIST: Final = (Kind.GAS, Kind.FIRE, Kind.WATER)
_ELSE: Final = Kind.ELECTRIC
"""What a device is about that says it of no kind: never `contact`, which would wait for others that fell
silent with it."""


def rule_of(concern: str) -> str:
    """Return the rule by which a matter's alarm is known."""
    return f"{_PREFIX}{concern}"


async def matters_of(session: ReadSession, gateways: Collection[str]) -> Mapping[tuple[str, str, str], str]:
    """Return the items of what is on a list already, by gateway, device and concern.

    Args:
        session: where to read.
        gateways: of which.
    """
    query = select(Alarm.gateway, Alarm.device, Alarm.rule, Alarm.item).where(
        Alarm.gateway.in_(gateways), Alarm.run == MATTER_RUN, Alarm.cleared_at.is_(None)
    )
    return {
        (gateway, device, rule.removeprefix(_PREFIX)): item
        for gateway, device, rule, item in await session.execute(query)
        if item is not None
    }


async def put_on_list(
    session: WriteSession,
    *,
    gateway: str,
    device: str,
    kind: str,
    concern: str,
    sentence: tuple[str, str],
    now: datetime,
    policies: Policies,
) -> str:
    """Put a matter on the next visit list of a device's place; returns its item.

    What is on a list already stays there, once. Of a gateway itself its maintainer is told at once.

    Args:
        session: the transaction.
        gateway: by id.
        device: its id there, as the register has it.
        kind: of the device, as the register has it.
        concern: why, as a word of the code.
        sentence: why, in Chinese and in English.
        now: the server's time.
        policies: the steps in force.
    """
    known = (await matters_of(session, (gateway,))).get((gateway, device, concern))
    if known is not None:
        return known
    state = AlarmState(
        alarm=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
        device=device,
        rule=rule_of(concern),
        sentence=sentence[0],
        sentence_en=sentence[1],
        kind=Kind(kind) if kind in _ON_A_LIST else _ELSE,
        class_=AlarmClass.ADVICE,
        condition=Condition.ACTIVE,
        raised_at=now,
        changed_at=now,
    )
    meta = LaneEnvelope(
        v=CONTRACT_VERSION,
        gateway=gateway,
        session=MATTER_RUN,
        boot=MATTER_RUN,
        up_ms=0,
        sent_at=now,
        clock=Clock.SYNCED,
        run=MATTER_RUN,
        seq=1,
    )
    applied = await alarms.apply(session, gateway, meta, state, now=now)
    await session.flush()
    await opening.follow(session, applied, now=now, policies=policies)
    await session.flush()
    assert applied.alarm.item is not None, "a raised alarm has its item"
    return applied.alarm.item


async def end_matters(session: WriteSession, item: Item, *, now: datetime) -> None:
    """Let the matters of an item, and of those inside it, be over: a person has seen to them."""
    query = select(Alarm).where(
        Alarm.item.in_(grouping.with_inside(item.id)), Alarm.run == MATTER_RUN, Alarm.cleared_at.is_(None)
    )
    ended = list(await session.scalars(query))
    if not ended:
        return
    for alarm in ended:
        alarm.condition = Condition.NORMAL
        alarm.changed_at = alarm.cleared_at = now
    await session.flush()
    for one in {alarm.item for alarm in ended} - {item.id}:
        await grouping.note_over(session, await session.get_one(Item, one))
    await grouping.note_over(session, item)
