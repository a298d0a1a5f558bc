"""The gateway's own page, loaded only where the site file asks for it."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import structlog

from edge.ports import Clock
from edge.site.config import PageSettings
from edge.watch.answers import Answers

log = structlog.get_logger(__name__)


def serve_page(
    settings: PageSettings | None, *, folder: Path, answers: Answers, clock: Clock
) -> Coroutine[Any, Any, None]:
    """Return the loop that serves the page; where its libraries are missing one that says so and waits.

    Args:
        settings: None where no page is wanted.
        folder: what the code's file is relative to.
        answers: what is shown.
        clock: the machine's clocks.
    """
    if settings is None:
        return _wait()
    try:
        from edge.watch.metrics import metrics_page  # noqa: PLC0415 - an extra, off by default
        from edge.watch.page import LocalPage  # noqa: PLC0415 - only where a page is wanted
    except ImportError as error:
        log.error("page_not_installed", missing=error.name, extra="page")
        return _wait()
    page = LocalPage(
        host=settings.host,
        port=settings.port,
        code_file=folder / settings.code_file,
        answers=answers,
        metrics=metrics_page(answers),
        clock=clock,
    )
    return page.run()


async def _wait() -> None:
    await asyncio.Event().wait()
