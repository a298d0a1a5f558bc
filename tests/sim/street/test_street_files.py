"""The generated street: as many of everything as asked for, consistent, the same bytes from the same seed."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from firmware_sim.cli import app
from firmware_sim.street.counts import SIZES, in_proportion, randomness, share
from firmware_sim.street.people import UNDIALLABLE_PREFIX
from firmware_sim.street.writing import write_street
from server.db.session import Database
from server.devices.tables import Device as RegisteredDevice
from server.people.model import Role
from server.places.importer import import_street, read_folder
from server.routing.service import chain_for, street_now
from tests.harness.copied_sqlite import copy_migrated
from tests.sim.street.files import read_rows, read_street

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
FULL = SIZES["full"]


def digest(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def full_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("full")
    write_street(folder, FULL, 7)
    return folder


@pytest.fixture(scope="module")
def full(full_folder):
    return read_street(full_folder)


def test_there_are_as_many_of_everything_as_the_street_has(full):
    kinds = Counter(row["kind"] for row in full["grids"])
    assert kinds == {"comprehensive": 204, "dedicated": 129, "micro": 1_414}
    for name, many in {
        "areas": 11,
        "communities": 57,
        "estates": 145,
        "blocks": 98,
        "gateways": 600,
        "devices": 120_000,
    }.items():
        assert len(full[name]) == many, name
    assert Counter(Counter(row["gateway"] for row in full["devices"]).values()) == {200: 600}


def test_residents_are_counted_and_never_named(full):
    micro = [row for row in full["grids"] if row["kind"] == "micro"]
    assert sum(int(row["residents"]) for row in micro) == 400_000
    assert all(1 <= int(row["households"]) <= 100 for row in micro)
    assert sum(int(row["residents"]) for row in full["estates"]) == 400_000
    assert set(full["people"][0]) == {"code", "name", "phone", "webhook_url"}
    duties = {row["person"] for row in full["duties"]}
    assert {row["code"] for row in full["people"]} == duties, "only people with a duty have a name"


def test_households_are_the_same_from_door_to_grid(full):
    by_building, by_grid, by_estate = Counter(), Counter(), Counter()
    buildings = {row["code"]: row for row in full["buildings"]}
    for unit in full["units"]:
        by_building[unit["building"]] += int(unit["households"] or 0)
    for code, row in buildings.items():
        assert by_building[code] == int(row["households"] or 0)
        by_grid[row["grid"]] += by_building[code]
        by_estate[row["estate"]] += by_building[code]
    for row in full["grids"]:
        if row["kind"] == "micro":
            assert by_grid[row["code"]] == int(row["households"])
    for row in full["estates"]:
        assert by_estate[row["code"]] == int(row["households"])


def test_every_grid_has_a_leader_and_a_backup_and_every_estate_a_duty_room(full):
    held = defaultdict(set)
    for row in full["duties"]:
        held[row["role"], row["code"]].add(row["person"])
    for row in full["grids"]:
        if row["kind"] == "comprehensive":
            assert held["officer", row["code"]]
        else:
            assert held["leader", row["code"]]
            assert held["deputy", row["code"]] - held["leader", row["code"]], row
    for row in full["estates"]:
        assert held["duty_room", row["code"]]
    for row in full["communities"]:
        assert held["secretary", row["code"]]
        assert held["maintainer", row["code"]]
    assert len(held["desk", ""]) == 4
    assert full["duty_times"]
    assert full["absences"]


def test_numbers_cannot_be_dialled_and_nobody_shares_one(full):
    numbers = [row["phone"] for row in full["people"]]
    assert all(re.fullmatch(UNDIALLABLE_PREFIX + r"\d{8}", number) for number in numbers)
    assert len(set(numbers)) == len(numbers)
    assert all("camera.invalid" in row["address"] for row in full["cameras"])


def test_doors_hold_what_their_name_says(full):
    buildings = {row["code"]: row for row in full["buildings"]}
    units = {row["code"]: row["building"] for row in full["units"]}
    seen = set()
    for row in full["devices"]:
        assert (row["gateway"], row["device"]) not in seen
        seen.add((row["gateway"], row["device"]))
        installed = date.fromisoformat(row["installed_on"])
        assert date(2019, 1, 1) < installed < date(2026, 11, 23)
        if row["unit"]:
            assert units[row["unit"]] == row["building"]
            assert 1 <= int(row["floor"].removesuffix("楼")) <= int(buildings[row["building"]]["floors"])
    kinds = Counter(row["kind"] for row in full["devices"])
    assert set(kinds) == {"gas", "fire", "electric", "water"}
    assert all(row["feeder"] for row in full["buildings"])


def test_the_same_seed_gives_the_same_bytes_in_every_process(full_folder, tmp_path):
    for number, hash_seed in enumerate(("0", "4711")):
        folder = tmp_path / str(number)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "firmware_sim.cli", "street"),
                *("--seed", "7", "--size", "full", "--out", str(folder)),
            ],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": "firmware-sim:."},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "120,000" in done.stdout
        assert digest(folder) == digest(full_folder)


def test_another_seed_gives_another_street(tmp_path):
    for seed in (1, 2):
        write_street(tmp_path / str(seed), SIZES["small"], seed)
    first, second = digest(tmp_path / "1"), digest(tmp_path / "2")
    assert first.keys() == second.keys()
    assert all(first[name] != second[name] for name in first)


@pytest.mark.parametrize("seed", range(12))
def test_a_small_street_has_every_kind_of_thing(tmp_path, seed):
    write_street(tmp_path, SIZES["small"], seed)
    rows = read_street(tmp_path)
    assert all(rows.values()), {name: len(found) for name, found in rows.items()}
    assert {row["kind"] for row in rows["devices"]} == {"gas", "fire", "electric", "water"}
    assert {row["kind"] for row in rows["grids"]} == {"micro", "comprehensive", "dedicated"}
    assert "business" in {row["purpose"] for row in rows["grids"]}
    assert {row["role"] for row in rows["duties"]} == {role.value for role in Role}


@pytest.fixture
def address(tmp_path):
    return copy_migrated(tmp_path)


@pytest.fixture
async def database(address):
    opened = Database(address)
    yield opened
    await opened.close()


async def take(database, folder):
    changes = await import_street(database, read_folder(folder), by="test", now=NOW)
    return {change.sheet: change for change in changes}


async def test_the_full_street_passes_the_servers_import(database, full_folder):
    changes = await take(database, full_folder)
    assert changes["devices"].added == 120_000
    again = await take(database, full_folder)
    assert all(change.added == change.changed == change.kept == 0 for change in again.values())
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(RegisteredDevice)) == 120_000
        street = await street_now(session)
        assert len(street.buildings) == len(read_rows(full_folder, "buildings"))


async def test_every_device_of_a_small_street_has_its_leader_backup_and_duty_room(database, tmp_path):
    folder = tmp_path / "street"
    write_street(folder, SIZES["small"], 3)
    await take(database, folder)
    async with database.read() as session:
        for row in read_rows(folder, "devices")[::7]:
            chain = await chain_for(session, row["gateway"], row["device"], NOW)
            roles = [link.role for link in chain.links]
            assert roles[:2] == [Role.LEADER, Role.DEPUTY], row
            assert roles[-1] is Role.DESK
            assert chain.grid


def test_a_beginning_that_is_no_monday_is_refused(tmp_path):
    result = CliRunner().invoke(app, ["street", "--out", str(tmp_path), "--begin", "2026-11-24"])
    assert result.exit_code == 2
    assert "Monday" in result.output


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file")
    result = CliRunner().invoke(app, ["street", "--out", str(tmp_path / "taken")])
    assert result.exit_code == 1
    assert "taken" in result.output


def test_sharing_out_loses_nothing_and_keeps_to_its_bounds():
    chance = randomness(1, "test")
    for total, parts in ((10, 3), (57, 11), (1_414, 204), (7, 7)):
        shares = share(total, parts, chance)
        assert sum(shares) == total
        assert min(shares) >= 1
    assert in_proportion(199, [1, 5], most=100) == [99, 100]
    with pytest.raises(ValueError, match="cannot be shared"):
        in_proportion(201, [1, 5], most=100)
