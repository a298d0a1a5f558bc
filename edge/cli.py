"""`gridwarden-edge`: run a gateway, check its site file, print the file's schema."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from edge.logs import configure_logs

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
SiteFile = Annotated[Path, typer.Argument(help="The site file (YAML).")]


@app.command()
def run(site: SiteFile) -> None:
    """Run the gateway. A site file that cannot be used leaves the last good one in force."""
    from edge.app import run_gateway  # noqa: PLC0415 - `check` and `schema` need no driver
    from edge.siteloader import SiteError, load_with_last_good  # noqa: PLC0415

    configure_logs()
    try:
        loaded, rejected = load_with_last_good(site.absolute())
    except SiteError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    raise typer.Exit(run_gateway(loaded, rejected))


@app.command()
def check(site: SiteFile) -> None:
    """Say everything that is wrong with a site file, each with line and column."""
    from edge.siteloader import SiteError, load_site  # noqa: PLC0415

    try:
        loaded = load_site(site)
    except SiteError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    settings = loaded.settings
    typer.echo(
        f"{site}: good; gateway {settings.gateway}, {len(settings.buses)} buses, "
        f"{len(settings.devices)} devices, {len(settings.rules)} rules"
    )


@app.command()
def schema() -> None:
    """Print the JSON Schema of a site file."""
    from edge.siteloader import site_schema  # noqa: PLC0415

    typer.echo(json.dumps(site_schema(), indent=2, ensure_ascii=False))


def main() -> int:
    """Run the command line."""
    app()
    return 0


if __name__ == "__main__":
    sys.exit(main())
