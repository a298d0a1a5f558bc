"""The maintainer's commands: their names, options and exit codes. What they do stands in files of their own.

Results go to standard output, everything about the work itself (progress, refusals) to standard error, so
that output can be piped. With `--json` the output is one JSON document.
"""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from edge.site.config import LoadedSite

SiteFile = Annotated[Path, typer.Argument(help="The site file (YAML).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register_tools(app: typer.Typer) -> None:
    """Give a command line the maintainer's commands."""
    app.command()(check)
    app.command()(schema)
    app.command()(probe)
    app.command()(doctor)
    app.command()(diag)
    app.add_typer(scan)


def check(
    site: SiteFile,
    *,
    as_json: AsJson = False,
    strict: Annotated[bool, typer.Option("--strict", help="Count warnings as problems.")] = False,
) -> None:
    """Say everything that is wrong with a site file, each with line and column.

    Ends with 0 when the gateway would use the file, with 1 when it would not.
    """
    from edge.site.siteloader import inspect_site
    from edge.tools.checking import as_document, as_lines

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
    from edge.drivers.profile import profile_schema
    from edge.site.siteloader import site_schema

    typer.echo(json.dumps(profile_schema() if profile else site_schema(), indent=2, ensure_ascii=False))


def probe(
    site: SiteFile,
    *,
    device: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    bus: Annotated[str | None, typer.Option(help="Only the devices of this bus.")] = None,
    seconds: Annotated[
        float, typer.Option(min=1, max=600, help="How long to listen to devices that speak by themselves.")
    ] = 30.0,
    frames: Annotated[bool, typer.Option(help="Show the raw frames.")] = True,
    as_json: AsJson = False,
) -> None:
    """Show what devices say now: values, and raw frames in words.

    Where the gateway runs, it is asked for its values and its lines are listened to, until each device was
    heard; nothing is sent on them. Ends with 0 when every device said something, with 1 when one stayed
    silent, with 3 when somebody else uses the line.
    """
    from edge.tools import probeshow

    loaded = _load(site)
    _log_aside()
    raise typer.Exit(
        probeshow.run_probe(
            loaded,
            device=device,
            bus=bus,
            listen_s=seconds,
            frames=frames,
            as_json=as_json,
            say=_say,
            note=_note,
        )
    )


scan = typer.Typer(name="scan", help="Find devices, and say which models they may be.", no_args_is_help=True)


@scan.command("modbus")
def scan_modbus(
    line: Annotated[
        str, typer.Argument(help="HOST[:PORT] of a Modbus TCP port, or the file of a serial port.")
    ],
    *,
    rtu: Annotated[bool, typer.Option("--rtu", help="HOST speaks frames of a serial line over TCP.")] = False,
    units: Annotated[str, typer.Option(help="Numbers to ask: 1-32,100.")] = "1-32",
    baud: Annotated[str, typer.Option(help="Speeds to try on a serial port.")] = "9600,19200",
    parity: Annotated[str, typer.Option(help="Parities to try: none, even, odd.")] = "none,even",
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=0.05, max=10, help="Seconds an answer may take.")
    ] = 0.3,
    pause_ms: Annotated[
        float, typer.Option("--pause", min=0, max=5000, help="Milliseconds after each question.")
    ] = 20,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Ask silent numbers with three functions.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask every number of a Modbus line, and lay every known register map over those that answer.

    Only reads. Ends with 0 when something was found, with 1 when nothing was, with 3 when somebody else
    uses the line.
    """
    from edge.tools import scanshow

    try:
        plan = scanshow.plan_scan(
            line,
            rtu=rtu,
            units=units,
            bauds=baud,
            parities=parity,
            timeout_s=timeout_s,
            pause_s=pause_ms / 1000,
            thorough=thorough,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    _log_aside()
    raise typer.Exit(scanshow.run_scan(plan, as_json=as_json, say=_say, note=_note))


@scan.command("ble")
def scan_ble(
    *,
    adapter: Annotated[str, typer.Option(help="The Bluetooth adapter.")] = "hci0",
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long to listen.")] = 30.0,
) -> None:
    """Listen to Bluetooth sensors, decode what they say, and suggest models.

    Ends with 0 when something was found, with 1 when nothing was, with 2 when there is no radio.
    """
    import asyncio

    from edge.errors import LinkError
    from edge.tools import scanningble
    from edge.tools.progress import show_progress

    _log_aside()
    try:
        with show_progress("listening", round(seconds)) as advance:
            found = asyncio.run(scanningble.scan_ble(adapter, seconds=seconds, advance=advance))
    except LinkError as error:
        _note(str(error))
        raise typer.Exit(2) from error
    for sensor in found:
        said = ", ".join(f"{name} {value:g}" for name, value in sensor.values.items()) or sensor.remark
        _say(f"# {sensor.address} {sensor.format}: {said}; may be {', '.join(sensor.models) or 'unknown'}")
    if found:
        _say(scanningble.ble_fragment(adapter, found))
    raise typer.Exit(0 if found else 1)


class Language(StrEnum):
    """In which the doctor speaks."""

    EN = "en"
    ZH = "zh"


def doctor(
    site: SiteFile,
    *,
    lang: Annotated[Language, typer.Option(help="English or Chinese.")] = Language.EN,
    as_json: AsJson = False,
) -> None:
    """Examine a gateway: site file, stores, buses, broker, certificates, clock, disk, supervisor.

    The running gateway is asked; nothing is changed. Ends with 0 when all is well, with 1 when something
    should be looked at, with 2 when alarms may be lost or late.
    """
    from edge.tools.doctor import examine, exit_code
    from edge.tools.doctorwords import put_into_words
    from edge.tools.facts import gather_facts

    findings = examine(gather_facts(site))
    worded = [(finding, *put_into_words(finding, lang.value)) for finding in findings]
    if as_json:
        document = [
            {"check": one.check, "level": one.level.value, "key": one.said, "said": said, "advice": advice}
            for one, said, advice in worded
        ]
        _say(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        for one, said, advice in worded:
            _say(f"{one.level.value:4}  {one.check:12}  {said}")
            if advice and one.level.value != "ok":
                _say(f"{'':20}-> {advice}")
    raise typer.Exit(exit_code(findings))


def diag(
    site: SiteFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="The archive to write (.zip).")] = Path(
        "gridwarden-diag.zip"
    ),
) -> None:
    """Write one file for support: findings, answers of the gateway, log, machine; no secrets, no stores."""
    from edge.tools.diag import STEPS, write_diag
    from edge.tools.progress import show_progress

    try:
        with show_progress("collecting", len(STEPS)) as advance:
            names = write_diag(site, output, advance)
    except OSError as error:
        _note(f"{output} cannot be written: {error.strerror}")
        raise typer.Exit(2) from error
    _say(f"{output}: {', '.join(names)}; look through it before you send it on")


def _load(site: Path) -> LoadedSite:
    from edge.site.siteloader import SiteError, load_site

    try:
        return load_site(site)
    except SiteError as error:
        _note(str(error))
        raise typer.Exit(2) from error


def _log_aside() -> None:
    """Send what drivers log to standard error, beside the results."""
    from edge.logs import configure_logs

    configure_logs(aside=True)


def _say(text: str) -> None:
    typer.echo(text)


def _note(text: str) -> None:
    typer.echo(text, err=True)
