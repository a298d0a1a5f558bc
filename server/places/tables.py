"""Tables of places."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc, Word


class GridKind(StrEnum):
    """What a grid is."""

    MICRO = "micro"
    """微网格: at most 100 households."""
    COMPREHENSIVE = "comprehensive"
    """综合网格: several micro-grids."""
    DEDICATED = "dedicated"
    """专属网格: a business block, park or school."""


class Purpose(StrEnum):
    """What a dedicated grid is there for."""

    BUSINESS = "business"
    """商务楼宇: a business block."""
    PARK = "park"
    """产业园区: an industrial or business park."""
    SCHOOL = "school"
    """学校."""
    MARKET = "market"
    """市场、商圈."""
    HOSPITAL = "hospital"
    """医院、养老机构."""
    OTHER = "other"


class Datum(StrEnum):
    """What coordinates refer to."""

    WGS84 = "wgs84"
    """WGS 84: satellite receivers."""
    CGCS2000 = "cgcs2000"
    """The national system (GB 22021-2008). Its axes agree with WGS 84 to within decimetres: the same here."""
    GCJ02 = "gcj02"
    """What domestic web maps show. Its shift, some hundred metres, is not published: never converted."""


class Area(Base):
    """A neighbourhood area (片区): several communities; `polygon` is WKT as in `Grid`."""

    __tablename__ = "area"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    polygon: Mapped[str | None] = mapped_column(Text)
    datum: Mapped[Datum] = mapped_column(Word(Datum), default=Datum.WGS84, server_default="wgs84")


class Community(Base):
    """A community (社区) of the street; `polygon` is WKT as in `Grid`."""

    __tablename__ = "community"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    area: Mapped[str | None] = mapped_column(ForeignKey("area.code"), index=True)
    polygon: Mapped[str | None] = mapped_column(Text)
    datum: Mapped[Datum] = mapped_column(Word(Datum), default=Datum.WGS84, server_default="wgs84")


class Estate(Base):
    """A housing estate (小区)."""

    __tablename__ = "estate"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    community: Mapped[str] = mapped_column(ForeignKey("community.code"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(String(200), default="", server_default="")
    households: Mapped[int | None]
    residents: Mapped[int | None]


class Grid(Base):
    """A grid (网格); `polygon` is WKT, longitude before latitude in the row's datum, or null.

    Of residents only their number is kept.
    """

    __tablename__ = "grid"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    community: Mapped[str] = mapped_column(ForeignKey("community.code"), index=True)
    kind: Mapped[GridKind] = mapped_column(Word(GridKind))
    name: Mapped[str] = mapped_column(String(100))
    parent: Mapped[str | None] = mapped_column(ForeignKey("grid.code"))
    polygon: Mapped[str | None] = mapped_column(Text)
    datum: Mapped[Datum] = mapped_column(Word(Datum), default=Datum.WGS84, server_default="wgs84")
    purpose: Mapped[Purpose | None] = mapped_column(Word(Purpose))
    households: Mapped[int | None]
    residents: Mapped[int | None]


class Block(Base):
    """A business block (商务楼宇): one or more buildings with a grid of their own."""

    __tablename__ = "block"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    community: Mapped[str] = mapped_column(ForeignKey("community.code"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    grid: Mapped[str | None] = mapped_column(ForeignKey("grid.code"), index=True)


class Building(Base):
    """A building; `grid` is its grid by name, `feeder` the power line it hangs on."""

    __tablename__ = "building"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    estate: Mapped[str | None] = mapped_column(ForeignKey("estate.code"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    grid: Mapped[str | None] = mapped_column(ForeignKey("grid.code"), index=True)
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    datum: Mapped[Datum] = mapped_column(Word(Datum), default=Datum.WGS84, server_default="wgs84")
    feeder: Mapped[str | None] = mapped_column(String(40), index=True)
    block: Mapped[str | None] = mapped_column(ForeignKey("block.code"), index=True)
    floors: Mapped[int | None]
    households: Mapped[int | None]


class Unit(Base):
    """One entrance of a building (单元) with the flats behind it."""

    __tablename__ = "unit"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    building: Mapped[str] = mapped_column(ForeignKey("building.code"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    households: Mapped[int | None]
    grid: Mapped[str | None] = mapped_column(ForeignKey("grid.code"), index=True)
    """Where it is not its building's."""


class Door(Base):
    """One door of a building that is in another grid than the building; `door` as people say it."""

    __tablename__ = "door"

    building: Mapped[str] = mapped_column(ForeignKey("building.code"), primary_key=True)
    door: Mapped[str] = mapped_column(String(40), primary_key=True)
    grid: Mapped[str] = mapped_column(ForeignKey("grid.code"), index=True)


class Camera(Base):
    """A camera that shows a place; `address` is where its picture is, without any password."""

    __tablename__ = "camera"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    building: Mapped[str | None] = mapped_column(ForeignKey("building.code"), index=True)
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    datum: Mapped[Datum] = mapped_column(Word(Datum), default=Datum.WGS84, server_default="wgs84")
    address: Mapped[str | None] = mapped_column(String(400))


class PlacesVersion(Base):
    """One row for each change of places, people or duties: what is derived from them is then old."""

    __tablename__ = "places_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc)


class StreetUpload(Base):
    """Files of a street that somebody uploaded and has neither taken nor let go; kept for a day at most."""

    __tablename__ = "street_upload"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    by: Mapped[str] = mapped_column(String(100), index=True)
    at: Mapped[datetime] = mapped_column(Utc)
    files: Mapped[bytes] = mapped_column(LargeBinary)
    """CSV by sheet as compressed JSON (zlib)."""
    digest: Mapped[str] = mapped_column(String(64))
    """Of what the preview shows: only exactly that is taken."""
    sheets: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """Of each sheet how many rows are added, changed, unchanged, gone and kept."""


class StreetUploadPage(Base):
    """One page of a preview: rows of one sheet that share a fate, as compressed JSON."""

    __tablename__ = "street_upload_page"

    upload: Mapped[str] = mapped_column(ForeignKey("street_upload.id"), primary_key=True)
    sheet: Mapped[str] = mapped_column(String(40), primary_key=True)
    fate: Mapped[str] = mapped_column(String(16), primary_key=True)
    page: Mapped[int] = mapped_column(primary_key=True)
    rows: Mapped[bytes] = mapped_column(LargeBinary)
