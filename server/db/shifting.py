"""Moving stored times when the clock they were written by is set back."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select

from server.db.base import Base
from server.db.session import WriteSession


async def bring_forward(
    session: WriteSession,
    table: type[Base],
    names: Iterable[str],
    *,
    where: ColumnElement[bool],
    by: timedelta,
    latest: datetime | None = None,
) -> int:
    """Make times of some rows earlier; returns how many rows there were.

    Args:
        session: the transaction.
        table: whose rows.
        names: of the columns; empty ones stay empty.
        where: which rows.
        by: how much earlier.
        latest: no time stays later than this; null: no such limit.
    """
    rows: list[Any] = list(await session.scalars(select(table).where(where)))
    columns = tuple(names)
    for row in rows:
        for name in columns:
            held: datetime | None = getattr(row, name)
            if held is not None:
                earlier = held - by
                setattr(row, name, earlier if latest is None else min(earlier, latest))
    return len(rows)
