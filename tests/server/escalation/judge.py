"""A judge of incidents that reads rows: which open items are about to end in silence.

It knows nothing of due handlers: it reads states, moves and notices, and asks of every open item the questions of
`Judge`. Of what is not written down it knows one thing: who was on duty when.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, case, func, select

from server.escalation.plan import ATTEND_AFTER, RECHECK_AFTER, make_policies
from server.escalation.tables import Due, DueKind
from server.items.model import ActorKind, ItemState, Move
from server.items.sentences import NOBODY_REACHED, NOT_YET_REACHED
from server.items.tables import Item, ItemMove
from server.items.telling import REACH_WITHIN
from server.items.unreached import unreached_of
from server.notify.claims import QUOTA_SPENT
from server.notify.render import Occasion
from server.notify.tables import Attempt, Notice, NoticeState
from server.people.model import ChannelKind
from tests.server.escalation.luck import Comings
from tests.server.world import PEOPLE, World
from wire.vocabulary import AlarmClass

URGENT: Final = (AlarmClass.LIFE_SAFETY, AlarmClass.HAZARD)
GRAIN_S: Final = 5
"""The loops look so often: what is due in between is done together."""
LATE: Final = timedelta(seconds=2 * GRAIN_S)
UNSENT: Final = (NoticeState.PENDING, NoticeState.FAILED_TEMPORARY)
TOGETHER: Final = timedelta(seconds=60)
"""What one person hears of within it may come together."""
_SAID: Final = (NOBODY_REACHED, NOT_YET_REACHED)
_REACHED: Final = (NoticeState.SENT, NoticeState.DELIVERED, NoticeState.READ)
_HOPELESS: Final = (NoticeState.FAILED_PERMANENT, NoticeState.UNKNOWN)
_SAID_WITHIN: Final = timedelta(seconds=60)
_TRIED_WITHIN: Final = timedelta(minutes=5)
_BELIEVED: Final = timedelta(minutes=3)
"""So long a text message counts without a receipt."""
_UNTAKEN: Final = {AlarmClass.LIFE_SAFETY: timedelta(seconds=180), AlarmClass.HAZARD: timedelta(minutes=30)}
"""So long nobody may have an item before the desk hears of it: the sum of the windows of its class."""
_ACCEPTANCE: Final = {class_: make_policies()[class_].acceptance or timedelta() for class_ in URGENT}


@dataclass
class Judge:
    """What stands in the rows at one moment, and which items are about to end in silence."""

    now: datetime
    items: list[Item]
    unreached: set[str]
    """What the desk's page puts first."""
    waits: set[str]
    next_steps: dict[str, datetime]
    """When the next step of an item is due."""
    comings: Comings
    moves: dict[str, list[Row[Any]]] = field(default_factory=lambda: defaultdict(list))
    notices: dict[str, list[Row[Any]]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    async def look(cls, world: World, comings: Comings) -> "Judge":
        now = world.clock.now()
        moves = select(
            ItemMove.item, ItemMove.move, ItemMove.at, ItemMove.actor, ItemMove.actor_kind, ItemMove.from_state,
            ItemMove.to_state, ItemMove.reason, ItemMove.undone,
        ).order_by(ItemMove.id)  # fmt: skip
        taken_at = func.min(case((Attempt.outcome == NoticeState.SENT, Attempt.at)))
        tried = (
            select(Attempt.notice, func.max(Attempt.at).label("tried_at"), taken_at.label("taken_at"))
            .group_by(Attempt.notice)
            .subquery()
        )
        notices = select(
            Notice.item, Notice.person, Notice.channel, Notice.step, Notice.state, Notice.created_at,
            Notice.send_at, Notice.sent_at, Notice.last_error, Notice.content, tried.c.tried_at, tried.c.taken_at,
        ).outerjoin(tried, tried.c.notice == Notice.id)  # fmt: skip
        steps = select(Due.item, Due.due_at).where(Due.settled_at.is_(None), Due.kind == DueKind.STEP)
        async with world.database.read() as session:
            standing = select(Item).where(Item.closed_at.is_(None), Item.parent.is_(None))
            items = list(await session.scalars(standing))
            waits = set(await session.scalars(select(Due.item).where(Due.settled_at.is_(None))))
            judge = cls(
                now=now,
                items=items,
                unreached=await unreached_of(session, items, now=now),
                waits=waits,
                next_steps={due.item: due.due_at for due in await session.execute(steps)},
                comings=comings,
            )
            for move in await session.execute(moves):
                judge.moves[move.item].append(move)
            for notice in await session.execute(notices):
                judge.notices[notice.item].append(notice)
        return judge

    def complaints(self) -> Iterator[tuple[str, str]]:
        """Yield each item that ends in silence with the question that it fails."""
        for item in self.items:
            for ask in self.questions:
                if not ask(item):
                    yield item.id, ask.__name__

    @property
    def questions(self) -> tuple[Callable[[Item], bool], ...]:
        """What is asked of every open item."""
        return (
            self.waits_for_something,
            self.says_so_if_nobody_was_reached,
            self.comes_to_the_desk,
            self.lets_no_acceptance_lie,
            self.misses_whoever_is_on_site,
            self.returns_what_is_not_over,
            self.tells_the_desk_of_help,
            self.keeps_an_owner_or_the_desk,
            self.sends_what_is_due,
            self.doubts_what_is_never_confirmed,
            self.goes_on_where_no_message_is_believed,
            self.passes_over_whoever_is_gone,
        )

    def waits_for_something(self, item: Item) -> bool:
        """Time will bring it up again."""
        return item.id in self.waits

    def says_so_if_nobody_was_reached(self, item: Item) -> bool:
        """Where nobody was reached, its history and the desk's page say so within a minute."""
        reached = any(notice.state in _REACHED for notice in self.notices[item.id])
        if item.state is not ItemState.NEW or reached or self.now - item.opened_at < _SAID_WITHIN + LATE:
            return True
        if item.id not in self.unreached:
            return False
        soon = item.opened_at + REACH_WITHIN + LATE
        if any(notice.taken_at is not None and notice.taken_at <= soon for notice in self.notices[item.id]):
            # It was believed to have arrived until a receipt, or none, said otherwise.
            return True
        pressed = any(move.actor_kind is not ActorKind.SYSTEM for move in self.moves[item.id])
        said = [move.at for move in self.moves[item.id] if move.reason.endswith(_SAID)]
        return pressed or (bool(said) and said[0] <= item.opened_at + _SAID_WITHIN + LATE)

    def comes_to_the_desk(self, item: Item) -> bool:
        """Whenever nobody has it for longer than its steps take, the desk is told anew."""
        if item.state is not ItemState.NEW:
            return True
        since = self._new_since(item)
        given = any(move.move is Move.REASSIGN and move.at >= since for move in self.moves[item.id])
        patience = _UNTAKEN[item.class_] * (2 if given else 1) + LATE
        return self.now - since < patience or self._desk_told(item, since - LATE)

    def lets_no_acceptance_lie(self, item: Item) -> bool:
        """Who took it and does nothing loses it after the time of its class."""
        if item.state is not ItemState.ACCEPTED:
            return True
        return self.now - self._heard_at(item) < _ACCEPTANCE[item.class_] + LATE

    def misses_whoever_is_on_site(self, item: Item) -> bool:
        """Whoever is on site and presses nothing for long is asked, and then the desk is told."""
        if item.state is not ItemState.ON_SITE:
            return True
        heard = self._heard_at(item)
        lies, patience = self.now - heard, ATTEND_AFTER[item.class_]
        told = self._desk_told(item, heard) or (
            item.owner is not None and self._told(item, item.owner, heard)
        )
        return (told or lies < patience + LATE) and (
            lies < 2 * patience + LATE or self._desk_told(item, heard)
        )

    def returns_what_is_not_over(self, item: Item) -> bool:
        """Done while the sensor says alarm is not done for longer than a few minutes."""
        if item.state is not ItemState.DONE or item.alarm_over:
            return True
        return self.now - self._heard_at(item) < RECHECK_AFTER + LATE

    def tells_the_desk_of_help(self, item: Item) -> bool:
        """Help that is wanted is known at the desk."""
        calls = [move for move in self.moves[item.id] if move.move is Move.NEED_HELP and not move.undone]
        asked = [move.at for move in calls]
        if not item.help_wanted or not asked or self._desk_told(item, asked[-1]):
            return True
        if calls[-1].actor == "desk":
            return True  # it knows already
        # A message that had not left yet took the call on.
        return any(
            n.person == "desk" and n.content["occasion"] == Occasion.HELP and n.send_at >= asked[-1]
            for n in self.notices[item.id]
        )

    def keeps_an_owner_or_the_desk(self, item: Item) -> bool:
        """Somebody is its owner, or it lies on the desk's own list."""
        return item.owner is None or item.owner in PEOPLE

    def sends_what_is_due(self, item: Item) -> bool:
        """What was to be sent has left, and what failed is tried again before long."""
        return all(
            self.now - TOGETHER - LATE <= notice.send_at <= self.now + _TRIED_WITHIN
            for notice in self.notices[item.id]
            if notice.state in UNSENT and notice.last_error != QUOTA_SPENT
        )

    def doubts_what_is_never_confirmed(self, item: Item) -> bool:
        """A text message that no receipt confirms counts for a few minutes, not for ever."""
        return not any(
            notice.channel == ChannelKind.SMS
            and notice.state is NoticeState.SENT
            and self.now - notice.sent_at > _BELIEVED + LATE
            for notice in self.notices[item.id]
        )

    def goes_on_where_no_message_is_believed(self, item: Item) -> bool:
        """Where every message of a step failed, nobody waits for its people: the next step is due at once."""
        next_at = self.next_steps.get(item.id)
        here = [notice for notice in self.notices[item.id] if notice.step == item.step]
        people = {notice.person for notice in here}
        theirs = [notice for notice in self.notices[item.id] if notice.person in people]
        if next_at is None or next_at <= self.now or not here:
            return True
        if not all(notice.state in _HOPELESS for notice in theirs):
            return True
        since = max(self._lost_at(notice) for notice in theirs)
        undone = any(move.move is Move.UNDO and move.at >= since for move in self.moves[item.id])
        return undone or self.now - since < LATE

    def passes_over_whoever_is_gone(self, item: Item) -> bool:
        """No step tells somebody who was not on duty when it was taken."""
        return not any(
            notice.content["occasion"] == Occasion.OPENED
            and self.comings.is_gone(notice.person, notice.created_at)
            for notice in self.notices[item.id]
        )

    def _lost_at(self, notice: Row[Any]) -> datetime:
        """When a message that is not believed in stopped to be."""
        at: datetime = notice.tried_at or notice.created_at
        if notice.state is NoticeState.UNKNOWN and notice.sent_at is not None:
            at = notice.sent_at + _BELIEVED
        return at

    def _heard_at(self, item: Item) -> datetime:
        """When its time last began: a press, or the gateway's or the server's word that gave it back."""
        again = (Move.RAISE, Move.RETURN, Move.UNSHELVE)
        by_people = (ActorKind.PERSON, ActorKind.OPERATOR)
        return max(
            move.at
            for move in self.moves[item.id]
            if move.actor_kind in by_people or move.move in again or move.move in {Move.OPEN, Move.REOPEN}
        )

    def _new_since(self, item: Item) -> datetime:
        since = item.opened_at
        for move in self.moves[item.id]:
            became_new = move.to_state is ItemState.NEW and move.from_state not in {None, ItemState.NEW}
            if became_new or move.move in {Move.REASSIGN, Move.REOPEN, Move.UNDO}:
                since = move.at
        return since

    def _told(self, item: Item, person: str, since: datetime) -> bool:
        return any(n.person == person and n.created_at >= since for n in self.notices[item.id])

    def _desk_told(self, item: Item, since: datetime) -> bool:
        return self._told(item, "desk", since)
