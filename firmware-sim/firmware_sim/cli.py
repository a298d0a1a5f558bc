"""`gridwarden-sim`: simulated devices, a street, phones, and the demonstration."""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from firmware_sim.control import build_control
from firmware_sim.load.command import load
from firmware_sim.phone.accounts import Callbacks
from firmware_sim.phone.app import build_phones
from firmware_sim.phone.network import PhoneNetwork
from firmware_sim.phone.people import Person, read_people
from firmware_sim.plant import SimulatedPlant, override_ports
from firmware_sim.scenario import Scenario, ScenarioError, load_scenario
from firmware_sim.serving import serve_app
from firmware_sim.street.command import street

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
app.command()(street)
app.command()(load)
log = structlog.get_logger(__name__)

LOOPBACK = "127.0.0.1"


@app.command()
def devices(
    scenario: Annotated[Path, typer.Argument(help="The scenario file (YAML).")],
    *,
    control_host: Annotated[
        str, typer.Option(help="Where the control listens; whoever reaches it moves the world.")
    ] = LOOPBACK,
    control_port: Annotated[int, typer.Option(help="Port of the control; 0 picks.")] = 0,
    port: Annotated[list[str] | None, typer.Option(help="BUS=PORT, may repeat.")] = None,
    speed: Annotated[float, typer.Option(help="How much faster than real time.")] = 1.0,
    auto: Annotated[bool, typer.Option("--auto", help="Run the file's script.")] = False,
    view: Annotated[bool, typer.Option("--view", help="Show the devices live in this terminal.")] = False,
) -> None:
    """Run simulated devices, with a page on the control's port that shows them and takes faults."""
    _configure_logs(logging.WARNING if view else logging.INFO)
    try:
        loaded = override_ports(load_scenario(scenario), port or ())
    except (ScenarioError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    where = (control_host, control_port)
    _run(_serve_devices(loaded, control=where, speed=speed, auto=auto, view=view))


@app.command()
def phones(
    *,
    secret: Annotated[str, typer.Option(envvar="GRIDWARDEN_WEBHOOK_SECRET", help="whsec_…")] = "",
    secret_file: Annotated[
        Path | None,
        typer.Option(envvar="GRIDWARDEN_WEBHOOK_SECRET_FILE", help="A file with whsec_… alone."),
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen; the accounts are public: loopback.")] = LOOPBACK,
    port: Annotated[int, typer.Option(help="0 picks.")] = 8090,
    server: Annotated[
        str, typer.Option(help="Base address of the server that presses and receipts are reported to.")
    ] = "",
    people: Annotated[Path | None, typer.Option(help="A street's people.csv: names and numbers.")] = None,
) -> None:
    """Run the phone network: WeCom, robots, SMS, calls, webhooks, and a wall of phones."""
    _configure_logs()
    try:
        known = read_people(people) if people else []
        shared = secret or (secret_file.read_text(encoding="ascii").strip() if secret_file else "")
        if not shared.startswith("whsec_"):
            raise ValueError("no webhook secret: give --secret or --secret-file with whsec_… alone")  # noqa: TRY301 - one way out for all that is wrong with the arguments
    except (ValueError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    _run(_serve_phones(shared, host, port, Callbacks.at(server) if server else Callbacks(), known))


@app.command()
def demo(
    check: Annotated[bool, typer.Option("--check", help="Play it without a human.")] = False,
    broker: Annotated[str, typer.Option(help="auto, mosquitto or amqtt.")] = "auto",
) -> None:
    """Play one incident from the register to the leader's page."""
    from firmware_sim.demo.runner import run_demo

    raise typer.Exit(run_demo(check=check, broker=broker))


@app.command(name="scenario")
def play_scenario(
    path: Annotated[Path, typer.Argument(help="The scenario file (YAML), or the name of a shipped one.")],
    check: Annotated[bool, typer.Option("--check", help="End after it and judge.")] = False,
    broker: Annotated[str, typer.Option(help="auto, mosquitto or amqtt.")] = "auto",
) -> None:
    """Play a scenario with a real gateway, server and broker, and judge what it expects."""
    from firmware_sim.rehearsal.runner import run_scenario

    shipped = Path(str(resources.files("firmware_sim.scenarios") / f"{path}.yaml"))
    try:
        raise typer.Exit(run_scenario(shipped if shipped.exists() else path, check=check, broker=broker))
    except ScenarioError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


@app.command()
def schema() -> None:
    """Print the JSON Schema of a scenario file."""
    typer.echo(json.dumps(Scenario.model_json_schema(), indent=2, ensure_ascii=False))


def main() -> int:
    """Run the command line."""
    app()
    return 0


async def _serve_devices(
    scenario: Scenario, *, control: tuple[str, int], speed: float, auto: bool, view: bool
) -> None:
    async with AsyncExitStack() as stack:
        plant = await stack.enter_async_context(SimulatedPlant.start(scenario, speed=speed, scripted=auto))
        host, port = control
        control_port = await stack.enter_async_context(serve_app(build_control(plant), host=host, port=port))
        log.info("sim_started", ports=plant.ports, control_port=control_port)
        if not view:
            await _until_told()
            return
        from firmware_sim.terminal import show_live

        shown = asyncio.create_task(show_live(plant), name="terminal")
        await _until_told()
        shown.cancel()
        await asyncio.gather(shown, return_exceptions=True)


async def _serve_phones(
    secret: str, host: str, port: int, callbacks: Callbacks, people: list[Person]
) -> None:
    network = PhoneNetwork(callbacks=callbacks)
    for person in people:
        network.directory.register(person)
    async with (
        network.running(),
        serve_app(build_phones(network, secret=secret), host=host, port=port) as taken,
    ):
        log.info("phones_started", port=taken)
        await _until_told()


async def _until_told() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except OSError as error:
        typer.echo(f"cannot start: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error


def _configure_logs(least: int = logging.INFO) -> None:
    shown = (
        structlog.dev.ConsoleRenderer()
        if sys.stdout.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
    )


if __name__ == "__main__":
    sys.exit(main())
