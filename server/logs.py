"""Logs: one JSON line for each event, or readable text on a terminal."""

import logging
import sys

import structlog


def configure_logs() -> None:
    """Send structured logs to standard output; libraries speak only when something is wrong."""
    shown = (
        structlog.dev.ConsoleRenderer()
        if sys.stdout.isatty()
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
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
