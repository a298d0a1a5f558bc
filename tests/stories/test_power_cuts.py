"""Two hundred power cuts under twenty alarms a second, judged against a journal kept outside.

Every device is driven over its limit and back, again and again. An excursion is driven on only when
the gateway has said that the change is on its disk, or the server holds it: so each excursion is one
that the gateway promised to tell. At the end the server must know each of them exactly once.
"""

import asyncio
import random
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path

import pytest

from firmware_sim.demo.children import Child
from tests.harness.street import SITE, Street
from tests.harness.waiting import until

KILLS = 200
METERS = 32
QUIET_S = (0.2, 1.2)
"""How long after it is up the gateway is killed, real seconds: long enough to be in mid-work."""

METER = (
    "  - {{{{id: meter-{n}, bus: kitchen, unit: {unit}, profile: acrel-asj, label: 表{n}, period_s: 0.3}}}}\n"
)
METER_IN_SIM = "  - {{name: meter-{n}, model: acrel-asj, bus: kitchen, unit: {unit}}}\n"
RULE = """\
  - id: leak-{n}
    type: threshold
    devices: [meter-{n}]
    point: residual_current_ma
    above: 300
    hysteresis: 30
    kind: electric
    class: life_safety
"""


def problems_of(excursions: Counter[str], held: Counter[str], still_active: set[str]) -> list[str]:
    """Compare what happened to the devices with what the server holds of them."""
    found = [
        f"{device}: {excursions[device]} excursions, the server holds {held[device]}"
        for device in sorted({*excursions, *held})
        if excursions[device] != held[device]
    ]
    return found + [
        f"{device}: is over for the device, active for the server" for device in sorted(still_active)
    ]


@pytest.mark.parametrize(
    ("held", "active"),
    [
        ({"meter-0": 2, "meter-1": 1}, set()),
        ({"meter-0": 3, "meter-1": 2}, set()),
        ({"meter-0": 3}, {"meter-0"}),
    ],
    ids=["lost", "doubled", "stuck"],
)
def test_the_judge_sees_a_lost_a_doubled_and_a_stuck_alarm(held, active):
    assert problems_of(Counter({"meter-0": 3, "meter-1": 1}), Counter(held), active)


def test_the_judge_is_content_when_all_agrees():
    assert problems_of(Counter({"meter-0": 3}), Counter({"meter-0": 3}), set()) == []


class Journal:
    """What the gateway said of its disk, over all its lives."""

    def __init__(self) -> None:
        self._gateway: Child | None = None
        self._read = 0
        self._seen: dict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)

    def follow(self, gateway: Child) -> None:
        self._read_on()
        self._gateway, self._read = gateway, 0

    def changes(self, device: str, change: str) -> int:
        self._read_on()
        return len(self._seen[device, change])

    def _read_on(self) -> None:
        lines = [] if self._gateway is None else self._gateway.lines[self._read :]
        self._read += len(lines)
        for line in lines:
            if line.get("event") == "alarm_journalled":
                self._seen[line["device"], line["change"]].add((line["alarm"], line["count"]))


class Ledger:
    """What the server holds, read from its database beside it, a few times a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.held: Counter[str] = Counter()
        self.active: set[str] = set()

    async def keep_reading(self) -> None:
        while True:
            self.read()
            await asyncio.sleep(0.3)

    def read(self) -> None:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=10)) as connection:
            # What the gateway says of itself (memory, disk, clock) follows this machine, not the story.
            held = connection.execute(
                "SELECT device, sum(count) FROM alarm WHERE device != 'gateway' GROUP BY device"
            )
            active = connection.execute(
                "SELECT device FROM alarm WHERE condition != 'normal' AND device != 'gateway'"
            )
            self.held = Counter(dict(held.fetchall()))
            self.active = {device for (device,) in active}


async def drive(street: Street, device: str, stop: asyncio.Event, journal: Journal, ledger: Ledger) -> int:
    """Take a device over its limit and back until told to stop; returns how many times."""
    excursions = 0
    while not stop.is_set():
        await street.set_values(device, residual_current_ma=900)
        excursions += 1

        def known(count: int = excursions) -> bool:
            return journal.changes(device, "raised") >= count or ledger.held[device] >= count

        await until(known, what=f"excursion {excursions} of {device}", limit_s=120)
        await street.set_values(device, residual_current_ma=10)

        def over(count: int = excursions) -> bool:
            return journal.changes(device, "normal") >= count or (
                ledger.held[device] >= count and device not in ledger.active
            )

        await until(over, what=f"the end of excursion {excursions} of {device}", limit_s=120)
    return excursions


async def cut_power(street: Street, journal: Journal, *, seed: int) -> None:
    """Kill the gateway again and again at moments of chance."""
    chance = random.Random(seed)
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(*QUIET_S))
        await street.kill("gateway")
        journal.follow(await street.start_gateway())


@pytest.mark.story
@pytest.mark.fault
@pytest.mark.timeout(1500)
async def test_two_hundred_power_cuts_lose_no_alarm_and_double_none(street):
    meters = [f"meter-{n}" for n in range(METERS)]
    await street.add_devices("".join(METER_IN_SIM.format(n=n, unit=10 + n) for n in range(METERS)))
    devices = "".join(METER.format(n=n, unit=10 + n) for n in range(METERS))
    site = SITE.replace("rules:\n", devices + "rules:\n")
    street.write_site(site + "".join(RULE.format(n=n) for n in range(METERS)))
    await street.start_server()
    journal, ledger = Journal(), Ledger(street.folder / "server" / "gridwarden.db")
    journal.follow(await street.start_gateway())

    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        drivers = {
            meter: group.create_task(drive(street, meter, stop, journal, ledger), name=meter)
            for meter in meters
        }
        reading = group.create_task(ledger.keep_reading(), name="ledger")
        await cut_power(street, journal, seed=20)
        stop.set()
        await asyncio.wait(drivers.values())
        reading.cancel()

    excursions = Counter({meter: task.result() for meter, task in drivers.items()})
    assert sum(excursions.values()) > KILLS, "the alarms came faster than the power cuts"

    def settled() -> bool:
        ledger.read()
        return not problems_of(excursions, ledger.held, ledger.active)

    try:
        await until(settled, limit_s=60)
    except AssertionError:
        assert problems_of(excursions, ledger.held, ledger.active) == []
