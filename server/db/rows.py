"""Rows as plain values, for inserts of many at once."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Table, inspect

from server.db.base import Base

Values = dict[str, Any]


def values_by_table(rows: Sequence[Base]) -> Iterator[tuple[Table, list[Values]]]:
    """Yield for each table the values of its rows, in the order in which they were added."""
    by_class: dict[type[Base], list[Values]] = {}
    for row in rows:
        by_class.setdefault(type(row), []).append(_values(row))
    for class_, values in by_class.items():
        table = class_.__table__
        assert isinstance(table, Table), "mapped to a table"
        yield table, values


def _values(row: Base) -> Values:
    held = row.__dict__
    return {
        name: held[attribute] if attribute in held else default()
        for attribute, name, default in _columns(type(row))
    }


@cache
def _columns(class_: type[Base]) -> tuple[tuple[str, str, Callable[[], Any]], ...]:
    """Return attribute, column and default of everything that the database does not number itself."""
    mapper = inspect(class_)
    numbered = mapper.local_table.autoincrement_column  # type: ignore[attr-defined]  # a table, not a join
    return tuple(
        (mapper.get_property_by_column(column).key, column.key, _default(column))
        for column in mapper.columns
        if column is not numbered
    )


def _default(column: Column[Any]) -> Callable[[], Any]:
    default: Any = column.default
    if default is None:
        return lambda: None
    if default.is_callable:
        return lambda: default.arg(None)
    return lambda: default.arg
