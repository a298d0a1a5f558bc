"""The description of the JSON API, made without a running server."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import FastAPI

from server.clock import SystemClock
from server.config import Settings
from server.context import Context
from server.db.session import Database
from server.escalation.plan import DEFAULT_POLICIES
from server.history.database import HistoryDatabase
from server.http import build_app
from server.pulse import Pulses


def describe_api() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return build_described_app().openapi()


def build_described_app() -> FastAPI:
    """Return the application with nothing behind it: its routes can be looked at, not called."""
    with TemporaryDirectory() as folder:
        settings = Settings(data_folder=Path(folder))
        context = Context(
            settings=settings,
            clock=SystemClock(),
            database=Database(settings.database),
            readings=HistoryDatabase(settings.readings_database),
            policies=DEFAULT_POLICIES,
            pulses=Pulses(),
        )
        return build_app(context)
