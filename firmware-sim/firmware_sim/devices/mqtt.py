"""Devices that speak JSON through a broker: Zigbee2MQTT, Tasmota and ChirpStack style.

A page of MQTT 3.1.1 (CONNECT, PUBLISH) by hand, because a simulated device must be able to do what a sound
library prevents.
"""

import asyncio
import contextlib
import json
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from firmware_sim.devices.modbus import Fault, FaultKind
from firmware_sim.devices.speaking import NOISE, Dialled, SpeakingBus, SpeakingDevice

_CONNECT: Final = 0x10
_PUBLISH: Final = 0x30
_RETAIN: Final = 0x01
_CLEAN: Final = 0x02
_CONTINUES: Final = 0x80
_SHAPES: Final = {
    "zigbee2mqtt-gas": ("{}", "{}/availability", {"gas_alarm": "gas"}),
    "zigbee2mqtt-smoke": ("{}", "{}/availability", {"smoke": "smoke"}),
    "zigbee2mqtt-water-leak": ("{}", "{}/availability", {"water_leak": "water_leak"}),
    "tasmota-plug": (
        "tele/{}/SENSOR",
        "tele/{}/LWT",
        {"power_w": "ENERGY.Power", "voltage_v": "ENERGY.Voltage", "current_a": "ENERGY.Current"},
    ),
    "chirpstack-gas": (
        "application/7/device/{}/event/up",
        "",
        {"gas_lel": "object.gas_lel", "gas_alarm": "object.gas_alarm"},
    ),
}
"""Of each model: the topic it speaks on, where it says that it is there, and the path of each point."""


def _text(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return len(data).to_bytes(2, "big") + data


def packet(kind: int, body: bytes) -> bytes:
    """Return a packet: kind, length in sevens of bits, body."""
    size, length = len(body), bytearray()
    while True:
        size, seven = divmod(size, _CONTINUES)
        length.append(seven | (_CONTINUES if size else 0))
        if not size:
            return bytes((kind,)) + bytes(length) + body


def connect(client_id: str) -> bytes:
    """Return a CONNECT with a clean session and no keep-alive."""
    return packet(_CONNECT, _text("MQTT") + bytes((4, _CLEAN, 0, 0)) + _text(client_id))


def publish(topic: str, payload: bytes, *, retain: bool = False) -> bytes:
    """Return a PUBLISH of quality 0."""
    return packet(_PUBLISH | (_RETAIN if retain else 0), _text(topic) + payload)


@dataclass
class MqttDevice(SpeakingDevice):
    """One device; its model says in which shape it speaks.

    Attributes:
        retain: whether the broker keeps what it says.
    """

    model: str = "zigbee2mqtt-gas"
    retain: bool = False
    recorded: bytes = b""

    @property
    def topic(self) -> str:
        """Where it says what it measures."""
        return _SHAPES[self.model][0].format(self.address)

    def presence(self, word: str) -> bytes:
        """Return a retained word about whether it is there; nothing where its kind does not say so."""
        where = _SHAPES[self.model][1].format(self.address)
        return publish(where, word.encode(), retain=True) if where else b""

    def message(self, fault: Fault) -> bytes:
        """Return what it says now."""
        kind = fault.kind
        if kind is FaultKind.REPLAY and self.recorded:
            return self.recorded
        told: dict[str, Any] = {}
        spoken = self.clock(kind) - timedelta(seconds=fault.delay_s if kind is FaultKind.LATE else 0)
        if self.model.startswith("chirpstack"):
            told["time"] = spoken.isoformat()
        for point, value in self.measure(kind).items():
            path = _SHAPES[self.model][2].get(point)
            if path is not None:
                _put(told, path, _as_said(value))
        payload = json.dumps(told).encode()
        if kind is FaultKind.WRONG_CHECK:
            payload = b"{" + payload
        elif kind is FaultKind.TRUNCATED:
            payload = payload[: len(payload) // 2]
        elif kind is FaultKind.GARBAGE:
            payload = bytes((7 * i) & 0xFF for i in range(97))
        elif kind is FaultKind.NOISE:
            payload = NOISE + payload
        topic = f"{self.topic}-of-another" if kind is FaultKind.WRONG_UNIT else self.topic
        sent = publish(topic, payload, retain=self.retain)
        if kind is FaultKind.NONE:
            self.recorded = sent
        return sent


def _as_said(value: float) -> Any:
    """Return yes and no as such, everything else as a number."""
    return bool(value) if value in (0.0, 1.0) and not math.isnan(value) else value


def _put(told: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for step in above:
        told = told.setdefault(step, {})
    told[last] = value


@dataclass
class MqttBus(SpeakingBus):
    """Devices of one broker; each has a connection of its own."""

    client_prefix: str = "sim"

    async def speak(self, unit: int) -> None:
        """Connect and speak until the connection is gone."""
        device = self.units[unit]
        assert isinstance(device, MqttDevice), "only devices of a broker are on this bus"
        line = Dialled(*await asyncio.open_connection(self.host, self.port))
        draining = asyncio.create_task(_drain(line), name=f"mqtt-{unit}-hears")
        try:
            await line.send(connect(f"{self.client_prefix}-{unit}-{device.address}"[:60]), FaultKind.NONE)
            await line.send(device.presence("online"), FaultKind.NONE)
            while not draining.done():
                fault = self.faults[unit]
                if fault.kind in (FaultKind.REBOOT, FaultKind.DISCONNECT):
                    await line.send(device.presence("offline"), FaultKind.NONE)
                    return
                if fault.kind is not FaultKind.MUTE:
                    await line.send(device.message(fault), _on_the_line(fault.kind))
                    self.requests[unit] += 1
                if fault.kind is FaultKind.FLAPPING:
                    await asyncio.sleep(0.05)
                    return
                await self.pause()
        finally:
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)
            await line.hang_up()


def _on_the_line(kind: FaultKind) -> FaultKind:
    """Return what a fault does to the bytes of the connection; the rest is in the message already."""
    return kind if kind in (FaultKind.SPLIT, FaultKind.JOINED) else FaultKind.NONE


async def _drain(line: Dialled) -> None:
    with contextlib.suppress(OSError):
        while await line.reader.read(4096):
            pass
