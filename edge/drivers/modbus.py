"""Reads and writes the devices behind one Modbus connection, by their profiles.

One bad address costs only itself: a block that a device refuses is cut until the points that it does
have come, and that is remembered. What one block brought is kept when another one fails.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge.drivers.modbuslink import (
    FrameListener,
    ModbusLink,
    NoSuchAddressError,
    OutOfStepError,
    UnitPacing,
)
from edge.drivers.modbusprofile import ActionProfile, ModbusProfile
from edge.drivers.planner import QUALITY_WORD, Block, plan_reads, split_block
from edge.drivers.registers import BlockDecoder, compile_block
from edge.drivers.transports import RtuOverTcpTransport, SerialTransport, TcpTransport, Transport
from edge.errors import DriverError, LinkError, NoAnswerError, ReadBackError, RefusedError
from wire.vocabulary import Quality

__all__ = ["ModbusDriver", "RtuOverTcpTransport", "SerialTransport", "TcpTransport", "Transport"]

_READ_BACK_TRIES: Final = 5
_FIRST_REFUSED_PAUSE_S: Final = 1.0
_LONGEST_REFUSED_PAUSE_S: Final = 60.0


@dataclass(slots=True)
class _Refused:
    """A single point that the device said it has not, and when it is asked again."""

    until: float
    pause_s: float


@dataclass(slots=True)
class _Device:
    """One device, its plan and what it refused."""

    unit: int
    profile: ModbusProfile
    pacing: UnitPacing
    decoders: list[BlockDecoder] = field(default_factory=list)
    refused: dict[Block, _Refused] = field(default_factory=dict)
    started: bool = False
    """Whether its start commands were sent since it last was silent."""
    ready_at: float = 0.0
    """The loop's time before which what it measures means nothing yet."""

    def plan_anew(self) -> None:
        """Forget what it refused: it may have been starting, or be another one."""
        self.decoders = [compile_block(self.profile, block) for block in plan_reads(self.profile)]
        self.refused.clear()
        self.started = not self.profile.start


class ModbusDriver:
    """Reads and writes the devices behind one Modbus connection."""

    def __init__(
        self,
        transport: Transport,
        *,
        timeout_s: float,
        devices: Mapping[str, tuple[int, ModbusProfile]],
        gap_s: float = 0.0,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            transport: where the bus is and how its frames travel.
            timeout_s: how long an answer may take.
            devices: unit id and profile of each device, by its id in the site file.
            gap_s: silence kept between one transaction and the next.
        """
        self.link = ModbusLink(transport, timeout_s=timeout_s, gap_s=gap_s)
        pacings: dict[int, UnitPacing] = {}
        self._devices: dict[str, _Device] = {}
        for name, (unit, profile) in devices.items():
            pacing = pacings.setdefault(unit, UnitPacing(pause_s=profile.pause_ms / 1000))
            device = _Device(unit=unit, profile=profile, pacing=pacing)
            device.plan_anew()
            self._devices[name] = device

    async def connect(self) -> None:
        """Open the connection, unless it is open; see `edge.ports.BusDriver.connect`."""
        await self.link.connect()

    async def close(self) -> None:
        """Close the connection."""
        self.link.close()
        for device in self._devices.values():
            device.started = not device.profile.start

    def tap_frames(self, listener: FrameListener, *, for_s: float) -> Callable[[], None]:
        """Hand raw frames to a listener; see `edge.drivers.modbuslink.ModbusLink.tap_frames`."""
        return self.link.tap_frames(listener, for_s=for_s)

    async def read(self, device: str) -> tuple[Sequence[float | None], Sequence[Quality] | None]:
        """Read all points of a device; see `edge.ports.BusDriver.read`.

        What one block brought is kept when another one fails. A device that answers nothing at all,
        or stays silent at the first question, is an error.
        """
        known = self._devices[device]
        try:
            if not known.started:
                await self._start(known)
            if known.ready_at > asyncio.get_running_loop().time():
                count = len(known.profile.points)
                return (None,) * count, (Quality.MAINTENANCE,) * count
            return await self._read_blocks(known)
        except NoAnswerError:
            known.plan_anew()
            raise

    async def act(self, device: str, action: str) -> None:
        """Carry out an action and read it back; see `edge.ports.BusDriver.act`."""
        known = self._devices[device]
        wanted = known.profile.actions[action]
        await self.link.write(known.unit, known.pacing, wanted.fc, wanted.address, wanted.value)
        await self._confirm(device, known, wanted)

    async def _confirm(self, name: str, device: _Device, wanted: ActionProfile) -> None:
        back, shown = wanted.read_back, None
        for _ in range(_READ_BACK_TRIES):
            await asyncio.sleep(wanted.settle_s)
            found = await self.link.read(device.unit, device.pacing, back.fc, back.address, 1)
            shown = int(found[0]) & back.mask
            if shown == back.equals:
                return
        raise ReadBackError(f"{name}: reads back {shown}, not {back.equals}")

    async def _start(self, device: _Device) -> None:
        """Send what the model needs to hear before it measures."""
        for command in device.profile.start:
            answer = await self.link.send_raw(device.unit, device.pacing, command.pdu_bytes)
            if not answer.startswith(command.answer_bytes):
                raise RefusedError(f"unit {device.unit}: start command answered {answer.hex()}")
            device.ready_at = asyncio.get_running_loop().time() + command.settle_s
        device.started = True

    async def _read_blocks(self, known: _Device) -> tuple[Sequence[float | None], Sequence[Quality] | None]:
        profile = known.profile
        values: list[float | None] = [None] * len(profile.points)
        qualities: list[Quality] = [Quality.COMM_FAULT] * len(profile.points)
        good, answered = True, False
        vouched = profile.quality is None
        doubt: Quality | None = None
        failure: DriverError | None = None
        waiting = known.decoders[::-1]
        while waiting:
            decoder = waiting.pop()
            block = decoder.block
            if known.refused and self._is_refused(known, block):
                good = False
                continue
            try:
                answer = await self.link.read(known.unit, known.pacing, block.fc, block.address, block.count)
            except (LinkError, OutOfStepError):
                raise
            except NoSuchAddressError as error:
                waiting += reversed(self._cut(known, decoder))
                good, failure = False, error
                continue
            except DriverError as error:
                good, failure = False, error
                if isinstance(error, NoAnswerError):
                    break  # the living do not wait for it any longer
                continue
            answered = True
            known.refused.pop(block, None)
            good &= decoder.decode(answer, values, qualities)
            if QUALITY_WORD in block.points:
                vouched = True
                doubt = _judge_quality(profile, block, answer)
        if not answered or not vouched:
            # Without its own word on them a device's values cannot be believed.
            known.plan_anew()
            raise failure or RefusedError(f"unit {known.unit}: every address was refused")
        if doubt is not None:
            qualities = [doubt if q is Quality.GOOD else q for q in qualities]
            good = False
        complete = good or all(quality is Quality.GOOD for quality in qualities)
        return tuple(values), None if complete else tuple(qualities)

    def _is_refused(self, device: _Device, block: Block) -> bool:
        refused = device.refused.get(block)
        return refused is not None and asyncio.get_running_loop().time() < refused.until

    def _cut(self, device: _Device, decoder: BlockDecoder) -> list[BlockDecoder]:
        """Remember smaller blocks for a refused one; for a single point, that it is refused."""
        parts = [compile_block(device.profile, part) for part in split_block(device.profile, decoder.block)]
        if parts:
            at = device.decoders.index(decoder)
            device.decoders[at : at + 1] = parts
            return parts
        before = device.refused.get(decoder.block)
        pause_s = _FIRST_REFUSED_PAUSE_S if before is None else before.pause_s * 2
        pause_s = min(pause_s, _LONGEST_REFUSED_PAUSE_S)
        device.refused[decoder.block] = _Refused(asyncio.get_running_loop().time() + pause_s, pause_s)
        return []


def _judge_quality(
    profile: ModbusProfile, block: Block, answer: Sequence[int] | Sequence[bool]
) -> Quality | None:
    """Return what the device's own word says, or None when it vouches for its values."""
    word = profile.quality
    assert word is not None, "the block says that it covers the quality word"
    state = int(answer[word.address - block.address]) & word.mask
    quality = word.values.get(state, word.otherwise)
    return None if quality is Quality.GOOD else quality
