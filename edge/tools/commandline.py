"""The maintainer's commands: their names, options and exit codes. What they do stands in files of their own.

Results go to standard output, everything about the work itself (progress, refusals) to standard error, so
that output can be piped. With `--json` the output is one JSON document.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

SiteFile = Annotated[Path, typer.Argument(help="The site file (YAML).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register_tools(app: typer.Typer) -> None:
    """Give a command line the maintainer's commands."""
    app.command()(check)
    app.command()(schema)


def check(
    site: SiteFile,
    *,
    as_json: AsJson = False,
    strict: Annotated[bool, typer.Option("--strict", help="Count warnings as problems.")] = False,
) -> None:
    """Say everything that is wrong with a site file, each with line and column.

    Ends with 0 when the gateway would use the file, with 1 when it would not.
    """
    from edge.siteloader import inspect_site  # noqa: PLC0415 - a command loads what it needs
    from edge.tools.checking import as_document, as_lines  # noqa: PLC0415

    found = inspect_site(site)
    refused = found.site is None or (strict and bool(found.warnings))
    if as_json:
        typer.echo(json.dumps(as_document(site, found), indent=2, ensure_ascii=False))
    else:
        for line in as_lines(site, found):
            typer.echo(line, err=found.site is None)
    raise typer.Exit(1 if refused else 0)


def schema(
    *,
    profile: Annotated[
        bool, typer.Option("--profile", help="Of a device profile instead of a site file.")
    ] = False,
) -> None:
    """Print the JSON Schema of a site file, or of a device profile, for editors."""
    from edge.drivers.profile import profile_schema  # noqa: PLC0415 - as above
    from edge.siteloader import site_schema  # noqa: PLC0415

    typer.echo(json.dumps(profile_schema() if profile else site_schema(), indent=2, ensure_ascii=False))
