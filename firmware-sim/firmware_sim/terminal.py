"""Simulated devices, live in a terminal."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from firmware_sim.plant import SimulatedPlant

_EVERY_S: Final = 0.5
_MOST_POINTS: Final = 4
_GOOD: Final = "none"


def table_of(title: str, devices: Mapping[str, Any]) -> Table:
    """Return what `SimulatedPlant.describe` says as a table."""
    table = Table(title=title)
    for column in ("device", "model", "bus", "unit", "asked", "behaves", "measures"):
        table.add_column(column, no_wrap=column != "measures")
    for name, told in devices.items():
        points = list(told["points"].items())[:_MOST_POINTS]
        behaves = told["fault"] if told["powered"] else "no power"
        table.add_row(
            name,
            told["model"],
            told["bus"],
            str(told["unit"]),
            str(told["requests"]),
            "well" if behaves == _GOOD else f"[bold red]{behaves}[/]",
            "  ".join(f"{point} {value:.4g}" for point, value in points),
        )
    return table


async def show_live(plant: SimulatedPlant, console: Console | None = None) -> None:
    """Show the devices until cancelled."""
    title = plant.scenario.name
    with Live(table_of(title, plant.describe()), console=console, auto_refresh=False) as live:
        while True:
            live.update(table_of(title, plant.describe()), refresh=True)
            await asyncio.sleep(_EVERY_S)
