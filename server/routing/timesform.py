"""The form of a duty's times: rows of days, hours and rotation, read and shown again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from server.errors import InvalidError
from server.people.model import DutyFacts
from server.people.shifts import Times
from server.people.tables import DutyTime

SPARE_ROWS: Final = 2
MOST_ROWS: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class TimesRow:
    """One row as the form shows it; an empty one has no days."""

    days: str = ""
    begins: str = ""
    ends: str = ""
    cycle_weeks: int | str = 1
    cycle_start: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was typed into a form of the roster that could not be carried out.

    Attributes:
        form: the end of its address, `absences`, `swaps` or `times`; empty for none.
        fields: the values by name.
    """

    form: str = ""
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def first(self) -> Mapping[str, str]:
        """The first value of each field."""
        return {name: values[0] for name, values in self.fields.items() if values}


def typed_rows(typed: Typed, duty: DutyFacts) -> list[TimesRow]:
    """Return the rows that were typed for a duty; none where they were not."""
    of = f"{duty.person}|{duty.role.value}|{duty.scope.value}|{duty.code}"
    if typed.form != "times" or typed.first.get("duty") != of:
        return []
    return [
        TimesRow(
            days="".join(typed.fields.get(f"days{number}", ())),
            begins=_first(typed.fields, f"begins{number}"),
            ends=_first(typed.fields, f"ends{number}"),
            cycle_weeks=_first(typed.fields, f"weeks{number}") or 1,
            cycle_start=_first(typed.fields, f"start{number}"),
        )
        for number in range(MOST_ROWS)
        if f"begins{number}" in typed.fields
    ]


def rows_of(times: Sequence[DutyTime], duty: DutyFacts) -> list[TimesRow]:
    """Return the rows of a duty's form, with some to spare."""
    mine = [
        TimesRow(
            days=one.days,
            begins=one.from_time,
            ends=one.until_time,
            cycle_weeks=one.cycle_weeks,
            cycle_start=one.cycle_start.isoformat() if one.cycle_start else "",
        )
        for one in times
        if (one.person, one.role, one.scope, one.code) == (duty.person, duty.role, duty.scope, duty.code)
    ]
    return [*mine, *(TimesRow() for _ in range(SPARE_ROWS))][:MOST_ROWS]


def read_times(fields: Mapping[str, Sequence[str]]) -> list[Times]:
    """Read the rows that have a day; times that make no sense are refused later, by `check_times`.

    Args:
        fields: by name with the row's number: `days0`, `begins0`, `ends0`, `weeks0`, `start0`.

    Raises:
        InvalidError: a number or a date is none, or a row has hours and no day.
    """
    found = []
    for number in range(MOST_ROWS):
        days = "".join(sorted(fields.get(f"days{number}", ())))
        begins, ends = _first(fields, f"begins{number}"), _first(fields, f"ends{number}")
        if not days and not (begins or ends):
            continue
        if not days:
            raise InvalidError("每一行至少选一天。")
        weeks, start = _first(fields, f"weeks{number}") or "1", _first(fields, f"start{number}")
        try:
            found.append(
                Times(
                    days=days,
                    begins=begins,
                    ends="24:00" if ends == "00:00" else ends,
                    cycle_weeks=int(weeks),
                    cycle_start=date.fromisoformat(start) if start else None,
                )
            )
        except ValueError as error:
            raise InvalidError("轮班写几周一轮，日期写成 2026-03-02 这样。") from error
    return found


def _first(fields: Mapping[str, Sequence[str]], name: str) -> str:
    values = fields.get(name, ())
    return values[0].strip() if values else ""
