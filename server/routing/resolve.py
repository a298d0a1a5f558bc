"""Who is responsible for a place. Pure: the facts of the street and a place in, a chain out.

Order: the building's own grid → the smallest grid polygon that holds the point → its comprehensive
or dedicated grid → the community → the desk. No place is ever without an owner.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from shapely import STRtree, from_wkt
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from server.people.tables import Role, Scope
from server.places.tables import GridKind
from server.routing.model import Chain, ChainLink

_ROLE_NAMES = {
    Role.LEADER: "网格长",
    Role.DEPUTY: "副网格长",
    Role.OFFICER: "综合网格专员",
    Role.DUTY_ROOM: "小区值班室",
    Role.MAINTAINER: "维护人员",
    Role.SECRETARY: "社区书记",
    Role.DESK: "指挥中心",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GridFacts:
    """A grid."""

    code: str
    name: str
    kind: GridKind
    community: str
    parent: str | None
    polygon: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildingFacts:
    """A building."""

    code: str
    name: str
    grid: str | None
    estate: str | None
    point: tuple[float, float] | None
    """Longitude and latitude, degrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyFacts:
    """A person's role for a place."""

    person: str
    name: str
    role: Role
    scope: Scope
    code: str
    reachable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """A device and where it is."""

    name: str = ""
    building: str | None = None
    floor: str = ""
    door: str = ""
    point: tuple[float, float] | None = None
    adopted: bool = True
    maintainer: str | None = None


@dataclass(frozen=True)
class Street:
    """Everything that responsibility depends on, at one moment."""

    communities: Mapping[str, str]
    estates: Mapping[str, tuple[str, str]]
    """Code to (name, community)."""
    grids: Mapping[str, GridFacts]
    buildings: Mapping[str, BuildingFacts]
    duties: Sequence[DutyFacts]
    people: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    """Code to (name, reachable)."""

    def on_duty(self, role: Role, scope: Scope, code: str) -> list[DutyFacts]:
        """Return who has a role for a place."""
        return [d for d in self.duties if (d.role, d.scope, d.code) == (role, scope, code)]

    @cached_property
    def _shapes(self) -> tuple[list[GridFacts], list[BaseGeometry], STRtree]:
        drawn = [grid for grid in self.grids.values() if grid.polygon]
        shapes = [from_wkt(grid.polygon) for grid in drawn]
        return drawn, shapes, STRtree(shapes)

    def grids_at(self, longitude: float, latitude: float) -> list[GridFacts]:
        """Return the grids whose polygon holds or touches a point, the smallest first."""
        drawn, shapes, tree = self._shapes
        found = tree.query(Point(longitude, latitude), predicate="intersects")
        ranked = sorted(found, key=lambda i: (shapes[i].area, drawn[i].code))
        return [drawn[i] for i in ranked]


@dataclass(frozen=True, slots=True)
class _Placed:
    grid: GridFacts | None
    how: str
    community: str | None
    estate: str | None


def resolve(street: Street, device: DeviceFacts | None) -> Chain:
    """Return the chain of a device; None stands for one that nobody registered."""
    placed = _place(street, device)
    links = _collect(street, device, placed)
    first = next((link for link in links if link.reachable), links[0])
    return Chain(
        links=tuple(links),
        community=placed.community,
        grid=placed.grid.code if placed.grid else None,
        building=device.building if device else None,
        where=_where(street, device, placed),
        device_name=device.name if device else "",
        reason=f"由{first.name}负责，因为{first.reason}。",
    )


def _place(street: Street, device: DeviceFacts | None) -> _Placed:
    if device is None or not device.adopted:
        return _Placed(None, "这个设备还没有登记地点", None, None)
    building = street.buildings.get(device.building or "")
    if building is not None and (grid := street.grids.get(building.grid or "")) is not None:
        return _Placed(grid, f"{building.name}属于{grid.name}", grid.community, building.estate)
    point = device.point or (building.point if building else None)
    if point is not None:
        found = street.grids_at(*point)
        if found:
            grid = found[0]
            how = f"设备的位置在{grid.name}范围内"
            return _Placed(grid, how, grid.community, building.estate if building else None)
    if building is not None and (estate := street.estates.get(building.estate or "")):
        name, community = estate
        return _Placed(None, f"{building.name}在{name}，没有划入网格", community, building.estate)
    return _Placed(None, "设备的位置不在任何网格内", None, None)


def _collect(
    street: Street, device: DeviceFacts | None, placed: _Placed
) -> list[ChainLink]:
    wanted: list[tuple[Role, Scope, str, str]] = []
    grid = placed.grid
    while grid is not None:
        how = placed.how if grid is placed.grid else f"{placed.how}，上一级是{grid.name}"
        wanted += [
            (role, Scope.GRID, grid.code, how) for role in (Role.LEADER, Role.DEPUTY, Role.OFFICER)
        ]
        grid = street.grids.get(grid.parent or "")
    if placed.estate is not None:
        wanted.append((Role.DUTY_ROOM, Scope.ESTATE, placed.estate, placed.how))
    if placed.community is not None:
        name = street.communities.get(placed.community, placed.community)
        how = f"{placed.how}，属于{name}"
        wanted += [
            (role, Scope.COMMUNITY, placed.community, how) for role in (Role.OFFICER, Role.SECRETARY)
        ]
    links = [
        _link(duty, how)
        for role, scope, code, how in wanted
        for duty in street.on_duty(role, scope, code)
    ]
    links += _maintainers(street, device, placed)
    desk = "" if links else f"（{placed.how}）"
    links += [
        _link(duty, f"没有更近的人可以通知时由指挥中心处理{desk}")
        for duty in street.on_duty(Role.DESK, Scope.STREET, "")
    ]
    if not any(link.role is Role.DESK for link in links):
        links.append(
            ChainLink(
                person="",
                name="指挥中心",
                role=Role.DESK,
                reachable=False,
                reason=f"没有登记值班人员，只显示在指挥中心的页面上{desk}",
            )
        )
    return _once(links)


def _maintainers(
    street: Street, device: DeviceFacts | None, placed: _Placed
) -> Iterable[ChainLink]:
    keeper = device.maintainer if device is not None else None
    if keeper is not None and keeper in street.people:
        name, reachable = street.people[keeper]
        yield ChainLink(
            person=keeper,
            name=name,
            role=Role.MAINTAINER,
            reachable=reachable,
            reason="负责维护这个网关",
        )
    if placed.community is not None:
        for duty in street.on_duty(Role.MAINTAINER, Scope.COMMUNITY, placed.community):
            yield _link(duty, placed.how)
    for duty in street.on_duty(Role.MAINTAINER, Scope.STREET, ""):
        yield _link(duty, "负责全街道的设备维护")


def _link(duty: DutyFacts, how: str) -> ChainLink:
    role = _ROLE_NAMES[duty.role]
    reason = how if duty.role is Role.DESK else f"{how}，{duty.name}是{role}"
    return ChainLink(
        person=duty.person, name=duty.name, role=duty.role, reachable=duty.reachable, reason=reason
    )


def _once(links: list[ChainLink]) -> list[ChainLink]:
    """Keep each person's nearest place in the chain only."""
    seen: set[tuple[str, bool]] = set()
    kept: list[ChainLink] = []
    for link in links:
        # A maintainer who also leads a grid is told as either.
        key = (link.person, link.role is Role.MAINTAINER)
        if key not in seen:
            seen.add(key)
            kept.append(link)
    return kept


def _where(street: Street, device: DeviceFacts | None, placed: _Placed) -> str:
    if device is None:
        return "地点未登记"
    parts: list[str] = []
    if placed.community:
        parts.append(street.communities.get(placed.community, ""))
    if placed.estate is not None and placed.estate in street.estates:
        parts.append(street.estates[placed.estate][0])
    building = street.buildings.get(device.building or "")
    if building is not None:
        parts.append(building.name)
    elif placed.grid is not None:
        parts.append(placed.grid.name)
    parts += [device.floor, device.door]
    return " ".join(part for part in parts if part) or "地点未登记"
