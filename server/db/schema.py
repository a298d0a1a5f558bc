"""Every table of the main database, gathered in one metadata for migrations and tests."""

from importlib import import_module
from typing import Final

from sqlalchemy import MetaData

from server.db.base import Base

ROOMS: Final = (
    "access",
    "alarms",
    "audit",
    "devices",
    "escalation",
    "intake",
    "items",
    "notify",
    "people",
    "places",
)


def whole_metadata() -> MetaData:
    """Return the metadata with the tables of every room."""
    for room in ROOMS:
        import_module(f"server.{room}.tables")
    return Base.metadata
