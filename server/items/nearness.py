"""How far from the place somebody was who pressed. Nobody has to say it, and no position is ever kept.

A telephone that was asked for it sends its position with a press. Of it only the coarse distance to the
item's place is kept, beside the audit and not in it, for thirty days after the item closed.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select

from server.db.session import ReadSession, WriteSession
from server.items.card import Point, metres_between
from server.items.cardfacts import position_of
from server.items.model import Move
from server.items.nearmodel import Fix, coarse_m, distance_words, is_on_site
from server.items.tables import Item, ItemMove, PressDistance
from server.places.tables import Datum

MEASURED = (Move.ACCEPT, Move.ARRIVE, Move.FINISH)
"""Presses with which a distance says something."""


async def note_distance(
    session: WriteSession, item: Item, press: str, fix: Fix | None, *, now: datetime
) -> None:
    """Keep how far away a press was made; nothing where the telephone or the register does not say.

    Args:
        session: the transaction of the press.
        item: what was pressed.
        press: the press's id.
        fix: the position that came with it, if one did.
        now: the server's time.
    """
    if fix is None or not fix.is_credible:
        return
    query = select(ItemMove).where(ItemMove.item == item.id, ItemMove.press == press)
    move = await session.scalar(query)
    if move is None or move.move not in MEASURED or await session.get(PressDistance, move.id) is not None:
        return
    there = await position_of(session, item)
    here = Point(longitude=fix.longitude, latitude=fix.latitude, datum=Datum.WGS84.value)
    metres = metres_between(here, there)
    if metres is None:
        return
    session.add(
        PressDistance(
            move=move.id,
            item=item.id,
            metres=coarse_m(metres),
            on_site=is_on_site(metres, fix.accuracy_m),
            at=now,
        )
    )


async def distances_of(session: ReadSession, item: str) -> Mapping[int, tuple[str, dict[str, str]]]:
    """Return the words of the distances of an item's presses, by the move's id."""
    rows = await session.scalars(select(PressDistance).where(PressDistance.item == item))
    return {row.move: distance_words(row.metres, on_site=row.on_site) for row in rows}
