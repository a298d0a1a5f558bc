"""Every table, gathered in one metadata a schema, for migrations and tests."""

from importlib import import_module
from typing import Final

from sqlalchemy import MetaData

from server.db.base import Base
from server.db.migrate import Schema

ROOMS: Final = (
    "access",
    "alarms",
    "audit",
    "devices",
    "escalation",
    "feedback",
    "intake",
    "items",
    "notify",
    "people",
    "photos",
    "places",
    "retention",
    "routing",
)


def whole_metadata(schema: Schema = Schema.MAIN) -> MetaData:
    """Return the metadata with the tables of every room."""
    if schema is Schema.READINGS:
        found: MetaData = import_module("server.history.tables").HistoryBase.metadata
        return found
    for room in ROOMS:
        import_module(f"server.{room}.tables")
    return Base.metadata
