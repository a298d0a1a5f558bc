"""`scan ble`: which sensors advertise around here, what they say, and which models they may be."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.drivers.adverts import BTHOME_UUID, MIBEACON_UUID, AdvertError, decode_bthome, decode_mibeacon
from edge.drivers.listenedprofile import BleProfile
from edge.drivers.profile import shipped_profiles
from edge.drivers.radio import Radio, Sighting

_FORMATS: Final = {BTHOME_UUID: ("bthome", decode_bthome), MIBEACON_UUID: ("mibeacon", decode_mibeacon)}
_STEP_S: Final = 1.0


@dataclass(slots=True, kw_only=True)
class FoundSensor:
    """A device that advertises in a format that is known here.

    Attributes:
        address: as it is printed.
        format: `bthome` or `mibeacon`.
        values: what it said, by quantity; empty while it is encrypted.
        remark: why it could not be read, empty where it could.
        models: which models it may be, the best first.
    """

    address: str
    format: str
    values: dict[str, float] = field(default_factory=dict)
    remark: str = ""
    models: tuple[str, ...] = ()


def take_sighting(found: dict[str, FoundSensor], address: str, services: Mapping[str, bytes]) -> None:
    """Add what one advertisement says to what is known of its device."""
    for uuid, data in services.items():
        if uuid not in _FORMATS:
            continue
        name, decode = _FORMATS[uuid]
        sensor = found.setdefault(address, FoundSensor(address=address, format=name))
        try:
            sensor.values.update(decode(data, address=bytes.fromhex(address.replace(":", ""))).values)
        except AdvertError as error:
            sensor.remark = str(error)
        sensor.models = _models_for(sensor)


def _models_for(sensor: FoundSensor) -> tuple[str, ...]:
    """Return the models of its format that could say what it said, those that fit most points first."""
    fitting: list[tuple[int, str]] = []
    for model in shipped_profiles().values():
        if not isinstance(model, BleProfile) or model.format != sensor.format:
            continue
        named = {point.measures or point.name for point in model.points}
        common = len(named & sensor.values.keys())
        sealed = not sensor.values and bool(sensor.remark) and model.encrypted
        if sealed or (common and not model.encrypted):
            fitting.append((-common, model.model))
    return tuple(name for _, name in sorted(fitting))


async def scan_ble(adapter: str, *, seconds: float, advance: Callable[[str], None]) -> list[FoundSensor]:
    """Listen to advertisements for a while.

    Args:
        adapter: e.g. `hci0`.
        seconds: for how long.
        advance: told every second.

    Raises:
        edge.errors.LinkError: there is no adapter, no daemon, or no answer.
    """
    found: dict[str, FoundSensor] = {}

    def take(sighting: Sighting) -> None:
        if sighting.on_air:
            take_sighting(found, sighting.address, sighting.services)

    radio = Radio(adapter, take)
    await radio.start_scan(passive=False)
    try:
        for _ in range(max(round(seconds / _STEP_S), 1)):
            await asyncio.sleep(_STEP_S)
            advance(f"{len(found)} found")
    finally:
        await radio.stop_scan()
    return sorted(found.values(), key=lambda sensor: sensor.address)


def ble_fragment(adapter: str, found: list[FoundSensor]) -> str:
    """Return lines for a site file with what was found, ready to paste."""
    lines = ["buses:", f"  - {{id: air, technique: ble, adapter: {adapter}}}", "devices:"]
    for number, sensor in enumerate(found, 1):
        model = sensor.models[0] if sensor.models else "FIXME"
        key = f", key_file: sensor-{number}.key" if sensor.remark and not sensor.values else ""
        place = f'bus: air, address: "{sensor.address}"'
        lines.append(f"  - {{id: sensor-{number}, {place}, profile: {model}{key}}}")
    return "\n".join(lines)
