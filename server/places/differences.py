"""What files would change: rows that were read against rows that the register holds. Pure."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from server.places.exporter import as_text
from server.places.reading import Key, Row
from server.places.sheets import Sheet
from server.places.targets import TARGETS, Target


class Fate(StrEnum):
    """What an import does with a row."""

    ADDED = "added"
    CHANGED = "changed"
    GONE = "gone"
    """The file no longer has it, and the table has it no more."""
    KEPT = "kept"
    """The file no longer has it, and it stays: items and history speak of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """One row that differs.

    Attributes:
        key: what identifies it, as in the file.
        fate: what becomes of it.
        fields: of a changed one each differing column with the old and the new text, of an added one
            each filled column with an empty old text; empty for others.
    """

    key: str
    fate: Fate
    fields: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetChange:
    """What an import changes in one file's table."""

    sheet: str
    added: int
    changed: int
    unchanged: int
    gone: int
    """Rows that the file no longer has and that go: of sheets that are taken whole."""
    kept: int
    """Rows that the file no longer has. They stay: items and history speak of them."""
    rows: tuple[RowChange, ...] = ()
    """The first of those that differ, as many as were asked for."""

    @property
    def differs(self) -> bool:
        """Whether anything of the table changes."""
        return bool(self.added or self.changed or self.gone)


class Edit(NamedTuple):
    """A row that changes: what identifies it, and of each column that differs the new and the old value."""

    identity: Row
    new: Row
    old: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What one sheet does to its table.

    Attributes:
        sheet: which one.
        fresh: rows to be inserted, by the table's columns, parents before children.
        differing: what changes in rows that are there.
        missing: rows of the table that the file no longer has.
        change: the same for people.
    """

    sheet: Sheet
    fresh: Sequence[Row]
    differing: Sequence[Edit]
    missing: Sequence[Row]
    change: SheetChange


def compare(
    sheet: Sheet, rows: Mapping[Key, Row], known: Mapping[Key, Row], most_rows: int | None
) -> Difference:
    """Compare a sheet's rows with its table's.

    Args:
        sheet: which one.
        rows: of the file, by key.
        known: of the table, by the same key, columns by the table's names.
        most_rows: how many differing rows to name; None for all of them.
    """
    target = TARGETS[sheet.name]
    fresh: list[Row] = []
    differing: list[Edit] = []
    shown: list[RowChange] = []
    most = len(rows) + len(known) if most_rows is None else most_rows
    for key, row in _parents_first(sheet, rows).items():
        values = {target.column(title): value for title, value in row.items()} | target.always
        there = known.get(key)
        if there is None:
            fresh.append({**_absent_columns(sheet, target, row), **values})
            if len(shown) < most:
                shown.append(_row_change(key, Fate.ADDED, _filled(row)))
            continue
        changed = {name: value for name, value in values.items() if there[name] != value}
        if changed:
            identity = {name: there[name] for name in target.identity}
            differing.append(Edit(identity, changed, {name: there[name] for name in changed}))
            if len(shown) < most:
                shown.append(_row_change(key, Fate.CHANGED, _fields(target, row, there)))
    missing = {key: there for key, there in known.items() if key not in rows}
    fate = Fate.GONE if sheet.whole else Fate.KEPT
    shown += [_row_change(key, fate) for key in list(missing)[: most - len(shown)]]
    change = SheetChange(
        sheet=sheet.name,
        added=len(fresh),
        changed=len(differing),
        unchanged=len(rows) - len(fresh) - len(differing),
        gone=len(missing) if sheet.whole else 0,
        kept=0 if sheet.whole else len(missing),
        rows=tuple(shown),
    )
    return Difference(
        sheet=sheet, fresh=fresh, differing=differing, missing=list(missing.values()), change=change
    )


def digest_of(changes: Iterable[SheetChange]) -> str:
    """Return what stands for exactly these changes (SHA-256): the same rows, old and new.

    Rows that the files do not speak of do not count: they stay as they are.
    """
    seen = hashlib.sha256()
    for change in changes:
        for row in change.rows:
            if row.fate is not Fate.KEPT:
                told = [change.sheet, row.key, row.fate.value, sorted(row.fields.items())]
                seen.update(json.dumps(told, ensure_ascii=False).encode())
    return seen.hexdigest()


def blocks_of(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Yield rows in blocks."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def alike(edits: Iterable[Edit]) -> list[list[Edit]]:
    """Group changes of the same columns: one statement takes only such."""
    groups: dict[tuple[str, ...], list[Edit]] = {}
    for edit in edits:
        groups.setdefault(tuple(edit.new), []).append(edit)
    return list(groups.values())


def _row_change(key: Key, fate: Fate, fields: Mapping[str, tuple[str, str]] | None = None) -> RowChange:
    return RowChange(key="/".join(map(as_text, key)), fate=fate, fields=fields or {})


def _filled(row: Row) -> dict[str, tuple[str, str]]:
    return {title: ("", said) for title, value in row.items() if (said := as_text(value))}


def _fields(target: Target, row: Row, there: Row) -> dict[str, tuple[str, str]]:
    return {
        title: (as_text(there[target.column(title)]), as_text(value))
        for title, value in row.items()
        if there[target.column(title)] != value
    }


def _absent_columns(sheet: Sheet, target: Target, row: Row) -> Row:
    """Return what a new row has in the columns that its file does not have."""
    return {target.column(title): cell("") for title, cell in sheet.more.items() if title not in row}


def _parents_first(sheet: Sheet, rows: Mapping[Key, Row]) -> Mapping[Key, Row]:
    """Order grids so that each comes after the one it belongs to."""
    if sheet.name != "grids":
        return rows
    ordered: dict[Key, Row] = {}

    def place(key: Key, above: frozenset[Key]) -> None:
        parent = rows[key]["parent"]
        if parent is not None and (parent,) not in ordered and (parent,) not in above and (parent,) in rows:
            place((parent,), above | {key})
        ordered[key] = rows[key]

    for key in rows:
        if key not in ordered:
            place(key, frozenset())
    return ordered
