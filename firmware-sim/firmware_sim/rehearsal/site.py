"""A scenario as a gateway and a server must be told of it: site file and register. Pure."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any, Final

from firmware_sim.demo.ports import LOOPBACK
from firmware_sim.scenario import DevicePart, PlacePart, Scenario
from firmware_sim.wiring import SPEAKING_MODELS

GATEWAY: Final = "gw-demo-01"
_COLUMNS: Final = (
    "gateway",
    "device",
    "name",
    "model",
    "kind",
    "building",
    "floor",
    "door",
    "longitude",
    "latitude",
)


def site_of(scenario: Scenario, *, broker_port: int, ports: Mapping[str, int]) -> str:
    """Return the gateway's site file; JSON, which is YAML too.

    Args:
        scenario: what there is.
        broker_port: where the gateway's line begins.
        ports: of each bus.
    """
    return json.dumps(
        {
            "version": "rehearsal",
            "gateway": GATEWAY,
            "server": {"host": LOOPBACK, "port": broker_port},
            "stores": {"folder": "state"},
            "buses": [_bus(scenario, name, ports[name]) for name in scenario.buses],
            "devices": [_device(part) for part in scenario.each_device()],
            "rules": list(scenario.rules),
        },
        ensure_ascii=False,
        indent=1,
    )


def _bus(scenario: Scenario, name: str, port: int) -> dict[str, Any]:
    place = scenario.buses[name]
    told = {"id": name, "technique": place.technique, "host": place.host, "port": port}
    return told | {"timeout_s": place.timeout_s} if place.technique.startswith("modbus") else told


def _device(part: DevicePart) -> dict[str, Any]:
    where = {"address": part.address} if part.model in SPEAKING_MODELS else {"unit": part.unit}
    told = {"id": part.name, "bus": part.bus, **where, "profile": part.model}
    return told | ({"label": part.label} if part.label else {}) | part.site


def register_of(scenario: Scenario) -> str:
    """Return the register's `devices.csv`: every device that has a kind."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for part in scenario.each_device():
        if part.kind:
            place = part.places[0] if part.places else PlacePart()
            writer.writerow(
                (
                    GATEWAY,
                    part.name,
                    part.label or part.name,
                    part.model,
                    part.kind,
                    place.building,
                    place.floor,
                    place.door,
                    "" if place.longitude is None else place.longitude,
                    "" if place.latitude is None else place.latitude,
                )
            )
    return text.getvalue()
