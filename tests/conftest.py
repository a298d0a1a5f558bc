"""What holds for every test."""

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

# How long an example takes depends on what else the machine does.
settings.register_profile("gridwarden", deadline=None)
settings.load_profile("gridwarden")


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command that ran inside a test sends logs to a stream that is closed with that test."""
    yield
    structlog.reset_defaults()
