"""What the devices of a street measure and when they alarm. Pure.

Alarms are of devices that the street's files register, so that items, routing and notices follow.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final

from wire.messages import AlarmState, ReadingsBatch, ReadingSeries
from wire.vocabulary import AlarmClass, Condition, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What devices of a model measure, and when that is an alarm.

    Attributes:
        usual: lowest and highest value of an ordinary day.
        limit: at which the rule alarms; None for a model without a rule.
        wrong: the value of an alarm.
    """

    point: str
    unit: str
    usual: tuple[float, float]
    rule: str = ""
    kind: Kind = Kind.GAS
    class_: AlarmClass = AlarmClass.HAZARD
    limit: float | None = None
    wrong: float = 0.0


MEASURED: Final[Mapping[str, Measured]] = {
    "honeywell-midas": Measured(
        point="gas_lel",
        unit="%{LEL}",
        usual=(0.0, 2.0),
        rule="gas-high",
        kind=Kind.GAS,
        class_=AlarmClass.LIFE_SAFETY,
        limit=25.0,
        wrong=48.0,
    ),
    "acrel-asj": Measured(
        point="residual_current_ma",
        unit="mA{residual}",
        usual=(20.0, 90.0),
        rule="leakage",
        kind=Kind.ELECTRIC,
        class_=AlarmClass.HAZARD,
        limit=300.0,
        wrong=420.0,
    ),
    "eastron-sdm120": Measured(point="power_w", unit="W", usual=(150.0, 2_200.0)),
    "keller-acculevel": Measured(
        point="pressure_kpa",
        unit="kPa",
        usual=(180.0, 320.0),
        rule="hydrant-low",
        kind=Kind.FIRE,
        class_=AlarmClass.FAULT,
        limit=140.0,
        wrong=85.0,
    ),
    "yosemitech-y4000": Measured(
        point="dissolved_oxygen_mg_l",
        unit="mg/L",
        usual=(6.0, 9.0),
        rule="oxygen-low",
        kind=Kind.WATER,
        class_=AlarmClass.HAZARD,
        limit=3.0,
        wrong=2.1,
    ),
}
"""By model; a device of another model, a valve for instance, says nothing."""


class StreetFilesError(ValueError):
    """The files of a street cannot be played; the text says why."""


@dataclass(slots=True)
class PlayedDevices:
    """The devices of one gateway that say something."""

    speaking: list[tuple[str, Measured]] = field(default_factory=list)
    alarming: list[tuple[str, Measured]] = field(default_factory=list)
    _next: int = 0
    _last_ms: int = 0

    def add(self, device: str, model: str) -> None:
        """Take in a device."""
        measured = MEASURED.get(model)
        if measured is not None:
            self.speaking.append((device, measured))
            if measured.limit is not None:
                self.alarming.append((device, measured))

    def measure(self, rows: int, now: datetime, chance: Random) -> ReadingsBatch:
        """Return readings of so many devices, in turn; no two rows of a device are of the same moment."""
        series: dict[str, int] = {}
        listed: list[ReadingSeries] = []
        index: list[int] = []
        values: list[float] = []
        offsets: list[int] = []
        now_ms = max(round(now.timestamp() * 1000), self._last_ms + 1)
        rounds: list[int] = []
        for _ in range(rows):
            device, measured = self.speaking[self._next]
            self._next = (self._next + 1) % len(self.speaking)
            place = series.get(device)
            if place is None:
                place = series[device] = len(listed)
                listed.append(ReadingSeries(device=device, point=measured.point, unit=measured.unit))
                rounds.append(0)
            offsets.append(rounds[place])
            rounds[place] += 1
            index.append(place)
            low, high = measured.usual
            values.append(round(low + (high - low) * chance.random(), 2))
        self._last_ms = now_ms + max(rounds, default=0)
        return ReadingsBatch(
            start=datetime.fromtimestamp(now_ms / 1000, tz=now.tzinfo),
            series=tuple(listed),
            s=tuple(index),
            offset_ms=tuple(offsets),
            value=tuple(values),
        )


def read_devices(folder: Path, *, most_gateways: int | None = None) -> dict[str, PlayedDevices]:
    """Read the gateways of a street's files and what hangs on them.

    Args:
        folder: with `gateways.csv` and `devices.csv`.
        most_gateways: play the first so many only.

    Raises:
        StreetFilesError: there are no such files, or nothing in them can be played.
    """
    gateways = [row["gateway"] for row in _rows(folder / "gateways.csv", ("gateway",))]
    found = {gateway: PlayedDevices() for gateway in gateways[:most_gateways]}
    for row in _rows(folder / "devices.csv", ("gateway", "device", "model")):
        devices = found.get(row["gateway"])
        if devices is not None:
            devices.add(row["device"], row["model"])
    played = {gateway: devices for gateway, devices in found.items() if devices.speaking}
    if not played:
        raise StreetFilesError(f"{folder}: found no gateway with a device of {', '.join(MEASURED)}")
    return played


def raised(alarm: str, device: str, measured: Measured, now: datetime) -> AlarmState:
    """Return an alarm that has just become active."""
    return AlarmState(
        alarm=alarm,
        device=device,
        rule=measured.rule,
        kind=measured.kind,
        class_=measured.class_,
        condition=Condition.ACTIVE,
        latched=measured.class_ is AlarmClass.LIFE_SAFETY,
        point=measured.point,
        value=measured.wrong,
        unit=measured.unit,
        limit=measured.limit,
        raised_at=now,
        changed_at=now,
    )


def _rows(path: Path, wanted: Iterable[str]) -> Iterable[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [title for title in wanted if title not in (reader.fieldnames or ())]
            if missing:
                raise StreetFilesError(f"{path}:1:1: found no column {', '.join(missing)}")
            yield from reader
    except OSError as error:
        raise StreetFilesError(
            f"{path}: {error.strerror or error}; gridwarden-sim street makes such a file"
        ) from error
