"""`gridwarden-server`: run the server, import a street, explain who is responsible."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from server.clock import server_clock
from server.config import Settings, load_settings
from server.db.migrate import migrate as migrate_database
from server.db.session import Database
from server.errors import ImportRefusedError, SettingsError
from server.logs import configure_logs

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
route = typer.Typer(help="Who is responsible.", no_args_is_help=True)
app.add_typer(route, name="route")
influx = typer.Typer(help="A copy of every reading in InfluxDB.", no_args_is_help=True)
app.add_typer(influx, name="influx")

_T = TypeVar("_T")


@app.command()
def run() -> None:
    """Run the server. Settings come from the environment (GRIDWARDEN_…)."""
    from server.app import run as run_server  # noqa: PLC0415 - the other commands need no web

    configure_logs()
    raise typer.Exit(run_server(_settings()))


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    migrate_database(_settings().database)
    typer.echo("the database has the newest schema")


@app.command("import")
def import_files(
    folder: Annotated[Path | None, typer.Argument(help="The folder of CSV files.")] = None,
    *,
    sample: Annotated[bool, typer.Option("--sample", help="The sample street.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Say what would change.")] = False,
    webhook_base: Annotated[
        str | None, typer.Option(help="Send everybody's messages to BASE/hook/PERSON.")
    ] = None,
) -> None:
    """Import places, people and devices: all of it or nothing."""
    from server.places.importer import (  # noqa: PLC0415 - shapely is not needed to run
        SAMPLE_STREET,
        import_street,
        read_folder,
    )

    source = SAMPLE_STREET if sample else folder
    if source is None:
        typer.echo("found neither a folder nor --sample", err=True)
        raise typer.Exit(2)

    async def work(database: Database) -> None:
        files = read_folder(source)
        try:
            async with database.write() as session:
                changes = await import_street(
                    session,
                    files,
                    by="command line",
                    now=server_clock().now(),
                    webhook_base=webhook_base,
                )
                for change in changes:
                    typer.echo(
                        f"{change.sheet}: {change.added} new, {change.changed} changed, "
                        f"{change.unchanged} as before, {change.kept} not in the file"
                    )
                if check:
                    raise _NothingKept  # noqa: TRY301 - leaves the transaction, which takes it all back
        except _NothingKept:
            typer.echo("nothing was changed")

    try:
        _with_database(work)
    except ImportRefusedError as error:
        typer.echo(str(error), err=True)
        typer.echo(f"problems: {len(error.problems)}; nothing was changed", err=True)
        raise typer.Exit(1) from error


@route.command()
def explain(gateway: str, device: str) -> None:
    """Say who is responsible for a device, in order, and why."""
    from server.routing.service import chain_for  # noqa: PLC0415 - shapely is not needed to run

    async def work(database: Database) -> None:
        async with database.read() as session:
            chain = await chain_for(session, gateway, device, server_clock().now())
        typer.echo(f"{chain.where}  {chain.device_name}")
        typer.echo(chain.reason)
        for number, link in enumerate(chain.links, start=1):
            reach = "" if link.reachable else "（联系不上）"
            typer.echo(f"{number}. {link.name} [{link.role.value}]{reach}：{link.reason}")

    _with_database(work)


@influx.command()
def setup() -> None:
    """Make the bucket of the settings (GRIDWARDEN_INFLUX_…), or give it its retention."""
    from server.history.influx import Influx, InfluxError, influx_address  # noqa: PLC0415

    settings = _settings()
    if not settings.influx_url:
        typer.echo("GRIDWARDEN_INFLUX_URL is empty: name an InfluxDB, e.g. http://localhost:8086", err=True)
        raise typer.Exit(2)
    door = Influx(influx_address(settings))
    try:
        typer.echo(asyncio.run(door.set_up()))
    except InfluxError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    finally:
        door.close()


@app.command("first-run-code")
def first_run_code() -> None:
    """Make a new code that makes the first operator, and print it once."""
    from server.access.service import issue_first_run_code  # noqa: PLC0415

    async def work(database: Database) -> None:
        async with database.write() as session:
            code = await issue_first_run_code(session, now=server_clock().now())
        typer.echo(code or "there is an operator already; sign in at /login")

    _with_database(work)


@app.command()
def openapi() -> None:
    """Print the description of the JSON API."""
    from server.openapi import describe_api  # noqa: PLC0415

    typer.echo(json.dumps(describe_api(), indent=2, ensure_ascii=False))


def main() -> int:
    """Run the command line."""
    app()
    return 0


class _NothingKept(Exception):  # noqa: N818 - a way out of a transaction, not an error
    """Rolls a preview back."""


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def _with_database(work: Callable[[Database], Awaitable[_T]]) -> _T:
    """Do work on the migrated database of the settings."""
    url = _settings().database
    migrate_database(url)

    async def whole() -> _T:
        database = Database(url)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(whole())


if __name__ == "__main__":
    sys.exit(main())
