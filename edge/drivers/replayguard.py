"""Is this packet newer than everything heard before? Pure.

A sensor's radio packet can be recorded and played back. Packets of a device with a key carry a counter
that no outsider can forge: it must grow, over restarts of the gateway too. A plain packet carries at
most an id of eight bits: that tells repeats apart and proves nothing.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from edge.ports import StoredCounter

LEAST_RANGE: Final = 16
MOST_RANGE: Final = 4096
SOON_MS: Final = 10 * 60_000
LATE_MS: Final = 40 * 60_000
"""A device's range grows and shrinks until it is used up in 10 to 40 minutes."""
RING: Final = 256
OLD_WINDOW: Final = 64
"""How far behind the last one a plain packet id counts as an old packet; as bthome.io's reader does."""


class Standing(StrEnum):
    """What a packet's number says."""

    FRESH = "fresh"
    """Newer than everything that was heard."""
    UNSURE = "unsure"
    """Perhaps heard before a restart, or not yet durably noted: it may raise an alarm, not end one."""
    REPEAT = "repeat"
    """Heard already: it says nothing new."""
    FALLEN = "fallen"
    """Behind what was heard: a played-back packet or a device that began anew. It may raise, not end."""


@dataclass(frozen=True, slots=True)
class Track:
    """Where a device's counter stands.

    Attributes:
        last: the last number heard; None before the first.
        highest: the highest one believed.
        floor: numbers below it were surely used before the gateway started.
        unsure_to: up to here a number may have been heard before the gateway started.
        durable: up to here numbers are reserved on disk; -1 for none.
        asked: up to here a reservation is on its way.
        asked_ms: when it was asked for, in milliseconds since boot.
        step: how many numbers the next reservation takes.
        fallen: whether the counter fell back and nobody has enrolled the device again.
    """

    last: int | None = None
    highest: int | None = None
    floor: int = 0
    unsure_to: int = -1
    durable: int = -1
    asked: int = -1
    asked_ms: int | None = None
    step: int = LEAST_RANGE
    fallen: bool = False


def resume(stored: StoredCounter | None) -> Track:
    """Return where a device's counter stands after a start of the gateway."""
    if stored is None:
        return Track()
    return Track(
        floor=stored.heard,
        unsure_to=stored.ceiling,
        durable=stored.ceiling,
        asked=stored.ceiling,
        fallen=stored.fallen,
    )


def judge_counter(track: Track, counter: int, now_ms: int) -> tuple[Track, Standing, StoredCounter | None]:
    """Judge the counter of a packet whose key fitted.

    Args:
        track: where the counter stands.
        counter: the packet's.
        now_ms: milliseconds since boot.

    Returns:
        The track after it, what the packet is, and what is to be stored because of it, or None.
    """
    if counter == track.last:
        return track, Standing.REPEAT, None
    track = replace(track, last=counter)
    if track.fallen:
        return track, Standing.FALLEN, None
    if counter < track.floor or (track.highest is not None and counter < track.highest):
        heard = track.floor if track.highest is None else track.highest
        fallen = StoredCounter(heard=heard, ceiling=max(track.durable, heard), fallen=True)
        return replace(track, fallen=True), Standing.FALLEN, fallen
    track = replace(track, highest=counter)
    track, reservation = _reserve(track, counter, now_ms)
    believed = track.unsure_to < counter <= track.durable
    return track, Standing.FRESH if believed else Standing.UNSURE, reservation


def confirm(track: Track, stored: StoredCounter) -> Track:
    """Return the track once a reservation is on the disk."""
    return replace(track, durable=max(track.durable, stored.ceiling))


def is_fresh(track: Track) -> bool:
    """Tell whether the last packet heard can be believed in full by now."""
    if track.highest is None or track.fallen or track.last != track.highest:
        return False
    return track.unsure_to < track.highest <= track.durable


def at_rest(track: Track) -> StoredCounter | None:
    """Return what to store when the gateway stops in order: nothing stays unsure then."""
    if track.highest is None:
        return None
    return StoredCounter(heard=track.highest, ceiling=track.highest, fallen=track.fallen)


def judge_packet(last: int | None, packet: int) -> Standing:
    """Judge the id of a plain packet against the last one believed; both 0 to 255."""
    if last is None:
        return Standing.FRESH
    behind = (last - packet) % RING
    if behind == 0:
        return Standing.REPEAT
    return Standing.UNSURE if behind <= OLD_WINDOW else Standing.FRESH


def _reserve(track: Track, counter: int, now_ms: int) -> tuple[Track, StoredCounter | None]:
    """Ask for the next range in time, half a range ahead."""
    if counter <= track.asked - track.step // 2:
        return track, None
    step = track.step
    if track.asked_ms is not None:
        took_ms = now_ms - track.asked_ms
        step = step * 2 if took_ms < SOON_MS else step // 2 if took_ms > LATE_MS else step
        step = min(max(step, LEAST_RANGE), MOST_RANGE)
    ceiling = counter + step
    track = replace(track, asked=ceiling, asked_ms=now_ms, step=step)
    return track, StoredCounter(heard=counter, ceiling=ceiling)
