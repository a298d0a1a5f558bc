"""Tables of places."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text
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


class Community(Base):
    """A community (社区) of the street."""

    __tablename__ = "community"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))


class Estate(Base):
    """A housing estate (小区)."""

    __tablename__ = "estate"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    community: Mapped[str] = mapped_column(ForeignKey("community.code"), index=True)
    name: Mapped[str] = mapped_column(String(100))


class Grid(Base):
    """A grid (网格); `polygon` is WKT in WGS 84 longitude and latitude, or null."""

    __tablename__ = "grid"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    community: Mapped[str] = mapped_column(ForeignKey("community.code"), index=True)
    kind: Mapped[GridKind] = mapped_column(Word(GridKind))
    name: Mapped[str] = mapped_column(String(100))
    parent: Mapped[str | None] = mapped_column(ForeignKey("grid.code"))
    polygon: Mapped[str | None] = mapped_column(Text)


class Building(Base):
    """A building; `grid` is its grid by name, `feeder` the power line it hangs on."""

    __tablename__ = "building"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    estate: Mapped[str | None] = mapped_column(ForeignKey("estate.code"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    grid: Mapped[str | None] = mapped_column(ForeignKey("grid.code"), index=True)
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    feeder: Mapped[str | None] = mapped_column(String(40), index=True)


class PlacesVersion(Base):
    """One row for each change of places, people or duties: what is derived from them is then old."""

    __tablename__ = "places_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc)
