"""What one cell of an import file may hold. Pure.

A cell takes the text between two commas, without the blanks around it, and returns its value or raises
`CellError`, whose text says what is allowed.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from shapely import from_geojson, from_wkt, to_wkt
from shapely.errors import ShapelyError

from server.clock import STREET_ZONE, is_plausible
from server.people.dialling import dialled, is_web_address
from wire.topics import is_gateway_id

Cell = Callable[[str], Any]
_MOST_TEXT: Final = 200
_MOST_ADDRESS: Final = 400
_MOST_COUNT: Final = 10_000_000
_MOST_DIGITS: Final = 20
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHEET_ERRORS: Final = frozenset(
    {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"}
)
"""What a spreadsheet shows where a formula has no result (Microsoft: ERROR.TYPE function)."""
_NO_CODES: Final = frozenset({".", ".."})
_NOT_IN_CODES: Final = frozenset("/\\|")
"""Codes stand in the addresses of pages and between bars in forms."""
_SHEET_TIME: Final = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(?: +(\d{1,2}):(\d{2})(?::00)?)?")
"""How spreadsheets write a day or a time back into a CSV file: `2026/3/1 8:00`."""
_SHORT_MINUTE: Final = re.compile(r"\d:\d\d")
_DAYS: Final = re.compile(r"1?2?3?4?5?6?7?")
_END_OF_DAY: Final = "24:00"
_ANSWERS: Final = {"yes": True, "no": False}
_EXACT: Final = -1
_LONGITUDES: Final = 180
_LATITUDES: Final = 90
_MINUTE: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")


class CellError(ValueError):
    """A cell cannot be used; the text says what is allowed."""


def text(most: int = _MOST_TEXT) -> Cell:
    """Take any text that is not empty."""

    def take(value: str) -> str:
        if not value:
            raise CellError("text")
        return _at_most(value, most)

    return take


def code(most: int = 40) -> Cell:
    """Take what names a row: text that can stand in the address of a page."""
    plain = text(most)

    def take(value: str) -> str:
        if value in _NO_CODES or _NOT_IN_CODES.intersection(value):
            raise CellError("a code without slashes and bars")
        return str(plain(value))

    return take


def blank(most: int = _MOST_TEXT) -> Cell:
    """Take any text, also none."""
    return lambda value: _at_most(value, most)


def optional(cell: Cell) -> Cell:
    """Take an empty cell as None."""
    return lambda value: cell(value) if value else None


def default(cell: Cell, value: Any) -> Cell:
    """Take an empty cell as a value."""
    return lambda found: cell(found) if found else value


def word(vocabulary: type[StrEnum]) -> Cell:
    """Take a member of a closed vocabulary."""

    def take(value: str) -> StrEnum:
        try:
            return vocabulary(value)
        except ValueError as error:
            raise CellError(", ".join(vocabulary)) from error

    return take


def count(least: int = 0, most: int = _MOST_COUNT) -> Cell:
    """Take a whole number between two bounds, both allowed."""

    def take(value: str) -> int:
        is_number = value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS
        if not is_number or not least <= int(value) <= most:
            raise CellError(f"a whole number from {least} to {most}")
        return int(value)

    return take


def degrees(limit: float) -> Cell:
    """Take a number of degrees up to a limit on both sides of 0."""

    def take(value: str) -> float:
        try:
            number = float(value)
        except ValueError as error:
            raise CellError("a number of degrees") from error
        if not -limit <= number <= limit:
            raise CellError(f"degrees between -{limit:g} and {limit:g}")
        return number

    return take


def day(value: str) -> date:
    """Take a date."""
    try:
        found = date.fromisoformat(_as_iso(value))
    except ValueError as error:
        raise CellError("a date as YYYY-MM-DD") from error
    if not is_plausible(found):
        raise CellError("a year from 1900 to 2199")
    return found


def moment(value: str) -> datetime:
    """Take a date and time; one without an offset is the street's time."""
    try:
        found = datetime.fromisoformat(_as_iso(value))
    except ValueError as error:
        raise CellError("a time as YYYY-MM-DD HH:MM, in the street's time or with an offset") from error
    if not is_plausible(found):
        raise CellError("a year from 1900 to 2199")
    return found if found.tzinfo is not None else found.replace(tzinfo=STREET_ZONE)


def weekdays(value: str) -> str:
    """Take days of the week, 1 for Monday to 7 for Sunday, e.g. `12345`."""
    if not value or not _DAYS.fullmatch(value):
        raise CellError("days of the week in order, 1 (Monday) to 7 (Sunday), e.g. 12345")
    return value


def minute(value: str) -> str:
    """Take a time of day, `00:00` to `24:00`."""
    if _SHORT_MINUTE.fullmatch(value):
        value = f"0{value}"
    if not _MINUTE.fullmatch(value):
        raise CellError("a time of day as HH:MM, 00:00 to 24:00")
    return value


def first_minute(value: str) -> str:
    """Take a time of day at which something may begin."""
    found = minute(value)
    if found == _END_OF_DAY:
        raise CellError("a time of day as HH:MM, 00:00 to 23:59")
    return found


def monday(value: str) -> date:
    """Take a date that is a Monday."""
    found = day(value)
    if found.isoweekday() != 1:
        raise CellError("a Monday as YYYY-MM-DD")
    return found


def yes_no(value: str) -> bool:
    """Take `yes` or `no`."""
    if value not in _ANSWERS:
        raise CellError("yes or no")
    return _ANSWERS[value]


def polygon(value: str) -> str:
    """Take a valid polygon or multipolygon, as WKT or as a GeoJSON geometry (RFC 7946); returns WKT."""
    is_json = value.startswith("{")
    try:
        shape = from_geojson(value) if is_json else from_wkt(value)
    except ShapelyError as error:
        raise CellError("a polygon as WKT, e.g. POLYGON((…)), or as a GeoJSON geometry") from error
    if shape.geom_type not in ("Polygon", "MultiPolygon"):
        raise CellError(f"POLYGON or MULTIPOLYGON, not {shape.geom_type.upper()}")
    if shape.is_empty or not shape.is_valid:
        raise CellError("a polygon whose edges do not cross")
    west, south, east, north = shape.bounds
    if west < -_LONGITUDES or east > _LONGITUDES or south < -_LATITUDES or north > _LATITUDES:
        raise CellError("degrees, longitude before latitude")
    return str(to_wkt(shape, rounding_precision=_EXACT)) if is_json else value


def telephone(value: str) -> str:
    """Take a telephone number; returns it as it is dialled."""
    number = dialled(value)
    if number is None:
        raise CellError("a telephone number of digits, a plus sign may come first")
    return number


def web_address(value: str) -> str:
    """Take an http or https address."""
    if not is_web_address(value):
        raise CellError("an address that begins with http:// or https://")
    return _at_most(value, _MOST_ADDRESS)


def picture_address(value: str) -> str:
    """Take the address of a camera's picture, without a name and password in it."""
    try:
        parts = urlsplit(value)
    except ValueError:  # a bracket of an IPv6 address is missing
        parts = urlsplit("")
    if parts.scheme not in ("rtsp", "rtsps", "http", "https") or not parts.netloc:
        raise CellError("an address that begins with rtsp://, rtsps://, http:// or https://")
    if "@" in parts.netloc:
        raise CellError("an address without a name and password, which do not belong into this file")
    return _at_most(value, _MOST_ADDRESS)


def gateway_id(value: str) -> str:
    """Take a gateway's id."""
    if not is_gateway_id(value):
        raise CellError("lower-case letters, digits and inner hyphens, at most 64")
    return value


def _as_iso(value: str) -> str:
    """Return a day or time as ISO 8601 writes it, where a spreadsheet has written it in its own way."""
    found = _SHEET_TIME.fullmatch(value)
    if found is None:
        return value
    year, month, day_, hour, minute_ = found.groups()
    return f"{year}-{month:0>2}-{day_:0>2}" + (f" {hour:0>2}:{minute_}" if hour else "")


def _at_most(value: str, most: int) -> str:
    if value in _SHEET_ERRORS:
        raise CellError("a value, not the error of a formula")
    if _CONTROLS.search(value):
        raise CellError("text on one line, without control characters")
    if len(value) > most:
        raise CellError(f"at most {most} characters")
    return value
