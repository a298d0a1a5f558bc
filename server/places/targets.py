"""Which table each sheet of a street fills, and under which names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import inspect as inspect_table
from sqlalchemy.orm import InstrumentedAttribute

from server.db.base import Base
from server.devices.tables import Device, Gateway
from server.people.tables import Absence, Duty, DutyTime, Holiday, Person, Swap
from server.places.reading import Row
from server.places.tables import (
    Area,
    Block,
    Building,
    Camera,
    Community,
    Door,
    Estate,
    Grid,
    Unit,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The table of a sheet.

    Attributes:
        table: where the rows go.
        renamed: columns whose name in the table is another.
        always: what every row of the file gets besides, and which rows are written out.
    """

    table: type[Base]
    renamed: Mapping[str, str] = field(default_factory=dict)
    always: Row = field(default_factory=dict)

    def column(self, title: str) -> str:
        """Return the table's name of a column of the file."""
        return self.renamed.get(title, title)

    def attribute(self, name: str) -> InstrumentedAttribute[object]:
        """Return a column of the table by its name there."""
        found: InstrumentedAttribute[object] = getattr(self.table, name)
        return found

    @property
    def identity(self) -> list[str]:
        """The names of the primary key's columns."""
        return [str(column.key) for column in inspect_table(self.table).primary_key]


_SPAN: Final = {"from": "from_at", "until": "until_at"}

TARGETS: Final[Mapping[str, Target]] = {
    "areas": Target(table=Area),
    "communities": Target(table=Community),
    "estates": Target(table=Estate),
    "grids": Target(table=Grid),
    "blocks": Target(table=Block),
    "buildings": Target(table=Building),
    "units": Target(table=Unit),
    "doors": Target(table=Door),
    "people": Target(table=Person),
    "duties": Target(table=Duty),
    "duty_times": Target(table=DutyTime, renamed={"from": "from_time", "until": "until_time"}),
    "absences": Target(table=Absence, renamed=_SPAN),
    "swaps": Target(table=Swap, renamed=_SPAN),
    "holidays": Target(table=Holiday),
    "cameras": Target(table=Camera),
    # What was only heard of becomes registered.
    "gateways": Target(table=Gateway, renamed={"gateway": "id"}, always={"registered": True}),
    "devices": Target(table=Device, always={"adopted": True}),
}
