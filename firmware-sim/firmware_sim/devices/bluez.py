"""A Bluetooth daemon without a radio: `org.bluez` on D-Bus, as far as a scanner and a GATT client see it.

What is signalled follows BlueZ's own sources (tags 5.55 to 5.87): data of an advertisement that did not
change is not signalled again unless the scan asks for `DuplicateData`; discovery ends with the power of
the adapter or with its client; advertisement monitors outlive the power. Not modelled: pairing,
descriptors, `AcquireWrite`, lost packets, real timing. It was never compared with a real radio.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from firmware_sim.devices.bluezparts import (
    ADAPTER,
    CHARACTERISTIC,
    DBUS,
    DEVICE,
    MONITOR,
    MONITORS,
    OBJECTS,
    PROPERTIES,
    SERVICE,
    TYPES,
    Characteristic,
    Monitor,
    Peripheral,
)

_RSSI_STEP_DB: Final = 8
"""From which change on a passive scan is told of an advertisement with the same data."""
_SERVICE_DATA: Final = 0x16
_MANUFACTURER_DATA: Final = 0xFF
"""AD types: Bluetooth Assigned Numbers, 2.3."""
_FIRST_HANDLE: Final = 0x10


class SimulatedBluez:
    """One adapter and its daemon."""

    def __init__(self, address: str, *, adapter: str = "hci0", experimental: bool = True) -> None:
        """Prepare; nothing is on the bus yet.

        Args:
            address: of the message bus.
            adapter: its name.
            experimental: whether the daemon offers passive scans (`bluetoothd --experimental`).
        """
        self.adapter = f"/org/bluez/{adapter}"
        self.peripherals: dict[str, Peripheral] = {}
        self.objects: dict[str, dict[str, dict[str, Variant]]] = {}
        self.characteristics: dict[str, Characteristic] = {}
        self.filters: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.monitors: dict[tuple[str, str], Monitor] = {}
        self.hanging: set[str] = set()
        """D-Bus methods that are never answered; `*` for all."""
        self.power_stays_off = False
        self.deaf = False
        """Whether the radio hears nothing although everything looks well."""
        self.deaf_until_reset = False
        self.calls: list[str] = []
        self._address = address
        self._experimental = experimental
        self._bus: MessageBus | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- the daemon's life ---------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether the daemon is on the bus."""
        return self._bus is not None

    async def start(self) -> None:
        """Come onto the bus with the adapter powered."""
        self._bus = await MessageBus(self._address).connect()
        self._bus.add_message_handler(self._on_message)
        for rule in (
            f"interface={DBUS},member=NameOwnerChanged",
            f"interface={OBJECTS},member=InterfacesAdded",
        ):
            await self._bus.call(
                Message(
                    DBUS,
                    "/org/freedesktop/DBus",
                    DBUS,
                    "AddMatch",
                    signature="s",
                    body=[f"type=signal,{rule}"],
                )
            )
        await self._bus.request_name("org.bluez")
        interfaces: dict[str, dict[str, Any]] = {
            ADAPTER: {
                "Address": "00:00:5E:00:53:01",
                "AddressType": "public",
                "Name": "simulated",
                "Alias": "simulated",
                "Class": 0,
                "Powered": True,
                "Discovering": False,
                "Discoverable": False,
                "Pairable": False,
                "UUIDs": [],
                "Modalias": "usb:v1D6Bp0246d0557",
                "Roles": ["central", "peripheral"],
            }
        }
        if self._experimental:
            interfaces[MONITORS] = {"SupportedMonitorTypes": ["or_patterns"], "SupportedFeatures": []}
        self.add_object(self.adapter, interfaces)

    async def stop(self, *, crash: bool = False) -> None:
        """Leave the bus: in order, as on SIGTERM, or all at once."""
        bus, self._bus = self._bus, None
        if bus is None:
            return
        if not crash:
            self._bus = bus
            self.set_powered(on=False)
            for path in sorted(self.objects, reverse=True):
                self._remove_object(path)
            self._bus = None
            await asyncio.sleep(0.02)  # what was said goes out before the line is cut
        bus.disconnect()
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # dbus-fast leaves it without types
        for peripheral in self.peripherals.values():
            peripheral.attempt += 1
        for characteristic in self.characteristics.values():
            characteristic.listeners.clear()
        for task in tuple(self._tasks):
            task.cancel()
        for known in (self.objects, self.characteristics, self.filters, self.sessions, self.monitors):
            known.clear()

    def set_powered(self, *, on: bool) -> None:
        """Switch the adapter; discovery and links end with its power."""
        if not self.objects:
            return
        if not on:
            self.filters.clear()
            self.sessions.clear()
            for peripheral in self.peripherals.values():
                self.drop_link(peripheral)
        elif self.power_stays_off:
            return
        elif self.deaf_until_reset:
            self.deaf = self.deaf_until_reset = False
        self.change(self.adapter, ADAPTER, Powered=on, Discovering=False)

    @property
    def powered(self) -> bool:
        """Whether the adapter is on."""
        return bool(self.get(self.adapter, ADAPTER, "Powered"))

    # --- what devices do on the air ------------------------------------------------------------

    def path_of(self, peripheral: Peripheral) -> str:
        """Return the object path of a device."""
        return f"{self.adapter}/dev_{peripheral.address.replace(':', '_')}"

    def advertise(
        self,
        peripheral: Peripheral,
        service_data: Mapping[str, bytes] | None = None,
        manufacturer_data: Mapping[int, bytes] | None = None,
        *,
        rssi: int = -60,
    ) -> None:
        """Send one advertisement; it reaches the bus only where BlueZ would signal it."""
        services, makers = service_data or {}, manufacturer_data or {}
        matched = [m for m in self.monitors.values() if _matches(m, services, makers)]
        if not self.running or self.deaf or not self.powered or not (self.sessions or matched):
            return
        path = self.path_of(peripheral)
        if self.get(path, DEVICE, "Connected"):
            return  # who is connected does not advertise
        fresh: dict[str, Any] = {
            "Name": peripheral.name,
            "ServiceData": {uuid: Variant("ay", data) for uuid, data in services.items()},
            "ManufacturerData": {maker: Variant("ay", data) for maker, data in makers.items()},
        }
        fresh = {name: value for name, value in fresh.items() if value}
        if path not in self.objects:
            self._add_device(path, peripheral, fresh, rssi)
        else:
            self._refresh_device(path, fresh, rssi)
        for monitor in matched:
            if path not in monitor.found:
                monitor.found.add(path)
                self.tell(monitor, "DeviceFound", "o", path)

    def _add_device(self, path: str, peripheral: Peripheral, fresh: Mapping[str, Any], rssi: int) -> None:
        flags = dict.fromkeys(
            ("Paired", "Bonded", "Trusted", "Blocked", "LegacyPairing", "Connected", "ServicesResolved"),
            False,
        )
        self.add_object(
            path,
            {
                DEVICE: {
                    "Address": peripheral.address,
                    "AddressType": "random",
                    "Alias": peripheral.name or peripheral.address.replace(":", "-"),
                    "Adapter": self.adapter,
                    "UUIDs": [],
                    "AdvertisingFlags": b"\x06",
                    "RSSI": rssi,
                    **flags,
                    **fresh,
                }
            },
        )

    def _refresh_device(self, path: str, fresh: Mapping[str, Any], rssi: int) -> None:
        known = self.objects[path][DEVICE]
        again = any(filters.get("DuplicateData") for filters in self.sessions.values())
        changed = {
            name: value
            for name, value in fresh.items()
            if name not in known or known[name].value != value or (again and name.endswith("Data"))
        }
        step = 0 if any(self.sessions.values()) else _RSSI_STEP_DB
        if "RSSI" not in known or abs(known["RSSI"].value - rssi) >= step:
            changed["RSSI"] = rssi
        if changed:
            self.change(path, DEVICE, **changed)

    def drop_link(self, peripheral: Peripheral) -> None:
        """End a connection from the device's side."""
        peripheral.attempt += 1
        path = self.path_of(peripheral)
        if self.get(path, DEVICE, "Connected"):
            self.change(path, DEVICE, ServicesResolved=False, Connected=False)

    def flicker(self, peripheral: Peripheral) -> None:
        """Change a property of a device that is no advertisement."""
        path = self.path_of(peripheral)
        if path in self.objects:
            trusted = bool(self.get(path, DEVICE, "Trusted"))
            self.change(path, DEVICE, Trusted=not trusted)

    def notify(self, characteristic: Characteristic, value: bytes) -> None:
        """Let a device tell a new value."""
        characteristic.value = value
        if characteristic.listeners:
            self.change(characteristic.path, CHARACTERISTIC, Value=value)

    def open_services(self, peripheral: Peripheral) -> None:
        """Show the services of a device that was just connected to."""
        path, handle = self.path_of(peripheral), _FIRST_HANDLE
        peripheral.connections += 1
        self.change(path, DEVICE, Connected=True)
        for uuid, characteristics in peripheral.services.items():
            service = f"{path}/service{handle:04x}"
            if service not in self.objects:
                self.add_object(
                    service, {SERVICE: {"UUID": uuid, "Device": path, "Primary": True, "Includes": []}}
                )
            for one in characteristics:
                handle += 1
                one.path = f"{service}/char{handle:04x}"
                one.listeners.clear()
                self.characteristics[one.path] = one
                if one.path not in self.objects:
                    shown = {"UUID": one.uuid, "Service": service, "Flags": list(one.flags), "MTU": 247}
                    self.add_object(one.path, {CHARACTERISTIC: {**shown, "Notifying": False}})
            handle += 1
        self.change(path, DEVICE, ServicesResolved=True, UUIDs=list(peripheral.services))

    # --- objects on the bus --------------------------------------------------------------------

    def get(self, path: str, interface: str, name: str) -> Any:
        """Return a property, None where there is none."""
        found = self.objects.get(path, {}).get(interface, {}).get(name)
        return None if found is None else found.value

    def add_object(self, path: str, interfaces: Mapping[str, Mapping[str, Any]]) -> None:
        """Show an object."""
        self.objects[path] = {
            interface: {name: Variant(TYPES[name], value) for name, value in values.items()}
            for interface, values in interfaces.items()
        }
        self._signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", [path, self.objects[path]])

    def change(self, path: str, interface: str, *, gone: tuple[str, ...] = (), **values: Any) -> None:
        """Change properties of an object, or take some away."""
        changed = {name: Variant(TYPES[name], value) for name, value in values.items()}
        known = self.objects[path][interface]
        known.update(changed)
        for name in gone:
            known.pop(name, None)
        self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, changed, list(gone)])

    def end_session(self, owner: str) -> bool:
        """End a client's scan; returns whether it had one."""
        if self.sessions.pop(owner, None) is None:
            return False
        if not self.sessions:
            for path, interfaces in self.objects.items():
                if "RSSI" in interfaces.get(DEVICE, {}):
                    self.change(path, DEVICE, gone=("RSSI",))
            self.change(self.adapter, ADAPTER, Discovering=False)
        return True

    def tell(self, monitor: Monitor, member: str, signature: str = "", *body: Any) -> None:
        """Call a client's monitor; the answer does not matter."""
        assert self._bus is not None, "only a running daemon calls"
        message = Message(monitor.owner, monitor.path, MONITOR, member, signature=signature, body=list(body))
        self._spawn(_forget_answer(self._bus, message))

    def _remove_object(self, path: str) -> None:
        self._signal("/", OBJECTS, "InterfacesRemoved", "oas", [path, list(self.objects.pop(path))])

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        if self._bus is not None:
            self._bus.send(Message.new_signal(path, interface, member, signature, body))

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_message(self, message: Message) -> bool | None:
        from firmware_sim.devices.bluezmethods import answer  # noqa: PLC0415 - they describe one another

        if message.message_type is MessageType.METHOD_CALL and message.interface != f"{DBUS}.Peer":
            self.calls.append(str(message.member))
            self._spawn(answer(self, self._bus, message))
            return True
        if message.message_type is MessageType.SIGNAL and message.member == "NameOwnerChanged":
            if not message.body[2]:
                self._forget_client(message.body[0])
        elif message.message_type is MessageType.SIGNAL and message.member == "InterfacesAdded":
            monitor = self.monitors.get((str(message.sender), str(message.path)))
            if monitor is not None:
                patterns = message.body[1][MONITOR]["Patterns"].value
                monitor.patterns = [(at, kind, bytes(wanted)) for at, kind, wanted in patterns]
                self.tell(monitor, "Activate")
        return None

    def _forget_client(self, owner: str) -> None:
        self.filters.pop(owner, None)
        for key in [key for key in self.monitors if key[0] == owner]:
            del self.monitors[key]
        for characteristic in self.characteristics.values():
            characteristic.listeners.discard(owner)
        self.end_session(owner)


async def _forget_answer(bus: MessageBus, message: Message) -> None:
    await bus.call(message)


def _matches(monitor: Monitor, services: Mapping[str, bytes], makers: Mapping[int, bytes]) -> bool:
    parts = [(_SERVICE_DATA, bytes.fromhex(uuid[4:8])[::-1] + data) for uuid, data in services.items()]
    parts += [(_MANUFACTURER_DATA, maker.to_bytes(2, "little") + data) for maker, data in makers.items()]
    return any(
        kind == wanted_kind and data[at : at + len(wanted)] == wanted
        for at, wanted_kind, wanted in monitor.patterns
        for kind, data in parts
    )
