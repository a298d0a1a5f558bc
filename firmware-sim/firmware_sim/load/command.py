"""`gridwarden-sim load`: play a street's gateways against a server."""

import asyncio
import json
import resource
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from firmware_sim.display import print_table, progress
from firmware_sim.load.link import Dialer
from firmware_sim.load.run import LoadPlan, LoadRun, Outage
from firmware_sim.load.tally import Tally
from firmware_sim.load.traffic import PlayedDevices, read_devices

_FILES_A_GATEWAY: Final = 8
"""Two connections, each with a socket and a pair that wakes its client, and some to spare."""
_FILES_BESIDE: Final = 200


def load(
    folder: Annotated[Path, typer.Argument(help="The street's files, as the server imported them.")],
    *,
    host: Annotated[str, typer.Option(help="The broker.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 1883,
    username: Annotated[str | None, typer.Option(help="Of the broker.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="Holds the password alone.")] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="The broker's authority; switches TLS on.")] = None,
    gateways: Annotated[int | None, typer.Option(min=1, help="Only the first so many.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long there is traffic.")] = 60.0,
    readings: Annotated[float, typer.Option(min=0, help="Readings a second, all together.")] = 2_000.0,
    alarms: Annotated[float, typer.Option(min=0, help="Alarms a second, all together.")] = 1.0,
    hold: Annotated[float, typer.Option(min=0, help="Seconds until an alarm's cause is gone.")] = 30.0,
    batch_every: Annotated[float, typer.Option(min=0.1, help="Seconds between a gateway's batches.")] = 5.0,
    drain: Annotated[float, typer.Option(min=0, help="Seconds to wait for the last acks.")] = 60.0,
    outage: Annotated[
        list[str] | None, typer.Option(help="AT+FOR:SHARE, e.g. 20+10:0.5; may repeat.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides values, devices and outages.")] = 0,
    report: Annotated[Path | None, typer.Option(help="Write the report as JSON.")] = None,
) -> None:
    """Play the gateways of a street over the real wire contract and count what became of it.

    Ends with 1 if anything was lost.
    """
    try:
        plan = LoadPlan(
            seconds=seconds,
            readings_per_s=readings,
            alarms_per_s=alarms,
            hold_s=hold,
            batch_every_s=batch_every,
            drain_s=drain,
            outages=tuple(map(Outage.parse, outage or ())),
        )
        devices = read_devices(folder, most_gateways=gateways)
        password = None if password_file is None else password_file.read_text(encoding="utf-8").strip()
        _allow_files(len(devices))
    except (ValueError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    dialer = Dialer(host=host, port=port, username=username, password=password, tls_ca=tls_ca)
    tally = _play(devices, plan, dialer, seed)
    _show(tally, report)
    raise typer.Exit(0 if tally.clean else 1)


def _play(devices: dict[str, PlayedDevices], plan: LoadPlan, dialer: Dialer, seed: int) -> Tally:
    with progress(total=int(plan.seconds)) as advance:

        async def work() -> Tally:
            return await LoadRun(devices, plan, dialer=dialer, seed=seed).play(advance)

        try:
            return _run(work)
        except TimeoutError as error:
            typer.echo(f"not every gateway could connect to {dialer.host}:{dialer.port}", err=True)
            raise typer.Exit(1) from error


def _run(work: Callable[[], Coroutine[Any, Any, Tally]]) -> Tally:
    try:
        import uvloop  # noqa: PLC0415 - absent on some platforms, and then not needed
    except ImportError:
        return asyncio.run(work())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


def _show(tally: Tally, report: Path | None) -> None:
    found = tally.as_dict()
    seconds, cpu = found["seconds"], found["cpu_seconds"]
    title = f"{tally.gateways} gateways, {seconds:.0f} s of traffic, {cpu:.1f} s CPU"
    print_table(title, ("messages", "alarms", "readings"), tally.as_rows())
    typer.echo(
        f"alarms raised {len(tally.raised):,}, committed {len(tally.raised_committed):,}; "
        f"connections {tally.connections:,}, cut {tally.cut:,}; commands answered {tally.commands:,}"
    )
    if report is not None:
        report.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _allow_files(gateways: int) -> None:
    """Allow as many open files as the connections need.

    Raises:
        ValueError: the system does not allow so many.
    """
    wanted = gateways * _FILES_A_GATEWAY + _FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise ValueError(
            f"{gateways} gateways need {wanted} open files, this system allows {hard} (ulimit -n)"
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
