"""How `probe` runs and shows what it hears."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from edge.model import RawFrame
from edge.site.config import DeviceSettings, LoadedSite
from edge.tools.occupancy import OccupiedError, ask_if_running, hold_folder, state_folder
from edge.tools.overhearing import Probed, frame_lines, told_frame
from edge.tools.probing import choose_devices, probe
from edge.tools.progress import show_progress

ALL_SPOKE: Final = 0
SOME_SILENT: Final = 1
NO_SUCH_DEVICE: Final = 2
OCCUPIED: Final = 3
_DOOR_S: Final = 5.0
"""How long the gateway itself may take to answer."""
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
        overheard = _overhear(folder, chosen, listen_s, note) if frames else ()
        note("the gateway runs; these are its newest values, nothing was sent on its lines")
        answers = list(_from_gateway(ask_if_running(folder, "values") or values, chosen, overheard))
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


def _overhear(
    folder: Path, chosen: Sequence[DeviceSettings], listen_s: float, note: Say
) -> tuple[RawFrame, ...]:
    """Listen to the buses of a running gateway until every device was heard, or the time is over."""
    note(f"the gateway runs: its buses are listened to for at most {listen_s:g} s")
    with show_progress("listening", 1) as advance:
        told = ask_if_running(
            folder,
            "frames",
            timeout_s=listen_s + _DOOR_S,
            buses=sorted({device.bus for device in chosen}),
            devices=[device.id for device in chosen],
            seconds=listen_s,
        )
        advance("heard")
    return tuple(map(told_frame, told or ()))


def _from_gateway(
    values: Iterable[Mapping[str, Any]], chosen: Iterable[DeviceSettings], frames: Iterable[RawFrame]
) -> Iterable[Probed]:
    frames = tuple(frames)
    known = {answer["device"]: answer for answer in values}
    for device in chosen:
        its = frame_lines(frame for frame in frames if device.id in frame.devices)
        answer = known.get(device.id)
        if answer is None or answer["at"] is None:
            yield Probed(
                device=device.id, bus=device.bus, error="the gateway has not heard it yet", frames=its
            )
            continue
        points = tuple((p["point"], p["unit"], p["value"], p["quality"]) for p in answer["points"])
        lost = bool(points) and all(quality == "comm_fault" for *_, quality in points)
        yield Probed(
            device=device.id,
            bus=device.bus,
            error="it does not answer the gateway" if lost else "",
            points=points,
            frames=its,
            age_ms=answer["age_ms"],
        )
    others = frame_lines(frame for frame in frames if not frame.devices)
    if others:
        yield Probed(device="", bus="its buses", frames=others)


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
    say(f"{one.device or 'others'} on {one.bus}{age}" + (f": {one.error}" if one.error else ""))
    width = max((len(name) for name, *_ in one.points), default=0)
    for name, unit, value, quality in one.points:
        shown = "-" if value is None else f"{value:g}"
        said = "" if quality == "good" else f"  ({quality})"
        say(f"  {name:<{width}}  {shown:>12} {unit}{said}")
    for frame in one.frames if frames else ():
        say(f"  {frame}")
