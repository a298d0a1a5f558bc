"""A street is imported while the server works: alarms go first, and nobody's change is written over."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, select, update

from server.db.session import Database
from server.devices.tables import Device, Gateway
from server.errors import ImportRefusedError
from server.people.tables import Absence, Duty, Person, Role, Scope
from server.places import apart, importer
from server.places.importer import SAMPLE_STREET, import_street, parse_street, read_folder, take_street
from server.places.staging import SeenOtherwiseError, Staging
from server.places.tables import Estate
from tests.server.world import open_world

FILES = read_folder(SAMPLE_STREET)


@pytest.fixture
async def world(tmp_path):
    async with open_world(tmp_path) as opened:
        yield opened


@pytest.fixture
async def elsewhere(world):
    """What another process has open."""
    opened = Database(world.database.url)
    yield opened
    await opened.close()


def once_compared(monkeypatch, do):
    """Do something when files were compared with the register, and nothing was written yet."""
    stage = Staging.stage

    async def wrapped(self, connection):
        await do()
        await stage(self, connection)

    monkeypatch.setattr(Staging, "stage", wrapped)


async def count(database, table):
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(table))


async def test_an_alarm_in_the_middle_of_an_import_is_committed_before_it(world, elsewhere, monkeypatch):
    seen = []

    async def alarm():
        await world.raise_alarm(f"a{len(seen)}")
        seen.append((len(await world.items()), await count(world.database, Estate)))

    compare = importer.compare
    once_compared(monkeypatch, alarm)
    monkeypatch.setattr(importer, "compare", lambda *args: seen.append("compared") or compare(*args))
    await import_street(elsewhere, FILES, by="test", now=world.clock.now())
    assert seen.count("compared") == len(FILES)
    assert seen[-1] == (1, 1), "compared, not written; the alarm has its item"
    assert await count(world.database, Estate) == 4


async def test_a_preview_waits_for_no_writer(world, elsewhere):
    async with world.database.write() as session:
        session.add(Gateway(id="gw-heard", registered=False))
        await session.flush()
        changes = await importer.preview_files(
            elsewhere, {f"{name}.csv": data for name, data in FILES.items()}, grid_code="", most_rows=0
        )
    assert {change.sheet for change in changes} == set(FILES)


def devices(*names):
    rows = "".join(f"gw-one,d{n},{name},,,,,,,\n" for n, name in enumerate(names))
    header = "gateway,device,name,model,kind,building,floor,door,longitude,latitude\n"
    return {"devices": (header + rows).encode()}


async def take(database, files, now):
    async with database.read() as session:
        registered = await importer.read_registered(session)
    return await take_street(database, parse_street(files, registered=registered), by="test", now=now)


CHANGES = {
    "a device it changes": update(Device).where(Device.device == "d0").values(name="改"),
    "a device it adds": insert(Device).values(gateway="gw-one", device="d2", adopted=False),
    "a duty it adds": insert(Duty).values(person="leader", role=Role.DEPUTY, scope=Scope.GRID, code="g1"),
    "a person it refers to": delete(Person).where(Person.code == "neu"),
}


@pytest.mark.parametrize("what", [*CHANGES, "a device it leaves as it is"])
async def test_what_changed_meanwhile_is_not_written_over(world, elsewhere, monkeypatch, what):
    now = world.clock.now()
    async with world.database.write() as session:
        session.add(Person(code="neu", name="新人", webhook_url=""))
    await take(elsewhere, devices("一", "二"), now)
    duties = b"person,role,scope,code\nleader,deputy,grid,g1\nleader,leader,grid,g1\nneu,deputy,grid,g1\n"
    files = {**devices("新", "二", "三"), "duties": duties}

    async def names():
        return {row.device: row.name for row in await world.rows(Device) if row.device in {"d0", "d1", "d2"}}

    async def change():
        async with world.database.write() as session:
            done = CHANGES.get(what, update(Device).where(Device.device == "d1").values(name="别"))
            await session.execute(done)

    once_compared(monkeypatch, change)
    if what == "a device it leaves as it is":
        await take(elsewhere, files, now)
        assert await names() == {"d0": "新", "d1": "别", "d2": "三"}
        return
    with pytest.raises(SeenOtherwiseError):
        await take(elsewhere, files, now)
    kept = await names()
    assert kept["d0"] in {"一", "改"}
    assert kept.get("d2", "") == "", "nothing half"


@pytest.mark.parametrize("change", [update(Absence).values(stand_in=None), delete(Absence), None])
async def test_what_changed_meanwhile_is_not_removed(world, elsewhere, monkeypatch, change):
    now = world.clock.now()
    async with world.database.write() as session:
        for days in (1, 3):
            away = {"from_at": now + timedelta(days=days), "until_at": now + timedelta(days=days + 1)}
            session.add(Absence(person="leader", stand_in="deputy", **away))

    async def do():
        if change is not None:
            async with world.database.write() as session:
                await session.execute(change.where(Absence.id == 1))

    once_compared(monkeypatch, do)
    files = {"absences": b"person,from,until\n"}
    if change is None:
        await take(elsewhere, files, now)
        assert await count(world.database, Absence) == 0
        return
    with pytest.raises(SeenOtherwiseError):
        await take(elsewhere, files, now)
    assert 2 in {row.id for row in await world.rows(Absence)}, "nothing half"


def die(_database):
    os.kill(os.getpid(), signal.SIGKILL)


async def who_works(_database):
    return os.getpid()


async def refuse(_database):
    raise ImportRefusedError(["one", "two"])


async def test_large_files_are_worked_on_in_a_process_of_their_own(world):
    assert await apart.work_apart(world.database, apart.LARGE_BYTES - 1, who_works) == os.getpid()
    assert await apart.work_apart(world.database, apart.LARGE_BYTES, who_works) != os.getpid()
    with pytest.raises(ImportRefusedError) as refusal:
        await apart.work_apart(world.database, apart.LARGE_BYTES, refuse)
    assert refusal.value.problems == ("one", "two")
    with pytest.raises(ImportRefusedError, match="ended early"):
        await apart.work_apart(world.database, apart.LARGE_BYTES, die)


async def how_gladly_it_goes(_database):
    return int(await asyncio.to_thread(Path("/proc/self/oom_score_adj").read_text, encoding="ascii"))


async def test_where_memory_runs_out_the_import_goes_before_the_server(world):
    work = how_gladly_it_goes
    assert await apart.work_apart(world.database, apart.LARGE_BYTES, work) > await work(world.database)


async def last_for_ever(_database):
    os.write(1, f"{os.getpid()}\n".encode())
    await asyncio.Event().wait()


async def test_a_server_that_is_killed_leaves_no_process_behind(world):
    code = (
        "import asyncio; from server.places import apart; from tests.server.street import"
        " test_alarms_beside_an_import as here; asyncio.run(apart._in_another_process("
        f"{world.database.url!r}, here.last_for_ever))"
    )
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    process = int(await server.stdout.readline())
    server.kill()
    try:
        async with asyncio.timeout(30):  # both write to the same pipe
            assert await server.stdout.read() == b""
    except TimeoutError:
        os.kill(process, signal.SIGKILL)
        pytest.fail("it would keep its memory for ever")
    finally:
        await server.communicate()


async def test_a_large_street_is_imported_by_a_process_of_its_own(world):
    work = partial(
        importer.take_files,
        named={f"{name}.csv": data for name, data in FILES.items()},
        by="test",
        now=world.clock.now(),
        grid_code="",
    )
    changes = await apart.work_apart(world.database, apart.LARGE_BYTES, work)
    assert next(change.added for change in changes if change.sheet == "estates") == 3
    assert await count(world.database, Estate) == 4
