"""Logs: one JSON line for each event, or readable text on a terminal."""

import logging
import sys
from typing import TextIO

import structlog


def configure_logs(*, aside: bool = False) -> None:
    """Send structured logs to standard output.

    Args:
        aside: to standard error instead: a tool's results own its standard output.
    """

    def stream() -> TextIO:  # asked anew each time: whoever runs a tool may exchange it
        return sys.stderr if aside else sys.stdout

    shown = (
        structlog.dev.ConsoleRenderer()
        if stream().isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.WriteLogger(stream()),
    )
