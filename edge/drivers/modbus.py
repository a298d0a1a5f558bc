"""Reads and writes the devices behind one Modbus connection, by their profiles.

One bad address costs only itself: a block that a device refuses is cut until the points that it does
have come, and that is remembered. What one block brought is kept when another one fails.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge.drivers.modbuslink import (
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
from edge.frametap import FrameTap
from edge.ports import Veto, never
from wire.vocabulary import Quality

__all__ = ["ModbusDriver", "RtuOverTcpTransport", "SerialTransport", "TcpTransport", "Transport"]

_READ_BACK_TRIES: Final = 5
_FIRST_REFUSED_PAUSE_S: Final = 1.0
_LONGEST_REFUSED_PAUSE_S: Final = 60.0


@dataclass(slots=True)
class _Refused:
    """What the device said it has not, or was silent about, and when it is asked for again."""

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

    silences: int = 0
    """How often it was silent since it last answered."""

    def plan_anew(self) -> None:
        """Forget what it refused: it may have been starting, or be another one.

        The questions begin with another block every time, since some devices say nothing at all where
        others refuse an address.
        """
        blocks = plan_reads(self.profile)
        first = self.silences % len(blocks)
        self.decoders = [compile_block(self.profile, block) for block in blocks[first:] + blocks[:first]]
        self.refused.clear()
        self.started = not self.profile.start


@dataclass(slots=True)
class _Sheet:
    """What one reading of a device has brought so far.

    Attributes:
        values, qualities: in the order of its points.
        vouched: whether the device's own word on its values was read, or it has none.
        good: whether everything was asked, answered and usable.
        answered: whether anything was answered.
        doubt: what the device's own word says against its values.
        failure: the last one.
    """

    values: list[float | None]
    qualities: list[Quality]
    vouched: bool
    good: bool = True
    answered: bool = False
    doubt: Quality | None = None
    failure: DriverError | None = None

    @classmethod
    def of(cls, profile: ModbusProfile) -> "_Sheet":
        count = len(profile.points)
        return cls([None] * count, [Quality.COMM_FAULT] * count, vouched=profile.quality is None)

    def enter(
        self, decoder: BlockDecoder, answer: Sequence[int] | Sequence[bool], profile: ModbusProfile
    ) -> None:
        self.answered = True
        self.good &= decoder.decode(answer, self.values, self.qualities)
        if QUALITY_WORD in decoder.block.points:
            self.vouched = True
            self.doubt = _judge_quality(profile, decoder.block, answer)

    @property
    def believable(self) -> bool:
        """Without its own word on them a device's values cannot be believed."""
        return self.answered and self.vouched

    def result(self) -> tuple[Sequence[float | None], Sequence[Quality] | None]:
        if self.doubt is None and self.good:
            return tuple(self.values), None
        if self.doubt is not None:
            self.qualities = [self.doubt if q is Quality.GOOD else q for q in self.qualities]
        complete = all(quality is Quality.GOOD for quality in self.qualities)
        return tuple(self.values), None if complete else tuple(self.qualities)


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
            self.link.names[unit] = (*self.link.names.get(unit, ()), name)

    @property
    def tap(self) -> FrameTap:
        """Where its raw frames can be listened to."""
        return self.link.tap

    async def connect(self) -> None:
        """Open the connection, unless it is open; see `edge.ports.BusDriver.connect`."""
        await self.link.connect()

    async def close(self) -> None:
        """Close the connection."""
        self.link.close()
        for device in self._devices.values():
            device.started = not device.profile.start

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
            known.silences += 1
            known.plan_anew()
            raise

    async def act(self, device: str, action: str, *, veto: Veto = never) -> None:
        """Carry out an action and read it back; see `edge.ports.BusDriver.act`."""
        known = self._devices[device]
        wanted = known.profile.actions[action]
        await self.link.write(known.unit, known.pacing, wanted.fc, wanted.address, wanted.value, veto=veto)
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
        sheet = _Sheet.of(known.profile)
        waiting = known.decoders[::-1]
        while waiting:
            decoder = waiting.pop()
            block = decoder.block
            if known.refused and self._is_refused(known, block):
                sheet.good = False
                continue
            try:
                answer = await self.link.read(known.unit, known.pacing, block.fc, block.address, block.count)
            except (LinkError, OutOfStepError):
                raise
            except DriverError as error:
                sheet.good, sheet.failure = False, error
                if isinstance(error, NoAnswerError):
                    if sheet.answered:
                        self._pause_block(known, block)
                    break  # the living do not wait for it any longer
                if isinstance(error, NoSuchAddressError):
                    waiting += reversed(self._cut(known, decoder))
                continue
            known.silences = 0
            sheet.enter(decoder, answer, known.profile)
        if not sheet.believable:
            known.plan_anew()
            raise sheet.failure or RefusedError(f"unit {known.unit}: every address was refused")
        return sheet.result()

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
        self._pause_block(device, decoder.block)
        return []

    def _pause_block(self, device: _Device, block: Block) -> None:
        """Do not ask for a block for a while, each time a longer one."""
        before = device.refused.get(block)
        pause_s = _FIRST_REFUSED_PAUSE_S if before is None else before.pause_s * 2
        pause_s = min(pause_s, _LONGEST_REFUSED_PAUSE_S)
        device.refused[block] = _Refused(asyncio.get_running_loop().time() + pause_s, pause_s)


def _judge_quality(
    profile: ModbusProfile, block: Block, answer: Sequence[int] | Sequence[bool]
) -> Quality | None:
    """Return what the device's own word says, or None when it vouches for its values."""
    word = profile.quality
    assert word is not None, "the block says that it covers the quality word"
    state = int(answer[word.address - block.address]) & word.mask
    quality = word.values.get(state, word.otherwise)
    return None if quality is Quality.GOOD else quality
