"""An eye on the Bluetooth daemon and its adapter: the only importer of dbus-fast.

bleak does not notice that the daemon was restarted or the adapter switched off: its scan stays silent
for ever. So the gateway watches both itself, over a connection of its own.
"""

import asyncio
import contextlib
from typing import Any, Final

import structlog
from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, DBusError, InvalidAddressError

from edge.cancellation import await_within
from edge.errors import LinkError

CALL_LIMIT_S: Final = 5.0
_BLUEZ: Final = "org.bluez"
_ADAPTER: Final = "org.bluez.Adapter1"
_DBUS: Final = "org.freedesktop.DBus"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_FAILURES: Final = (OSError, EOFError, TimeoutError, AuthError, DBusError, InvalidAddressError)

log = structlog.get_logger(__name__)


class BluezWatch:
    """Watches one adapter."""

    def __init__(self, adapter: str) -> None:
        """Prepare; `adapter` is e.g. `hci0`."""
        self._path = f"/org/bluez/{adapter}"
        self._adapter = adapter
        self._bus: MessageBus | None = None
        self.changed = asyncio.Event()
        """Set when the daemon came or went, or the adapter's power changed."""

    async def open(self) -> None:
        """Begin to watch, unless it does already.

        Raises:
            LinkError: there is no message bus.
        """
        if self._bus is not None and self._bus.connected:
            return
        await self.close()
        bus = MessageBus(bus_type=BusType.SYSTEM)
        try:
            await await_within(CALL_LIMIT_S, bus.connect())
            for rule in (
                f"type='signal',sender='{_DBUS}',member='NameOwnerChanged',arg0='{_BLUEZ}'",
                f"type='signal',member='PropertiesChanged',path='{self._path}',arg0='{_ADAPTER}'",
            ):
                message = Message(
                    _DBUS, "/org/freedesktop/DBus", _DBUS, "AddMatch", signature="s", body=[rule]
                )
                await await_within(CALL_LIMIT_S, bus.call(message))
        except _FAILURES as error:
            bus.disconnect()
            raise LinkError(
                f"the system's message bus cannot be used: {error or type(error).__name__}"
            ) from error
        bus.add_message_handler(self._note)
        self._bus = bus

    async def close(self) -> None:
        """Stop watching; never raises."""
        bus, self._bus = self._bus, None
        if bus is not None:
            with contextlib.suppress(*_FAILURES):
                bus.disconnect()

    async def is_powered(self) -> bool:
        """Tell whether the adapter is on.

        Raises:
            LinkError: there is no adapter, no daemon, or no answer.
        """
        found = await self._call("Get", "ss", [_ADAPTER, "Powered"])
        return bool(found[0].value)

    async def switch(self, *, on: bool) -> None:
        """Switch the adapter.

        Raises:
            LinkError: the daemon refuses, or is not there.
        """
        await self._call("Set", "ssv", [_ADAPTER, "Powered", Variant("b", on)])

    async def _call(self, member: str, signature: str, body: list[Any]) -> list[Any]:
        if self._bus is None:
            raise LinkError("the system's message bus is not open")
        message = Message(_BLUEZ, self._path, _PROPERTIES, member, signature=signature, body=body)
        try:
            answer = await await_within(CALL_LIMIT_S, self._bus.call(message))
        except _FAILURES as error:
            raise LinkError(f"{self._adapter}: the Bluetooth daemon does not answer: {error}") from error
        if answer is None or answer.message_type is MessageType.ERROR:
            detail = (
                "no answer" if answer is None else f"{answer.error_name} {' '.join(map(str, answer.body))}"
            )
            raise LinkError(f"{self._adapter}: {detail}")
        return list(answer.body)

    def _note(self, message: Message) -> None:
        owner = message.member == "NameOwnerChanged" and message.body[0] == _BLUEZ
        power = (
            message.member == "PropertiesChanged"
            and message.body[0] == _ADAPTER
            and "Powered" in message.body[1]
        )
        if message.message_type is MessageType.SIGNAL and (owner or power):
            self.changed.set()
