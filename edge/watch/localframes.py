"""What is on the buses, as bytes and in words, for a person at the gateway: an order at its door."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

from edge.errors import EdgeError
from edge.model import Moment, RawFrame
from edge.ports import FrameSource
from edge.watch.localdoor import Orders

MOST_FRAMES: Final = 2_000
MOST_SECONDS: Final = 600.0
_REST_S: Final = 0.1


class FramesOrderError(EdgeError):
    """Frames that cannot be shown as they were asked for."""


def frame_orders(buses: Mapping[str, FrameSource]) -> Orders:
    """Return what the door can show of buses.

    `frames` needs `buses` and `seconds`, and may name `devices`: then it answers as soon as each of them
    was heard. Nothing is sent on a bus because of it.
    """

    async def frames(asked: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = [buses[name] for name in asked.get("buses") or () if name in buses]
        if not wanted:
            raise FramesOrderError(f"found no known bus, allowed {', '.join(sorted(buses))}")
        try:
            seconds = min(max(float(asked.get("seconds", 0)), 0.0), MOST_SECONDS)
        except (TypeError, ValueError) as error:
            raise FramesOrderError("found no number of seconds") from error
        return await _listen(wanted, seconds, {str(name) for name in asked.get("devices") or ()})

    return {"frames": frames}


async def _listen(buses: list[FrameSource], seconds: float, devices: set[str]) -> list[dict[str, Any]]:
    heard: list[RawFrame] = []
    missing = set(devices)
    enough = asyncio.Event()

    def take(frame: RawFrame) -> None:
        heard.append(frame)
        if not frame.sent:
            missing.difference_update(frame.devices)
        if len(heard) >= MOST_FRAMES or (devices and not missing):
            enough.set()

    ends = [bus.tap_frames(take, for_s=seconds) for bus in buses]
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await enough.wait()
        await asyncio.sleep(_REST_S)  # what the last frame is answered
    finally:
        for end in ends:
            end()
    return [
        {
            "at": Moment(wall_ms=frame.wall_ms, boot_ms=0).as_datetime().isoformat(),
            "sent": frame.sent,
            "hex": frame.data.hex(),
            "text": frame.text,
            "devices": list(frame.devices),
        }
        for frame in heard[:MOST_FRAMES]
    ]
