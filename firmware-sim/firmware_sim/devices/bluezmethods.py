"""The D-Bus methods of the simulated Bluetooth daemon, each with the errors the real one gives."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from dbus_fast import DBusError, Message
from dbus_fast.aio import MessageBus

from firmware_sim.devices.bluez import SimulatedBluez
from firmware_sim.devices.bluezparts import (
    ADAPTER,
    CHARACTERISTIC,
    DBUS,
    DEVICE,
    MONITORS,
    OBJECTS,
    PROPERTIES,
    Characteristic,
    Monitor,
    Peripheral,
)

Answer = tuple[str, list[Any]]
_NOTHING: Final[Answer] = ("", [])
_RETRIED: Final = "le-connection-abort-by-local"
"""Before this error BlueZ shows the link as up and down again."""


async def answer(bluez: SimulatedBluez, bus: MessageBus | None, message: Message) -> None:
    """Answer one call."""
    if bus is None or bluez.hanging & {"*", str(message.member)}:
        return
    try:
        signature, body = await _METHODS.get((str(message.interface), str(message.member)), _unknown)(
            bluez, message
        )
        reply = Message.new_method_return(message, signature, body)
    except DBusError as error:
        reply = Message.new_error(message, error.type, error.text)
    if bus.connected:
        await bus.send(reply)


async def _unknown(_bluez: SimulatedBluez, message: Message) -> Answer:
    raise DBusError(f"{DBUS}.Error.UnknownMethod", f"no {message.interface}.{message.member}")


async def _list_objects(bluez: SimulatedBluez, _message: Message) -> Answer:
    return "a{oa{sa{sv}}}", [bluez.objects]


async def _get(bluez: SimulatedBluez, message: Message) -> Answer:
    interface, name = message.body
    found = bluez.objects.get(str(message.path), {}).get(interface, {}).get(name)
    if found is None:
        raise DBusError(f"{DBUS}.Error.UnknownObject", f"no object {message.path}")
    return "v", [found]


async def _set(bluez: SimulatedBluez, message: Message) -> Answer:
    interface, name, value = message.body
    _known(bluez, message)
    if (interface, name) == (ADAPTER, "Powered"):
        if value.value and bluez.power_stays_off:
            raise DBusError("org.bluez.Error.Blocked", "Blocked through rfkill")
        bluez.set_powered(on=value.value)
    else:
        bluez.change(str(message.path), interface, **{name: value.value})
    return _NOTHING


async def _set_filter(bluez: SimulatedBluez, message: Message) -> Answer:
    _known(bluez, message)
    bluez.filters[str(message.sender)] = {name: value.value for name, value in message.body[0].items()}
    return _NOTHING


async def _start_discovery(bluez: SimulatedBluez, message: Message) -> Answer:
    sender = str(message.sender)
    _known(bluez, message)
    _need(bluez.powered, "NotReady", "Resource Not Ready")
    _need(sender not in bluez.sessions, "InProgress", "Operation already in progress")
    bluez.sessions[sender] = bluez.filters.get(sender, {})
    bluez.change(bluez.adapter, ADAPTER, Discovering=True)
    return _NOTHING


async def _stop_discovery(bluez: SimulatedBluez, message: Message) -> Answer:
    _known(bluez, message)
    _need(bluez.powered, "NotReady", "Resource Not Ready")
    _need(bluez.end_session(str(message.sender)), "Failed", "No discovery started")
    return _NOTHING


async def _register_monitor(bluez: SimulatedBluez, message: Message) -> Answer:
    if MONITORS not in bluez.objects.get(str(message.path), {}):
        return await _unknown(bluez, message)
    key = (str(message.sender), message.body[0])
    bluez.monitors[key] = Monitor(owner=key[0], path=key[1])
    return _NOTHING


async def _unregister_monitor(bluez: SimulatedBluez, message: Message) -> Answer:
    known = bluez.monitors.pop((str(message.sender), message.body[0]), None)
    _need(known is not None, "DoesNotExist", "Does Not Exist")
    return _NOTHING


async def _connect(bluez: SimulatedBluez, message: Message) -> Answer:
    peripheral = _peripheral(bluez, message)
    _need(bluez.powered, "NotReady", "br-connection-adapter-not-powered")
    peripheral.attempt += 1
    mine = peripheral.attempt
    await asyncio.sleep(peripheral.connect_delay_s)
    _need(peripheral.attempt == mine, "Failed", "le-connection-canceled")
    path = bluez.path_of(peripheral)
    if peripheral.connect_error == _RETRIED:
        bluez.change(path, DEVICE, Connected=True)
        bluez.change(path, DEVICE, Connected=False)
    _need(not peripheral.connect_error, "Failed", peripheral.connect_error)
    bluez.open_services(peripheral)
    return _NOTHING


async def _disconnect(bluez: SimulatedBluez, message: Message) -> Answer:
    bluez.drop_link(_peripheral(bluez, message))
    return _NOTHING


async def _read(bluez: SimulatedBluez, message: Message) -> Answer:
    return "ay", [_characteristic(bluez, message, "read").value]


async def _write(bluez: SimulatedBluez, message: Message) -> Answer:
    found = _characteristic(bluez, message, "write")
    if found.obeys:
        found.value = bytes(message.body[0])
    return _NOTHING


async def _start_notify(bluez: SimulatedBluez, message: Message) -> Answer:
    _characteristic(bluez, message, "notify").listeners.add(str(message.sender))
    bluez.change(str(message.path), CHARACTERISTIC, Notifying=True)
    return _NOTHING


async def _stop_notify(bluez: SimulatedBluez, message: Message) -> Answer:
    _characteristic(bluez, message, "notify").listeners.discard(str(message.sender))
    bluez.change(str(message.path), CHARACTERISTIC, Notifying=False)
    return _NOTHING


_Method = Callable[[SimulatedBluez, Message], Awaitable[Answer]]
_METHODS: Final[dict[tuple[str, str], _Method]] = {
    (OBJECTS, "GetManagedObjects"): _list_objects,
    (PROPERTIES, "Get"): _get,
    (PROPERTIES, "Set"): _set,
    (ADAPTER, "SetDiscoveryFilter"): _set_filter,
    (ADAPTER, "StartDiscovery"): _start_discovery,
    (ADAPTER, "StopDiscovery"): _stop_discovery,
    (MONITORS, "RegisterMonitor"): _register_monitor,
    (MONITORS, "UnregisterMonitor"): _unregister_monitor,
    (DEVICE, "Connect"): _connect,
    (DEVICE, "Disconnect"): _disconnect,
    (CHARACTERISTIC, "ReadValue"): _read,
    (CHARACTERISTIC, "WriteValue"): _write,
    (CHARACTERISTIC, "StartNotify"): _start_notify,
    (CHARACTERISTIC, "StopNotify"): _stop_notify,
}


def _need(condition: object, error: str, text: str) -> None:
    if not condition:
        raise DBusError(f"org.bluez.Error.{error}", text)


def _known(bluez: SimulatedBluez, message: Message) -> None:
    if message.path not in bluez.objects:
        raise DBusError(f"{DBUS}.Error.UnknownObject", f"no object {message.path}")


def _peripheral(bluez: SimulatedBluez, message: Message) -> Peripheral:
    _known(bluez, message)
    path = str(message.path)
    return next(one for one in bluez.peripherals.values() if path.startswith(bluez.path_of(one)))


def _characteristic(bluez: SimulatedBluez, message: Message, flag: str) -> Characteristic:
    peripheral = _peripheral(bluez, message)
    _need(bluez.get(bluez.path_of(peripheral), DEVICE, "Connected"), "Failed", "Not connected")
    found = bluez.characteristics[str(message.path)]
    refusal = "NotSupported" if flag == "notify" else "NotPermitted"
    _need(any(one.startswith(flag) for one in found.flags), refusal, f"{flag} is not permitted")
    return found
