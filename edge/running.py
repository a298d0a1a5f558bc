"""Runs a gateway as a process: logs, configuration, exit code."""

import sys
from pathlib import Path

from edge.app import run_gateway
from edge.logs import configure_logs
from edge.site.siteloader import SiteError

UNUSABLE_SITE = 2


def run_site(path: Path) -> int:
    """Run the gateway of a site file until it is told to stop; returns the process's exit code."""
    configure_logs()
    try:
        return run_gateway(path.absolute())
    except SiteError as error:
        print(error, file=sys.stderr)  # noqa: T201 - what a person reads who started it
        return UNUSABLE_SITE
