"""What the commands of the server share: settings and an open database."""

import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
import typer

from server.config import Settings, load_settings, unknown_variables
from server.db.migrate import migrate
from server.db.session import Database, work_alone
from server.errors import SettingsError

_T = TypeVar("_T")

log = structlog.get_logger()


def read_settings() -> Settings:
    """Return the settings; what is wrong with them is said, and the command ends with 2."""
    try:
        return load_settings()
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def read_settings_aloud() -> Settings:
    """Return the settings as `read_settings` does; the log says which variables nobody reads."""
    settings = read_settings()
    for variable in unknown_variables(os.environ):
        log.warning("unknown_setting", variable=variable)
    return settings


def with_database(work: Callable[[Database], Awaitable[_T]]) -> _T:
    """Do work on the migrated database of the settings."""
    url = read_settings().database
    migrate(url)
    return work_alone(url, work)
