"""To whom the desk can give an item: first who answers for its place and is on duty, then everybody else."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from server.db.session import ReadSession
from server.items.responsible import responsible_for
from server.items.tables import Item
from server.people.model import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Somebody to whom an item can be given.

    Attributes:
        code: the person's.
        name: their name.
        role: as what they answer for the item's place; None for everybody else.
        on_duty: they are in the chain of the place and can be told now.
        namesake: somebody else is called the same, so that the name alone does not say who it is.
    """

    code: str
    name: str
    role: Role | None
    on_duty: bool
    namesake: bool


async def receivers_of(
    session: ReadSession, item: Item, names: Mapping[str, str], *, now: datetime
) -> list[Receiver]:
    """Return to whom an item can be given: its place's people on duty, those off duty, all others.

    Args:
        session: where to read.
        item: the item.
        names: of the people in service whom the asker may know, by code, in order.
        now: the moment: who is on duty changes.
    """
    found = await responsible_for(session, item.gateway, item.device, now=now)
    here = {one.person: one.role for one in found.people}
    roles = {**here, **{code: role for code, role in found.off_duty.items() if code not in here}}
    called = Counter(names.values())
    order = [code for code in roles if code in names] + [code for code in names if code not in roles]
    return [
        Receiver(
            code=code,
            name=names[code],
            role=roles.get(code),
            on_duty=code in here,
            namesake=called[names[code]] > 1,
        )
        for code in order
    ]
