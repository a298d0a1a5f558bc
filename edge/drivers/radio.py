"""The Bluetooth radio: the only importer of bleak.

bleak 3.1 puts no time limit on most of what it awaits, leaks a connection to the bus for every link that
a device ends unless `disconnect` is called all the same, and loses a disconnection when a callback
raises. Hence: a limit on every await, `disconnect` always, callbacks that never raise.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

import structlog
from bleak import BleakClient, BleakScanner
from bleak.args.bluez import OrPattern
from bleak.assigned_numbers import AdvertisementDataType
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from edge.cancellation import await_within
from edge.drivers.adverts import BTHOME_UUID, MIBEACON_UUID
from edge.errors import LinkError, NoAnswerError

_T = TypeVar("_T")

SCAN_LIMIT_S: Final = 10.0
CONNECT_LIMIT_S: Final = 15.0
TRANSACTION_LIMIT_S: Final = 5.0
DISCONNECT_LIMIT_S: Final = 5.0
_NO_RSSI_DBM: Final = -127
"""What bleak says where BlueZ has none: the callback is then no advertisement."""
_STATES: Final = ("Connected", "ServicesResolved", "Paired", "Bonded", "Trusted", "Alias")
"""Properties of a device that change without an advertisement and call back all the same."""
_PATTERNS: Final = tuple(
    OrPattern(0, AdvertisementDataType.SERVICE_DATA_UUID16, bytes.fromhex(uuid[4:8])[::-1])
    for uuid in (BTHOME_UUID, MIBEACON_UUID)
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a callback of the scanner holds: perhaps an advertisement, perhaps only a change of state.

    Attributes:
        address: as it is printed, upper case.
        services: service data by UUID: of this advertisement, or of an older one.
        on_air: whether a signal strength came with it.
        state: what changes without an advertisement.
        handle: how to connect to it.
    """

    address: str
    services: Mapping[str, bytes]
    on_air: bool
    state: tuple[Any, ...]
    handle: BLEDevice


class PassiveScanError(LinkError):
    """The Bluetooth daemon offers no passive scan."""


class Radio:
    """One adapter: one scan, and links."""

    def __init__(self, adapter: str, on_sighting: Callable[[Sighting], None]) -> None:
        """Prepare.

        Args:
            adapter: e.g. `hci0`.
            on_sighting: told of everything that the scanner calls back with.
        """
        self._adapter = adapter
        self._on_sighting = on_sighting
        self._scanner: BleakScanner | None = None
        self.callback_errors = 0

    async def start_scan(self, *, passive: bool) -> None:
        """Begin to listen.

        Raises:
            PassiveScanError: the daemon offers no passive scan.
            LinkError: there is no adapter, no daemon, or no answer.
        """
        mode: Literal["passive", "active"] = "passive" if passive else "active"
        scanner = BleakScanner(
            self._take,
            scanning_mode=mode,
            bluez={
                "adapter": self._adapter,
                # Without it an advertisement whose data did not change is not told again.
                "filters": {"DuplicateData": True},
                **({"or_patterns": list(_PATTERNS)} if passive else {}),
            },
        )
        self._scanner = scanner
        try:
            await await_within(SCAN_LIMIT_S, scanner.start())
        except Exception as error:
            if passive and "experimental" in str(error):
                raise PassiveScanError(str(error)) from error
            # Besides its own errors bleak lets through those of the bus, and of missing properties.
            raise LinkError(f"{self._adapter}: {str(error) or type(error).__name__}") from error

    async def stop_scan(self) -> None:
        """Stop listening; whatever goes wrong, the scan counts as stopped."""
        scanner, self._scanner = self._scanner, None
        if scanner is None:
            return
        try:
            await await_within(SCAN_LIMIT_S, scanner.stop())
        except (BleakError, OSError, TimeoutError, EOFError) as error:
            # After a power cycle or a restart of the daemon it says "No discovery started".
            log.debug("scan_stopped_with_error", adapter=self._adapter, error=str(error))

    async def connect(self, handle: BLEDevice, on_gone: Callable[[], None]) -> "Link":
        """Connect to a device that the running scan has seen.

        Args:
            handle: from its sighting; an address alone would start a second scan, which BlueZ refuses.
            on_gone: told when the link is lost.

        Raises:
            NoAnswerError: no link came about.
        """
        client = BleakClient(
            handle,
            disconnected_callback=lambda _: on_gone(),
            timeout=CONNECT_LIMIT_S,
            bluez={"adapter": self._adapter},
        )
        link = Link(client)
        try:
            await await_within(CONNECT_LIMIT_S, client.connect())
        except BaseException as error:
            await link.close()
            if isinstance(error, Exception):
                raise NoAnswerError(f"{handle.address}: {str(error) or type(error).__name__}") from error
            raise
        return link

    def _take(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        try:
            properties = advertisement.platform_data[1]
            self._on_sighting(
                Sighting(
                    device.address.upper(),
                    advertisement.service_data,
                    advertisement.rssi != _NO_RSSI_DBM,
                    tuple(map(properties.get, _STATES)),
                    device,
                )
            )
        except Exception as error:
            # Raised into bleak, it would make it lose a disconnection.
            self.callback_errors += 1
            if self.callback_errors == 1:
                log.error("sighting_failed", device=device.address, error=repr(error), exc_info=error)


class Link:
    """A connection to one device. Every method ends within its limit."""

    def __init__(self, client: BleakClient) -> None:
        """Wrap a client; `Radio.connect` makes links."""
        self._client = client

    async def read(self, uuid: str) -> bytes:
        """Read a characteristic.

        Raises:
            NoAnswerError: the device does not answer, or has no such characteristic.
        """
        return bytes(await self._call(self._client.read_gatt_char(uuid)))

    async def write(self, uuid: str, value: bytes) -> None:
        """Write a characteristic and have it acknowledged.

        Raises:
            NoAnswerError: the device does not acknowledge it.
        """
        await self._call(self._client.write_gatt_char(uuid, value, response=True))

    async def subscribe(self, uuid: str, on_value: Callable[[bytes], None]) -> None:
        """Be told of changes.

        Raises:
            NoAnswerError: the device does not tell them.
        """

        def tell(_characteristic: Any, value: bytearray) -> None:
            try:
                on_value(bytes(value))
            except Exception as error:
                log.error("notification_failed", characteristic=uuid, error=repr(error), exc_info=error)

        await self._call(self._client.start_notify(uuid, tell))

    async def close(self) -> None:
        """End the connection; never raises. Also needed after the device itself has ended it."""
        with contextlib.suppress(BleakError, OSError, TimeoutError, EOFError):
            await await_within(DISCONNECT_LIMIT_S, self._client.disconnect())

    async def _call(self, work: Awaitable[_T]) -> _T:
        try:
            return await await_within(TRANSACTION_LIMIT_S, work)
        except Exception as error:
            raise NoAnswerError(f"{self._client.address}: {str(error) or type(error).__name__}") from error
