"""Lines of CSV that spreadsheets open safely: no text of ours is taken for a formula. Pure."""

import csv
import io
from collections.abc import Iterable
from typing import Final

MARK: Final = "\ufeff"
"""Stands at the beginning of a file: spreadsheets know UTF-8 by it."""
_UNSAFE: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_line(values: Iterable[object]) -> str:
    """Return one line; a text that begins as a formula does gets an apostrophe."""
    out = io.StringIO()
    csv.writer(out).writerow(
        f"'{value}" if isinstance(value, str) and value.startswith(_UNSAFE) else value for value in values
    )
    return out.getvalue()
