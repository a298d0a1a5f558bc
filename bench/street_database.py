"""A whole street in a database, for the measurements of the server: made at once, without the importer."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import create_engine, insert
from sqlalchemy.engine import Engine

from server.db.migrate import migrate
from server.devices.tables import Device, Gateway
from server.people.tables import Duty, Person, Role, Scope
from server.places.tables import Building, Community, Estate, Grid, GridKind, PlacesVersion

GATEWAYS: Final = 600
DEVICES_EACH: Final = 200
GRIDS: Final = 1_414
COMMUNITIES: Final = 57
NOW: Final = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


@contextmanager
def street_database() -> Iterator[str]:
    """Make the street's places, people, 600 gateways and 120,000 devices; yields the address."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "gridwarden.db"
        url = f"sqlite+aiosqlite:///{path}"
        migrate(url)
        engine = create_engine(f"sqlite:///{path}")
        _fill(engine)
        engine.dispose()
        yield url


def grid_of(gateway: int, device: int) -> int:
    """Return the number of the grid in which a device stands."""
    return (gateway * 2 + device % 2) % GRIDS


def _fill(engine: Engine) -> None:
    communities = [{"code": f"c{n}", "name": f"社区{n}"} for n in range(COMMUNITIES)]
    estates = [
        {"code": f"e{n}", "name": f"小区{n}", "community": f"c{n}", "address": ""} for n in range(COMMUNITIES)
    ]
    grids = [
        {"code": f"g{n}", "name": f"{n}号", "community": f"c{n % COMMUNITIES}", "kind": GridKind.MICRO}
        for n in range(GRIDS)
    ]
    buildings = [
        {"code": f"b{n}", "name": f"{n}号楼", "estate": f"e{n % COMMUNITIES}", "grid": f"g{n}"}
        for n in range(GRIDS)
    ]
    people = [
        {"code": f"{role}{n}", "name": f"人{role}{n}", "webhook_url": "https://phone.example", "active": True}
        for role, count in (("l", GRIDS), ("d", GRIDS), ("s", COMMUNITIES), ("r", COMMUNITIES), ("desk", 1))
        for n in range(count)
    ]
    duties = [
        {"person": f"{letter}{n}", "role": role, "scope": scope, "code": f"{prefix}{n}" if prefix else ""}
        for letter, role, scope, prefix, count in (
            ("l", Role.LEADER, Scope.GRID, "g", GRIDS),
            ("d", Role.DEPUTY, Scope.GRID, "g", GRIDS),
            ("s", Role.SECRETARY, Scope.COMMUNITY, "c", COMMUNITIES),
            ("r", Role.DUTY_ROOM, Scope.ESTATE, "e", COMMUNITIES),
            ("desk", Role.DESK, Scope.STREET, "", 1),
        )
        for n in range(count)
    ]
    gateways = [
        {"id": f"gw-{n:03}", "name": f"网关{n}", "building": f"b{grid_of(n, 0)}", "registered": True}
        for n in range(GATEWAYS)
    ]
    devices = [
        {
            "gateway": f"gw-{g:03}",
            "device": f"d{d}",
            "name": "厨房探测器",
            "building": f"b{grid_of(g, d)}",
            "floor": "2",
            "door": "201",
            "adopted": True,
            "first_heard_at": NOW,
        }
        for g in range(GATEWAYS)
        for d in range(DEVICES_EACH)
    ]
    with engine.begin() as connection:
        for table, rows in (
            (Community, communities),
            (Estate, estates),
            (Grid, grids),
            (Building, buildings),
            (Person, people),
            (Duty, duties),
            (Gateway, gateways),
            (Device, devices),
            (PlacesVersion, [{"at": NOW}]),
        ):
            connection.execute(insert(table), rows)
