"""What holds for every test."""

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

# How long an example takes depends on what else the machine does.
settings.register_profile("gridwarden", deadline=None, suppress_health_check=(HealthCheck.too_slow,))
settings.load_profile("gridwarden")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may take longest comes first, so that no worker is left alone with it at the end."""
    items.sort(key=_limit_s, reverse=True)


def _limit_s(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return marker.args[0] if marker else 0


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command that ran inside a test sends logs to a stream that is closed with that test."""
    yield
    structlog.reset_defaults()
