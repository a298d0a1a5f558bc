"""`gridwarden-edge test-actuator` and `actions`: for a person who stands at the device."""

from pathlib import Path
from typing import Annotated, Any

import typer

_ANSWER_LIMIT_S = 30.0


def register_actuators(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("test-actuator")(try_actuator)
    app.command("actions")(actions)


def try_actuator(
    site: Annotated[Path, typer.Argument(help="The site file (YAML).")],
    device: Annotated[str, typer.Argument(help="The device's id.")],
    action: Annotated[str, typer.Argument(help="An action of its profile, e.g. close_valve.")],
    person: Annotated[str, typer.Option(help="Your name: who stands at the device and watches.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Carry out an action of a device on the running gateway, as a test, and say what came of it."""
    answer = _ask(site, "test_actuator", device=device, action=action, person=person, reason=reason)
    typer.echo(f"{device} {action}: {answer['state']} {answer['detail']}".rstrip())
    raise typer.Exit(0 if answer["state"] == "confirmed" else 1)


def actions(site: Annotated[Path, typer.Argument(help="The site file (YAML).")]) -> None:
    """List what was done to actuators, by whom, and what came of it, the newest first."""
    from datetime import UTC, datetime

    for row in _ask(site, "actions"):
        at = datetime.fromtimestamp(row["at_ms"] / 1000, tz=UTC).isoformat(timespec="seconds")
        why = " ".join(filter(None, (row["alarm"], row["reason"], row["detail"])))
        typer.echo(f"{at} {row['device']} {row['action']} {row['state']} by {row['issuer']} {why}".rstrip())


def _ask(site: Path, question: str, **arguments: str) -> Any:
    from edge.site.siteloader import SiteError, load_site
    from edge.watch.localdoor import DoorClosedError, ask_gateway

    try:
        folder = site.absolute().parent / load_site(site).settings.stores.folder
        return ask_gateway(folder, question, timeout_s=_ANSWER_LIMIT_S, **arguments)
    except (SiteError, DoorClosedError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
