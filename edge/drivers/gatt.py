"""Devices that are connected to: read, notified and written by profile.

Connections are made one after another, as BlueZ wants it, and only to devices that the running scan has
seen: after a crash of the Bluetooth daemon bleak would otherwise take its own stale memory for a link. An
action overtakes every poll: it waits for at most the transaction, or the connection attempt, in flight.
"""

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

import structlog

from edge.drivers.listenedprofile import BleProfile, GattCharacteristic
from edge.errors import DriverError, LinkError, NoAnswerError, ReadBackError, RefusedError, WithdrawnError
from edge.frametap import FrameTap
from edge.ports import Clock, Veto, never
from edge.reception import Reception

_T = TypeVar("_T")

READ_BACK_TRIES: Final = 3
SETTLE_S: Final = 0.2
FIRST_RETRY_MS: Final = 1_000
LONGEST_RETRY_MS: Final = 30_000
BUSY_MS: Final = 90_000
_LOOK_S: Final = 0.2
_LAYOUTS: Final = {
    "u8": "<B",
    "i8": "<b",
    "u16": "<H",
    "i16": "<h",
    "u32": "<I",
    "i32": "<i",
    "float32": "<f",
}

log = structlog.get_logger(__name__)


class NotSeenError(LinkError):
    """The running scan has not seen the device yet."""


class GattLink(Protocol):
    """A connection to one device; `edge.drivers.radio.Link` says what each raises."""

    async def read(self, uuid: str) -> bytes:
        """Read a characteristic."""

    async def write(self, uuid: str, value: bytes) -> None:
        """Write a characteristic and have it acknowledged."""

    async def subscribe(self, uuid: str, on_value: Callable[[bytes], None]) -> None:
        """Be told of changes."""

    async def close(self) -> None:
        """End the connection; never raises."""


Connect = Callable[[str, Callable[[], None]], Awaitable[GattLink]]
"""Connects to an address that was seen, and tells when the link is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GattDevice:
    """A device that is connected to.

    Attributes:
        id: within this gateway.
        address: as it is printed, upper case.
        profile: its characteristics and actions.
        period_ms: how often it is read.
    """

    id: str
    address: str
    profile: BleProfile
    period_ms: int


@dataclass(slots=True)
class _Session:
    device: GattDevice
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held for one transaction."""
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    link: GattLink | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    urgent: int = 0
    """Actions under way."""
    due_ms: int = 0
    failures: int = 0

    @property
    def held(self) -> bool:
        """Whether the link stays open between reads."""
        return any(one.notify for one in self.device.profile.characteristics)


class GattSessions:
    """The connected devices of one bus."""

    def __init__(
        self,
        *,
        bus: str,
        devices: Sequence[GattDevice],
        connect: Connect,
        reception: Reception,
        clock: Clock,
        tap: FrameTap | None = None,
    ) -> None:
        """Know the devices; nothing is connected yet. What is read and written is shown at the tap."""
        self._tap = tap or FrameTap()
        self._bus = bus
        self._connect = connect
        self._reception = reception
        self._clock = clock
        self._sessions = {device.id: _Session(device=device) for device in devices}
        self._connecting = asyncio.Lock()
        self._answered_ms: int | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a device has answered within the last 90 s."""
        now_ms = self._clock.moment().boot_ms
        return self._answered_ms is not None and now_ms - self._answered_ms < BUSY_MS

    async def run(self) -> None:
        """Read every device at its period until cancelled; then end every link."""
        try:
            async with asyncio.TaskGroup() as group:
                for session in self._sessions.values():
                    group.create_task(self._keep(session), name=f"gatt-{session.device.id}")
        finally:
            for session in self._sessions.values():
                await self._close(session)

    async def drop_all(self) -> None:
        """End every link: the daemon or the adapter has changed, and they are only remembered."""
        for session in self._sessions.values():
            session.due_ms = 0
        await asyncio.gather(*map(self._close, self._sessions.values()))

    async def act(self, device: str, action: str, *, veto: Veto = never) -> None:
        """Carry out an action and read it back; see `edge.ports.BusDriver.act`."""
        session = self._sessions.get(device)
        if session is None:
            raise RefusedError(f"{device}: nothing can be written to it")
        wanted = session.device.profile.actions[action]
        expected = bytes.fromhex(wanted.read_back)
        session.urgent += 1
        try:
            link = await self._open(session)

            async def write() -> None:
                if reason := veto():
                    raise WithdrawnError(reason)
                await link.write(wanted.uuid, bytes.fromhex(wanted.value))
                self._show(session, wanted.uuid, bytes.fromhex(wanted.value), "written", sent=True)

            await self._transact(session, write)
            shown = b""
            for _ in range(READ_BACK_TRIES):
                shown = await self._transact(session, lambda: link.read(wanted.uuid))
                self._show(session, wanted.uuid, shown, "read back")
                if shown == expected:
                    return
                await asyncio.sleep(self._clock.pause_s(SETTLE_S))
            raise ReadBackError(f"{device}: reads back {shown.hex() or 'nothing'}, not {expected.hex()}")
        except NoAnswerError:
            await self._close(session)
            raise
        finally:
            session.urgent -= 1
            session.due_ms = 0  # what it did is read at once

    async def _keep(self, session: _Session) -> None:
        while True:
            await self._wait_due(session)
            if session.urgent:
                continue
            try:
                await self._visit(session)
            except NotSeenError:
                # Whether it is silent for too long is judged for every device alike; due it remains.
                continue
            except DriverError as error:
                await self._note_failure(session, error)
            else:
                session.failures = 0
                session.due_ms = self._clock.moment().boot_ms + session.device.period_ms

    async def _wait_due(self, session: _Session) -> None:
        while True:
            await asyncio.sleep(self._clock.pause_s(_LOOK_S))
            if session.link is not None and session.gone.is_set():
                await self._close(session)
                self._reception.lose(session.device.id)
                session.due_ms = 0
            if not session.urgent and self._clock.moment().boot_ms >= session.due_ms:
                return

    async def _visit(self, session: _Session) -> None:
        link = await self._open(session)
        raws: dict[str, bytes] = {}
        for uuid in dict.fromkeys(one.uuid for one in session.device.profile.characteristics):
            raws[uuid] = await self._transact(session, lambda uuid=uuid: link.read(uuid))  # type: ignore[misc]  # mypy infers no default of a lambda
            self._show(session, uuid, raws[uuid], "read")
        self._tell(session, raws)
        if not session.held and not session.urgent:
            await self._close(session)

    async def _note_failure(self, session: _Session, error: DriverError) -> None:
        await self._close(session)
        session.failures += 1
        if session.failures == 1:
            log.warning("device_silent", bus=self._bus, device=session.device.id, error=str(error))
            self._reception.trouble.note(error, device=session.device.id)
            self._reception.lose(session.device.id)
        pause_ms = min(FIRST_RETRY_MS * 2 ** min(session.failures - 1, 10), LONGEST_RETRY_MS)
        session.due_ms = self._clock.moment().boot_ms + pause_ms

    async def _open(self, session: _Session) -> GattLink:
        """Return the device's link, connecting if there is none."""
        async with session.opening:
            if session.link is not None and not session.gone.is_set():
                return session.link
            await self._end(session)
            async with self._connecting:
                gone = asyncio.Event()
                link = await self._connect(session.device.address, gone.set)
            session.link, session.gone = link, gone
            for one in session.device.profile.characteristics:
                if one.notify:
                    await link.subscribe(one.uuid, self._listener(session, one.uuid))
            return link

    def _listener(self, session: _Session, uuid: str) -> Callable[[bytes], None]:
        def take(raw: bytes) -> None:
            self._show(session, uuid, raw, "notified")
            try:
                self._tell(session, {uuid: raw})
            except RefusedError as error:
                log.warning("device_refuses", bus=self._bus, device=session.device.id, error=str(error))

        return take

    async def _transact(self, session: _Session, start: Callable[[], Awaitable[_T]]) -> _T:
        async with session.turn:
            answer = await start()
        self._answered_ms = self._clock.moment().boot_ms
        return answer

    def _tell(self, session: _Session, raws: Mapping[str, bytes]) -> None:
        values = {
            one.point: decode_characteristic(one, raws[one.uuid])
            for one in session.device.profile.characteristics
            if one.uuid in raws
        }
        self._reception.hear(session.device.id, dict(values))

    def _show(self, session: _Session, uuid: str, raw: bytes, how: str, *, sent: bool = False) -> None:
        if not self._tap.is_open:
            return
        device, said = session.device, []
        for one in device.profile.characteristics:
            if one.uuid == uuid and not sent:
                with contextlib.suppress(RefusedError):
                    said.append(f"{one.point} {decode_characteristic(one, raw):g}")
        text = f"{device.address} {uuid} {how}: {', '.join(said) or raw.hex(' ')}"
        self._tap.note(raw, sent=sent, text=text, devices=(device.id,))

    async def _close(self, session: _Session) -> None:
        async with session.opening:
            await self._end(session)

    async def _end(self, session: _Session) -> None:
        link, session.link = session.link, None
        if link is not None:
            await link.close()


def decode_characteristic(characteristic: GattCharacteristic, raw: bytes) -> float:
    """Read a number from a characteristic's value.

    Raises:
        RefusedError: the value is too short.
    """
    layout = _LAYOUTS[characteristic.type]
    try:
        (number,) = struct.unpack_from(layout, raw, characteristic.offset)
    except struct.error as error:
        short = f"{len(raw)} bytes, {characteristic.offset + struct.calcsize(layout)} are needed"
        raise RefusedError(f"{characteristic.uuid}: {short}") from error
    return round(float(number) * characteristic.scale, 6)
