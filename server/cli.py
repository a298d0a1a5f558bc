"""`gridwarden-server`: run the server, import a street, explain who is responsible, follow an alarm."""

import asyncio
import json
import sys
from typing import Annotated

import typer

from server.clock import server_clock
from server.commandline import read_settings, read_settings_aloud, with_database
from server.db.migrate import migrate as migrate_database
from server.db.session import Database
from server.errors import SettingsError
from server.logs import configure_logs
from server.streetcommands import export_files, import_files, route

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
app.command("import")(import_files)
app.command("export")(export_files)
app.add_typer(route, name="route")
audit = typer.Typer(help="Who did what.", no_args_is_help=True)
app.add_typer(audit, name="audit")
influx = typer.Typer(help="A copy of every reading in InfluxDB.", no_args_is_help=True)
app.add_typer(influx, name="influx")


@app.command()
def run() -> None:
    """Run the server. Settings come from the environment (GRIDWARDEN_…)."""
    from server.app import run as run_server

    configure_logs()
    raise typer.Exit(run_server(read_settings_aloud()))


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    migrate_database(read_settings().database)
    typer.echo("the database has the newest schema")


@app.command()
def watchdog(
    url: Annotated[str | None, typer.Option(help="The server's address.")] = None,
) -> None:
    """Watch a server from outside and tell the desk if it is dead (GRIDWARDEN_WATCHDOG_TELL)."""
    from server.watchdog import watch

    configure_logs()
    settings = read_settings_aloud()
    try:
        asyncio.run(watch(settings, url or settings.address(), server_clock()))
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command()
def channels() -> None:
    """Say which channels have accounts, and the addresses to enter at their providers."""
    from server.notify.accounts import load_accounts

    settings = read_settings()
    try:
        accounts = load_accounts(settings.channels_file)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    typer.echo("webhook: signed requests to addresses of people's own")
    base = f"{settings.address()}/callbacks/{settings.callback_secret()}"
    rows = (
        ("wecom", bool(accounts.wecom), ("wecom",)),
        ("sms", bool(accounts.sms), ("sms",)),
        ("voice", bool(accounts.voice), ("voice", "voice/keys")),
        ("robot", bool(accounts.robots), ()),
    )
    for name, present, paths in rows:
        typer.echo(f"{name}: {'set up' if present else 'no account'}")
        for path in paths if present else ():
            typer.echo(f"  reports to {base}/{path}")


@influx.command()
def setup() -> None:
    """Make the bucket of the settings (GRIDWARDEN_INFLUX_…), or give it its retention."""
    from server.history.influx import Influx, InfluxError, influx_address

    settings = read_settings()
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


@audit.command("verify")
def verify_audit(
    head: Annotated[
        str, typer.Option(help="An end that was written down before, as SEQ:HASH; it must be part of it.")
    ] = "",
) -> None:
    """Walk the chain over the audit; the exit code is 1 when a row was changed, added or taken out."""
    from server.audit.chain import Head, verify

    seq, _, kept = head.partition(":")
    if head and not (seq.isdigit() and kept):
        typer.echo("--head is written SEQ:HASH, as this command prints it", err=True)
        raise typer.Exit(2)

    async def work(database: Database) -> bool:
        async with database.read() as session:
            found = await verify(session, expected=Head(seq=int(seq), hash=kept) if head else None)
        for problem in found.problems:
            typer.echo(problem, err=True)
        typer.echo(f"sealed: {found.head.seq}; not sealed yet: {found.unsealed}")
        typer.echo(f"head: {found.head.seq}:{found.head.hash}")
        return not found.problems

    if not with_database(work):
        raise typer.Exit(1)


@app.command()
def trace(
    alarm: Annotated[str, typer.Argument(help="The alarm's id, as the gateway gave it.")],
    logs: Annotated[
        list[typer.FileText] | None, typer.Argument(help="Logs of gateways and server; - is standard input.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The lines as they were logged.")] = False,
) -> None:
    """Gather what the logs say of one alarm: the gateway, the item, every message. 1 when it is nothing."""
    from server.telemetry.trace import describe, follow, read_lines

    texts = (line for log in logs for line in log) if logs else iter(sys.stdin)
    lines = follow(read_lines(texts), alarm)
    for line in lines:
        shown = json.dumps(line, ensure_ascii=False) if as_json else describe(line, since=lines[0])
        typer.echo(shown)
    if not lines:
        typer.echo(f"no line names the alarm {alarm}", err=True)
        raise typer.Exit(1)


@app.command("first-run-code")
def first_run_code() -> None:
    """Make a new code that makes the first operator, and print it once."""
    from server.access.service import issue_first_run_code

    async def work(database: Database) -> None:
        async with database.write() as session:
            code = await issue_first_run_code(session, now=server_clock().now())
        typer.echo(code or "there is an operator already; sign in at /login")

    with_database(work)


@app.command()
def openapi() -> None:
    """Print the description of the JSON API."""
    from server.openapi import describe_api

    typer.echo(json.dumps(describe_api(), indent=2, ensure_ascii=False))


def main() -> int:
    """Run the command line."""
    app()
    return 0


if __name__ == "__main__":
    sys.exit(main())
