"""A Bluetooth bus of a scenario: a message bus of its own, a simulated daemon on it, devices that speak."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from firmware_sim.devices.ble import BLE_MODELS, BleDevice, BleFault, Detector, build_ble_device
from firmware_sim.devices.bluez import SimulatedBluez
from firmware_sim.devices.bluezbus import BUS_VARIABLE, private_bus
from firmware_sim.devices.modbus import Fault, FaultKind
from firmware_sim.devices.speaking import SpeakingDevice

log = structlog.get_logger(__name__)


@dataclass
class AirDevice(SpeakingDevice):
    """A Bluetooth device; its address is as it is printed, its key 32 hexadecimal digits or empty."""

    key: str = ""

    def points(self) -> dict[str, float]:
        """Return what its model measures: quiet values, unless the world or somebody says otherwise."""
        quiet, seen = BLE_MODELS[self.model], super().points()
        return {name: seen.get(name, value) for name, value in quiet.items()}

    def go_on_air(self) -> BleDevice:
        """Return it as the daemon hears it."""
        key = bytes.fromhex(self.key) if self.key else None
        return build_ble_device(self.model, address=self.address, key=key, read_points=self.points)


_AS_BLE: Final = {
    FaultKind.NONE: BleFault.NONE,
    FaultKind.MUTE: BleFault.MUTE,
    FaultKind.STUCK: BleFault.STUCK,
    FaultKind.TRUNCATED: BleFault.TRUNCATED,
    FaultKind.WRONG_CHECK: BleFault.WRONG_CHECK,
    FaultKind.WRONG_KEY: BleFault.WRONG_KEY,
    FaultKind.DOWNGRADE: BleFault.DOWNGRADE,
    FaultKind.REPLAY: BleFault.REPLAY,
    FaultKind.DISCONNECT: BleFault.DISCONNECT,
    FaultKind.CONNECT_ERROR: BleFault.CONNECT_ERROR,
    FaultKind.DISOBEYS: BleFault.DISOBEYS,
    FaultKind.REBOOT: BleFault.COUNTER_RESET,
}
"""What the device itself does; a reboot begins its counter anew."""
_OF_THE_BUS: Final = (
    FaultKind.LATE,
    FaultKind.FLAPPING,
    FaultKind.ADAPTER_OFF,
    FaultKind.DAEMON_CRASH,
    FaultKind.DEAF,
)
"""What is done to its words on the way, or to the adapter that is to hear them."""
AIR_FAULTS: Final = (*_AS_BLE, *_OF_THE_BUS)
"""What can go wrong on the air in a scenario."""


class AirBus:
    """The devices of one adapter. Whoever is to hear them needs the message bus's address from the log."""

    def __init__(self, *, units: Mapping[int, AirDevice], period_s: float) -> None:
        """Prepare; nothing runs yet."""
        self.port = 0
        self.faults: dict[int, Fault] = {unit: Fault() for unit in units}
        self.requests: dict[int, int] = dict.fromkeys(units, 0)
        self.address = ""
        self._devices = {unit: device.go_on_air() for unit, device in units.items()}
        self._period_s = period_s
        self._stack = contextlib.ExitStack()
        self._bluez: SimulatedBluez | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the message bus and begin to speak.

        Raises:
            OSError: `dbus-daemon` is not installed.
        """
        self.address = self._stack.enter_context(private_bus())
        self._bluez = SimulatedBluez(self.address)
        for device in self._devices.values():
            self._bluez.peripherals[device.peripheral.address] = device.peripheral
        await self._bluez.start()
        self._task = asyncio.create_task(self._speak(self._bluez), name="air")
        log.info("air_started", variable=BUS_VARIABLE, address=self.address)

    async def stop(self) -> None:
        """Fall silent and close the message bus."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            if not self._task.cancelled():
                self._task.result()  # it fell silent by itself: says why
        if self._bluez is not None:
            await self._bluez.stop()
        self._stack.close()

    def misbehave(self, unit: int, fault: Fault) -> None:
        """Let a device misbehave.

        Raises:
            ValueError: a device on the air cannot do that.
        """
        if fault.kind not in AIR_FAULTS:
            raise ValueError(f"{fault.kind.value} is nothing that a Bluetooth device does")
        self.faults[unit] = fault
        device = self._devices[unit]
        device.misbehave(_AS_BLE.get(fault.kind, BleFault.NONE))
        device.peripheral.connect_delay_s = fault.delay_s if fault.kind is FaultKind.LATE else 0.0
        if fault.kind is FaultKind.DEAF and self._bluez is not None:
            self._bluez.deaf = self._bluez.deaf_until_reset = True

    async def _speak(self, bluez: SimulatedBluez) -> None:
        while True:
            await asyncio.sleep(self._period_s)
            await self._settle_radio(bluez)
            for unit, device in self._devices.items():
                self.requests[unit] += 1
                self._say(bluez, self.faults[unit], device, turn=self.requests[unit])

    def _say(self, bluez: SimulatedBluez, fault: Fault, device: BleDevice, *, turn: int) -> None:
        """Let a device speak as its fault has it: at once, later, or only every other time."""
        match fault.kind:
            case FaultKind.FLAPPING if turn % 2:
                return
            case FaultKind.LATE if isinstance(device, Detector):
                # It is measured now and heard later.
                loop = asyncio.get_running_loop()
                loop.call_later(fault.delay_s, device.send, bluez, device.next_packet())
            case _:
                device.speak(bluez)

    async def _settle_radio(self, bluez: SimulatedBluez) -> None:
        """Take the adapter's power or the daemon away, or give them back, as the faults have it."""
        kinds = {fault.kind for fault in self.faults.values()}
        crashed, off = FaultKind.DAEMON_CRASH in kinds, FaultKind.ADAPTER_OFF in kinds
        if crashed == bluez.running:
            await (bluez.stop(crash=True) if crashed else bluez.start())
        if off != bluez.power_stays_off and bluez.running:
            bluez.power_stays_off = off
            bluez.set_powered(on=not off)
