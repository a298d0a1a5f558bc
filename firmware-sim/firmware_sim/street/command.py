"""`gridwarden-sim street`: write a street's import files."""

from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from firmware_sim.display import print_counts, progress
from firmware_sim.street.counts import BEGIN, SIZES
from firmware_sim.street.writing import write_street


class SizeName(StrEnum):
    """How large a street is."""

    SMALL = "small"
    """A few communities with every kind of thing; for demonstrations and tests."""
    FULL = "full"
    """57 communities, 1,414 micro-grids, 600 gateways, 120,000 devices."""


def street(
    *,
    out: Annotated[Path, typer.Option(help="The folder for the files; made if it is not there.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    size: Annotated[SizeName, typer.Option(help="small or full.")] = SizeName.SMALL,
    begin: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="A Monday: rotations and absences count from it.")
    ] = datetime(BEGIN.year, BEGIN.month, BEGIN.day),  # noqa: DTZ001 - a day of the calendar
) -> None:
    """Write a whole street as the import files that the server takes."""
    monday = begin.date()
    if monday.isoweekday() != 1:
        typer.echo(f"found {monday} as --begin, allowed a Monday", err=True)
        raise typer.Exit(2)
    written = _write(out, seed, size, monday)
    print_counts(f"street {size.value}, seed {seed}", written)
    typer.echo(f"next: gridwarden-server import {out}")


def _write(out: Path, seed: int, size: SizeName, begin: date) -> dict[str, int]:
    wanted = SIZES[size.value]
    with progress(total=wanted.devices) as advance:
        try:
            return write_street(
                out,
                wanted,
                seed,
                begin=begin,
                advance=lambda name, rows: advance(name, rows if name == "devices" else 0),
            )
        except OSError as error:
            typer.echo(f"cannot write {error.filename or out}: {error.strerror or error}", err=True)
            raise typer.Exit(1) from error
