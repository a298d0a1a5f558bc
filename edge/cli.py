"""`gridwarden-edge`: run a gateway, and look after it."""

import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from edge.actuatorcli import register_actuators
from edge.tools.commandline import register_tools
from edge.tools.rulecommands import register_rules

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
SiteFile = Annotated[Path, typer.Argument(help="The site file (YAML).")]


@app.command()
def run(site: SiteFile) -> None:
    """Run the gateway. A site file that cannot be used leaves the last good one in force."""
    from edge.running import run_site  # noqa: PLC0415 - `check` and `schema` need no driver

    raise typer.Exit(run_site(site))


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gridwarden-edge {metadata.version('gridwarden')}")
        raise typer.Exit


@app.callback()
def begin(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run a gateway, and look after it."""


register_tools(app)
register_actuators(app)
register_rules(app)


def main() -> int:
    """Run the command line."""
    app()
    return 0


if __name__ == "__main__":
    sys.exit(main())
