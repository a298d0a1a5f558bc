"""Open event streams: what was allowed when one began may not be any more."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from server.access import service
from server.access.scopes import items_within
from server.access.service import SignedIn
from server.context import Context
from server.db.session import Announcement
from server.items.tables import Item


@dataclass(slots=True)
class Watch:
    """A watcher's session, judged again before every event."""

    context: Context
    who: SignedIn

    async def still(self) -> bool:
        """Tell whether the session still lives and its account still holds the right; notes its reach."""
        async with self.context.database.read() as session:
            now = self.context.clock.now()
            if self.who.key is not None:
                found = await service.find_key_by_id(session, self.who.key, now=now)
            else:
                found = await service.find_session_by_hash(session, self.who.token_hash, now=now)
        if found is None or self.who.right not in found.rights:
            return False
        self.who = found.asking(self.who.right)
        return True

    async def concerns(self, announced: Sequence[Announcement]) -> bool:
        """Tell whether one of these changes lies within reach."""
        if self.who.reach.street:
            return True
        items = [which for what, which in announced if what == "item"]
        query = select(Item.id).where(Item.id.in_(items), items_within(self.who.reach)).limit(1)
        async with self.context.database.read() as session:
            return await session.scalar(query) is not None
