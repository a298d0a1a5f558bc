"""How `probe` runs and shows what it hears."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from edge.site.config import DeviceSettings, LoadedSite
from edge.tools.occupancy import OccupiedError, ask_if_running, hold_folder, state_folder
from edge.tools.probing import Probed, choose_devices, probe
from edge.tools.progress import show_progress

ALL_SPOKE: Final = 0
SOME_SILENT: Final = 1
NO_SUCH_DEVICE: Final = 2
OCCUPIED: Final = 3
Say = Callable[[str], None]


def run_probe(
    site: LoadedSite,
    *,
    device: str | None,
    bus: str | None,
    listen_s: float,
    frames: bool,
    as_json: bool,
    say: Say,
    note: Say,
) -> int:
    """Probe and show; returns the exit code.

    Args:
        site: the site.
        device: the only device to ask, or None.
        bus: the only bus to ask, or None.
        listen_s: how long to listen to devices that speak by themselves.
        frames: whether raw frames are shown.
        as_json: whether the output is one JSON document.
        say: writes a line of output.
        note: writes a line about the work.
    """
    chosen = choose_devices(site, device=device, bus=bus)
    if not chosen:
        known = ", ".join(one.id for one in site.settings.devices)
        note(f"no such device on this site; there are {known}")
        return NO_SUCH_DEVICE
    folder = state_folder(site)
    values = ask_if_running(folder, "values")
    if values is not None:
        note("the gateway runs; these are its newest values, its lines were not touched")
        answers = list(_from_gateway(values, chosen))
        _show_all(answers, frames=frames, as_json=as_json, say=say)
        return SOME_SILENT if any(one.error for one in answers) else ALL_SPOKE
    heard: list[Probed] = []

    def show(one: Probed) -> None:
        heard.append(one)
        if not as_json:
            _show(one, frames=frames, say=say)

    try:
        with hold_folder(folder), show_progress("probing", len(chosen)) as advance:
            silent = asyncio.run(probe(site, chosen, listen_s=listen_s, show=show, advance=advance))
    except OccupiedError as error:
        note(str(error))
        return OCCUPIED
    if as_json:
        _show_all(heard, frames=frames, as_json=True, say=say)
    return SOME_SILENT if silent else ALL_SPOKE


def _from_gateway(values: Iterable[Mapping[str, Any]], chosen: Iterable[DeviceSettings]) -> Iterable[Probed]:
    known = {answer["device"]: answer for answer in values}
    for device in chosen:
        answer = known.get(device.id)
        if answer is None or answer["at"] is None:
            yield Probed(device=device.id, bus=device.bus, error="the gateway has not heard it yet")
            continue
        points = tuple((p["point"], p["unit"], p["value"], p["quality"]) for p in answer["points"])
        lost = bool(points) and all(quality == "comm_fault" for *_, quality in points)
        yield Probed(
            device=device.id,
            bus=device.bus,
            error="it does not answer the gateway" if lost else "",
            points=points,
            age_ms=answer["age_ms"],
        )


def _show_all(answers: Iterable[Probed], *, frames: bool, as_json: bool, say: Say) -> None:
    if as_json:
        say(json.dumps([_document(one) for one in answers], indent=2, ensure_ascii=False))
        return
    for one in answers:
        _show(one, frames=frames, say=say)


def _document(one: Probed) -> dict[str, Any]:
    points = [dict(zip(("point", "unit", "value", "quality"), point, strict=True)) for point in one.points]
    return {**asdict(one), "points": points}


def _show(one: Probed, *, frames: bool, say: Say) -> None:
    age = "" if one.age_ms is None else f", {one.age_ms / 1000:.1f} s ago"
    say(f"{one.device} on {one.bus}{age}" + (f": {one.error}" if one.error else ""))
    width = max((len(name) for name, *_ in one.points), default=0)
    for name, unit, value, quality in one.points:
        shown = "-" if value is None else f"{value:g}"
        said = "" if quality == "good" else f"  ({quality})"
        say(f"  {name:<{width}}  {shown:>12} {unit}{said}")
    for frame in one.frames if frames else ():
        say(f"  {frame}")
