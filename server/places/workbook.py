"""Streets as Excel workbooks: one sheet for each file, every cell as text.

openpyxl takes 19 MB: it is loaded with the first workbook.
"""

import asyncio
import csv
import io
import zipfile
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any, Final

from server.db.session import Database
from server.errors import ImportRefusedError, ServerError
from server.places.exporter import Table, as_text, export_street, in_chinese
from server.places.reading import quote
from server.places.sheets import SHEETS
from server.places.titles import sheet_named, sheet_title

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST_BYTES: Final = 512 * 1024 * 1024
"""Unpacked; a workbook is a ZIP file and may be a bomb."""
_MOST_TEXT: Final = 32_767
"""Characters in one cell, Excel's limit (Microsoft: Excel specifications and limits)."""
_AS_TEXT: Final = "@"


def read_workbook(name: str, data: bytes) -> dict[str, bytes]:
    """Return the sheets of a workbook as CSV by sheet name; what is no file of a street is refused.

    Args:
        name: the workbook's, for problems.
        data: its bytes.

    Raises:
        ImportRefusedError: it is no workbook, too large, or has a sheet that is no file of a street.
    """
    try:
        return _read_sheets(name, data)
    except ImportRefusedError:
        raise
    except Exception as error:
        # Of a damaged file openpyxl and zipfile raise whatever comes.
        raise ImportRefusedError([f"{name}: found no Excel workbook (.xlsx): {error}"]) from error


def _read_sheets(name: str, data: bytes) -> dict[str, bytes]:
    from openpyxl import load_workbook

    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        if sum(part.file_size for part in packed.infolist()) > _MOST_BYTES:
            raise ImportRefusedError([f"{name}: found more than {_MOST_BYTES} bytes inside"])
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    known = [sheet.name for sheet in SHEETS]
    problems: list[str] = []
    titles: dict[str, str] = {}
    for title in book.sheetnames:
        sheet = sheet_named(title.strip())
        if sheet not in known:
            problems.append(f"{name}: found a sheet {quote(title)}, allowed {', '.join(known)}")
        elif sheet in titles:
            problems.append(f"{name}: found the table of {quote(titles[sheet])} a second time: {title}")
        titles.setdefault(sheet, title)
    if not book.sheetnames:
        problems.append(f"{name}: found no Excel workbook (.xlsx): no sheet")
    if problems:
        raise ImportRefusedError(problems)
    return {sheet: _as_csv(book[title].iter_rows(values_only=True)) for sheet, title in titles.items()}


def write_workbook(tables: Mapping[str, Table]) -> bytes:
    """Return a workbook with a sheet for each table; cells are text, so that codes keep their zeros.

    Raises:
        ServerError: a cell, such as a very detailed polygon, is longer than Excel takes.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    _refuse_long_cells(tables)
    header = Font(bold=True)
    book = Workbook(write_only=True)
    for name, rows in tables.items():
        sheet = book.create_sheet(name)
        sheet.freeze_panes = "A2"
        for number, row in enumerate(rows):
            cells = [WriteOnlyCell(sheet, value=value or None) for value in row]
            for cell, value in zip(cells, row, strict=True):
                if value:
                    cell.data_type = "s"  # else a text that begins with "=" becomes a formula
                cell.number_format = _AS_TEXT
                if number == 0:
                    cell.font = header
            sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def write_book(tables: Mapping[str, Table], *, chinese: bool) -> bytes:
    """Return a workbook in Chinese or in the words of programs, see `write_workbook`."""
    if chinese:
        tables = {sheet_title(name): in_chinese(name, rows) for name, rows in tables.items()}
    return write_workbook(tables)


async def street_book(database: Database, *, chinese: bool) -> bytes:
    """Return the whole street as a workbook; of a large one half a minute of arithmetic."""
    async with database.read() as session:
        tables = await export_street(session)
    return await asyncio.to_thread(write_book, tables, chinese=chinese)


def _refuse_long_cells(tables: Mapping[str, Table]) -> None:
    """Refuse what would be cut off silently."""
    for name, rows in tables.items():
        for number, row in enumerate(rows, start=1):
            for column, value in enumerate(row, start=1):
                if len(value) > _MOST_TEXT:
                    raise ServerError(
                        f"{name}:{number}:{column}: longer than Excel takes, export CSV instead"
                    )


def _as_csv(rows: Any) -> bytes:
    """Return rows of a sheet as CSV: as wide as the header, without the empty rows below."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    width = 0
    for number, row in enumerate(rows):
        texts = [_text(value) for value in row]
        if number == 0:
            width = max((at for at, text in enumerate(texts, start=1) if text), default=0)
        surplus = any(texts[width:])
        writer.writerow(texts if surplus else [*texts[:width], *[""] * (width - len(texts))])
    return out.getvalue().encode()


def _text(value: Any) -> str:
    """Return a cell as people see it: spreadsheets turn texts into numbers and dates by themselves."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time(0) else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, timedelta):  # a time of day of 24:00, which no clock knows
        hours, minutes = divmod(round(value.total_seconds() / 60), 60)
        return f"{hours:02}:{minutes:02}"
    return as_text(value)
