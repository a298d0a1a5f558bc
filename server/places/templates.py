"""Files to begin from: empty tables with their columns, and a small street as an example."""

import csv
import io
from collections.abc import Mapping

from server.places.exporter import Table
from server.places.sheets import SHEETS


def template_tables() -> dict[str, Table]:
    """Return every sheet with its header alone."""
    return {sheet.name: [list(sheet.known)] for sheet in SHEETS}


def sample_tables(files: Mapping[str, bytes]) -> dict[str, Table]:
    """Return the sheets of files as tables."""
    return {
        name: list(csv.reader(io.StringIO(data.decode("utf-8-sig")), strict=True))
        for name, data in files.items()
    }
