"""Maps of grids as GeoJSON (RFC 7946) for the pages' script: shapes, their troubles, buildings. Pure.

The owner's coordinates are drawn as they are, without a base map: of several datums only the one that
most shapes share is drawn, for some hundred metres lie between the others.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote

from shapely import from_wkt, set_precision, to_geojson
from shapely.geometry.base import BaseGeometry

from server.people.model import Role, Scope
from server.places.tables import Building, Datum
from server.routing.boundaries import LEAVES, Finding
from server.routing.street import GridFacts, Street, comparable

_FINEST_DEGREES: Final = 1e-6
"""A tenth of a metre."""


def draw_street(
    street: Street, grids: Sequence[GridFacts], findings: Sequence[Finding], thin: Collection[str]
) -> dict[str, Any]:
    """Return the street: every micro and dedicated grid, leading to its community."""
    leaves = [grid for grid in grids if grid.kind in LEAVES]
    features = [
        _feature(street, grid, thin, address=f"/desk/grids/communities/{quote(grid.community)}")
        for grid in leaves
    ]
    return _collection(street, features, findings, leaves)


def draw_community(
    street: Street,
    community: str,
    grids: Sequence[GridFacts],
    findings: Sequence[Finding],
    thin: Collection[str],
) -> dict[str, Any]:
    """Return a community: its own boundary and its grids, each leading to its page."""
    leaves = [grid for grid in grids if grid.kind in LEAVES]
    shown = leaves or list(grids)
    features = [_feature(street, grid, thin, address=f"/desk/grids/{quote(grid.code)}") for grid in shown]
    whole = street.communities[community]
    around = [_outline(whole.name, whole.polygon)] if whole.polygon else []
    return _collection(street, [*around, *features], findings, shown)


def draw_grid(
    street: Street,
    grid: GridFacts,
    findings: Sequence[Finding],
    buildings: Sequence[Building],
    is_thin: bool,
) -> dict[str, Any]:
    """Return a grid with its buildings and its neighbours' shapes around it."""
    thin = {grid.code} if is_thin else set[str]()
    features = [_feature(street, grid, thin, address="")]
    drawn = _collection(street, features, findings, [grid])
    drawn["buildings"] = [
        {"code": one.code, "name": one.name, "at": [one.longitude, one.latitude]}
        for one in buildings
        if one.longitude is not None and comparable(one.datum) is comparable(grid.datum)
    ]
    return drawn


def _collection(
    street: Street,
    features: Sequence[dict[str, Any]],
    findings: Iterable[Finding],
    grids: Sequence[GridFacts],
) -> dict[str, Any]:
    datum = _common_datum(grids)
    other = {
        grid.code for grid in street.grids.values() if grid.polygon and comparable(grid.datum) is not datum
    }
    kept = [one for one in features if one["properties"]["name"] not in other]
    troubles = [_trouble(number, one) for number, one in enumerate(findings) if not set(one.grids) & other]
    return {
        "type": "FeatureCollection",
        "features": [one for one in (*kept, *troubles) if one["geometry"]],
        "buildings": [],
        "undrawn": len([one for one in features if not one["geometry"]]) + len(features) - len(kept),
    }


def _common_datum(grids: Iterable[GridFacts]) -> Datum:
    counted = Counter(comparable(grid.datum) for grid in grids if grid.polygon)
    return counted.most_common(1)[0][0] if counted else Datum.WGS84


def _feature(street: Street, grid: GridFacts, thin: Collection[str], *, address: str) -> dict[str, Any]:
    led = bool(street.roster.duties_of((Role.LEADER, Scope.GRID, grid.code)))
    state = "leaderless" if not led else "thin" if grid.code in thin else "covered"
    return {
        "type": "Feature",
        "properties": {"name": grid.code, "label": grid.name, "state": state, "address": address},
        "geometry": _geometry(from_wkt(grid.polygon)) if grid.polygon else None,
    }


def _outline(name: str, polygon: str) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"name": "outline", "label": name, "state": "outline", "address": ""},
        "geometry": _geometry(from_wkt(polygon)),
    }


def _trouble(number: int, finding: Finding) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {
            "name": f"trouble {number}",
            "label": "",
            "state": finding.trouble.value,
            "address": "",
        },
        "geometry": _geometry(finding.shape) if finding.shape is not None else None,
    }


def _geometry(shape: BaseGeometry) -> Any:
    return json.loads(to_geojson(set_precision(shape, _FINEST_DEGREES)))
