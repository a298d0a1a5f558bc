"""Commands about the street: import, export, and who is responsible.

Modules that need shapely are imported when a command runs: the others start without it.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from server.clock import STREET_ZONE, server_clock
from server.commandline import read_settings, with_database
from server.db.session import Database
from server.errors import ImportRefusedError, ServerError

route = typer.Typer(help="Who is responsible.", no_args_is_help=True)

_SHOWN: Final = 20
"""Rows of each table that a preview names, unless told otherwise."""


def import_files(
    source: Annotated[
        Path | None, typer.Argument(help="A folder of CSV files, or a workbook (.xlsx).")
    ] = None,
    *,
    sample: Annotated[bool, typer.Option("--sample", help="The sample street.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Say what would change.")] = False,
    rows: Annotated[int, typer.Option(help="How many rows of each table --check names.")] = _SHOWN,
    webhook_base: Annotated[
        str | None, typer.Option(help="Send everybody's messages to BASE/hook/PERSON.")
    ] = None,
) -> None:
    """Import places, people and devices: all of it or nothing."""
    from server.places import importer
    from server.places.staging import SeenOtherwiseError

    folder = importer.SAMPLE_STREET if sample else source
    if folder is None:
        typer.echo("found neither a folder nor --sample", err=True)
        raise typer.Exit(2)
    pattern = read_settings().grid_code_pattern

    async def work(database: Database) -> None:
        files = importer.read_folder(folder)
        parsed = importer.parse_street(files, webhook_base=webhook_base, grid_code=pattern)
        if check:
            async with database.read() as session:
                changes = await importer.preview_street(session, parsed, most_rows=rows)
        else:
            by, now = "command line", server_clock().now()
            changes = await importer.take_street(database, parsed, by=by, now=now)
        for change in changes:
            _say_change(change)
        if check:
            typer.echo("nothing was changed")

    try:
        with_database(work)
    except ImportRefusedError as error:
        typer.echo(str(error), err=True)
        typer.echo(f"problems: {len(error.problems)}; nothing was changed", err=True)
        raise typer.Exit(1) from error
    except SeenOtherwiseError as error:
        typer.echo("the register was changed meanwhile; nothing was changed, import again", err=True)
        raise typer.Exit(1) from error
    except TimeoutError as error:
        typer.echo(f"{error}; nothing was changed, import again", err=True)
        raise typer.Exit(1) from error


def export_files(
    target: Annotated[Path, typer.Argument(help="A folder for CSV files, or a workbook (.xlsx).")],
) -> None:
    """Export the street in the form in which it is imported."""
    from server.places.exporter import as_csv, export_street
    from server.places.workbook import write_workbook

    async def work(database: Database) -> None:
        async with database.read() as session:
            tables = await export_street(session)
        if target.suffix == ".xlsx":
            target.write_bytes(write_workbook(tables))
        else:
            target.mkdir(parents=True, exist_ok=True)
            for name, table in tables.items():
                (target / f"{name}.csv").write_bytes(as_csv(table))
        typer.echo(f"{target}: " + ", ".join(f"{len(table) - 1} {name}" for name, table in tables.items()))

    try:
        with_database(work)
    except (ServerError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


@route.command()
def explain(
    gateway: str,
    device: str,
    *,
    at: Annotated[str, typer.Option(help="YYYY-MM-DD HH:MM of the street; empty for now.")] = "",
    english: Annotated[bool, typer.Option("--english", help="In English.")] = False,
) -> None:
    """Say who is responsible for a device, in order, and why."""
    from server.routing.explain import explain as explain_chain
    from server.routing.sentences import CHINESE, ENGLISH
    from server.routing.service import chain_for

    moment = _moment(at)

    async def work(database: Database) -> None:
        async with database.read() as session:
            chain = await chain_for(session, gateway, device, moment)
        for line in explain_chain(chain, ENGLISH if english else CHINESE):
            typer.echo(line)

    with_database(work)


@route.command("prove")
def prove_route(
    *,
    most: Annotated[int, typer.Option(help="How many of the listed to print.")] = 200,
) -> None:
    """Prove that every grid has two reachable people at every minute of the next seven days.

    What does not hold is listed, by grid and hours, and kept; the exit code is then 1.
    """
    from server.routing.proving import prove_now

    async def work(database: Database) -> int:
        proof = await prove_now(database, now=server_clock().now())
        for gap in proof.gaps[:most]:
            begins, ends = (
                datetime.fromisoformat(gap[end]).astimezone(STREET_ZONE) for end in ("begins_at", "ends_at")
            )
            hours = (ends - begins) // timedelta(hours=1)
            typer.echo(
                f"{gap['grid']} {gap['name']}: {begins:%m-%d %H:%M} to {ends:%m-%d %H:%M}, {hours} h, "
                f"{'nobody' if gap['least'] == 0 else 'one person'}"
            )
        if len(proof.gaps) > most:
            typer.echo(f"and {len(proof.gaps) - most} more")
        begins_at = proof.begins_at.astimezone(STREET_ZONE)
        typer.echo(
            f"{proof.grids} grids, {proof.hours} hours from {begins_at:%Y-%m-%d %H:%M}: "
            f"{proof.thin_hours} grid hours with fewer than two people"
        )
        return len(proof.gaps)

    if with_database(work):
        raise typer.Exit(1)


def _say_change(change: object) -> None:
    from server.places.differences import SheetChange

    assert isinstance(change, SheetChange)
    typer.echo(
        f"{change.sheet}: {change.added} new, {change.changed} changed, {change.unchanged} as before, "
        f"{change.gone} gone, {change.kept} not in the file"
    )
    for row in change.rows:
        changed = row.fields.items() if row.fate.value == "changed" else ()
        fields = ", ".join(f"{name}: {old!r} → {new!r}" for name, (old, new) in changed)
        typer.echo(f"  {row.fate.value} {row.key}" + (f": {fields}" if fields else ""))


def _moment(text: str) -> datetime:
    if not text:
        return server_clock().now()
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        typer.echo(f"found {text!r}, allowed a time as YYYY-MM-DD HH:MM", err=True)
        raise typer.Exit(2) from error
    return found if found.tzinfo else found.replace(tzinfo=STREET_ZONE)
