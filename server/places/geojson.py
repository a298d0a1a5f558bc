"""Boundaries as GeoJSON files beside the tables (RFC 7946). Pure.

A file `grids.geojson` is a collection of features whose property `code` names a row of grids; its
geometry becomes the row's polygon. RFC 7946 knows one datum, WGS 84; older files may name another in
`crs`, and a property `datum` says it for one feature.
"""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any, Final

from server.errors import ImportRefusedError
from server.places.reading import quote
from server.places.tables import Datum
from server.places.titles import column_title

SHEETS_WITH_POLYGONS: Final = ("areas", "communities", "grids")
_DATUMS: Final[Mapping[str, Datum]] = {
    "urn:ogc:def:crs:OGC:1.3:CRS84": Datum.WGS84,
    "urn:ogc:def:crs:EPSG::4326": Datum.WGS84,
    "EPSG:4326": Datum.WGS84,
    "urn:ogc:def:crs:EPSG::4490": Datum.CGCS2000,
    "EPSG:4490": Datum.CGCS2000,
}


def merge_boundaries(files: Mapping[str, bytes], boundaries: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files with the polygons of GeoJSON files written into their rows.

    Args:
        files: CSV by sheet name.
        boundaries: GeoJSON by sheet name.

    Raises:
        ImportRefusedError: each problem, by file and number of the feature, the first being 1.
    """
    merged = dict(files)
    problems: list[str] = []
    for name, data in boundaries.items():
        if name not in SHEETS_WITH_POLYGONS or name not in files:
            allowed = " or ".join(SHEETS_WITH_POLYGONS)
            problems.append(f"{name}.geojson: found no table for it, allowed {allowed}, with its CSV file")
            continue
        drawn = _read(f"{name}.geojson", data, problems)
        merged[name] = _write_into(name, files[name], drawn, problems)
    if problems:
        raise ImportRefusedError(problems)
    return merged


def _read(name: str, data: bytes, problems: list[str]) -> dict[str, tuple[str, str]]:
    """Return geometry as text and datum by code."""
    try:
        collection = json.loads(data)
    except (ValueError, RecursionError) as error:
        problems.append(f"{name}: found no JSON: {error}")
        return {}
    if not isinstance(collection, dict) or not isinstance(collection.get("features"), list):
        problems.append(f"{name}: found no FeatureCollection")
        return {}
    datum = _datum_of(collection.get("crs"))
    if datum is None:
        problems.append(f"{name}: found another crs, allowed {', '.join(_DATUMS)}")
        return {}
    drawn: dict[str, tuple[str, str]] = {}
    for number, feature in enumerate(collection["features"], start=1):
        properties = feature.get("properties") if isinstance(feature, dict) else None
        code = properties.get("code") if isinstance(properties, dict) else None
        if isinstance(code, int):  # drawing programs guess the type of a column
            code = str(code)
        if not isinstance(code, str) or not isinstance(feature.get("geometry"), dict):
            problems.append(f"{name}: feature {number}: found no property code, or no geometry")
        elif code in drawn:
            problems.append(f"{name}: feature {number}: found {code} a second time")
        else:
            own = str((properties or {}).get("datum", datum.value))
            drawn[code] = (json.dumps(feature["geometry"]), own)
    return drawn


def _datum_of(crs: Any) -> Datum | None:
    """Return what an older file's `crs` says; WGS 84 when it says nothing."""
    if crs is None:
        return Datum.WGS84
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return _DATUMS.get(name) if isinstance(name, str) else None


def _write_into(name: str, data: bytes, drawn: dict[str, tuple[str, str]], problems: list[str]) -> bytes:
    """Return a CSV file with polygons and datums set; one that cannot be read is left for the reader."""
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return data
    codes = {column_title(name, column): column for column in ("code", "polygon", "datum")}
    header = [codes.get(title.strip(), title.strip()) for title in rows[0]] if rows else []
    if "code" not in header:
        return data
    added = [title for title in ("polygon", "datum") if title not in header]
    header += added
    code, polygon, datum = (header.index(title) for title in ("code", "polygon", "datum"))
    left = dict(drawn)
    for row in rows[1:]:
        row.extend([""] * len(added))
        if len(row) == len(header) and row[code].strip() in left:
            row[polygon], row[datum] = left.pop(row[code].strip())
    problems += [
        f"{name}.geojson: found a feature {quote(one)}, allowed a code of {name}.csv" for one in left
    ]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows[1:]])
    return out.getvalue().encode()
