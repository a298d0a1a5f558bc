"""Taking a street from its files: all of it or nothing, and every mistake at once."""

import pytest
from sqlalchemy import func, select

from server.audit.tables import AuditRow
from server.devices.tables import Device, Gateway
from server.errors import ImportRefusedError
from server.people.tables import Duty, Person, Role
from server.places.importer import import_street, parse_street, read_folder
from server.places.tables import Building, Community, Grid
from server.places.titles import words_of
from tests.server.street.conftest import NOW


async def take(database, files, **options):
    return {c.sheet: c for c in await import_street(database, files, by="test", now=NOW, **options)}


async def count(database, table):
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(table))


async def test_the_sample_street_is_taken_whole(database, files):
    changes = await take(database, files)
    assert changes["communities"].added == 2
    assert changes["buildings"].added == 8
    assert await count(database, Community) == 2
    assert await count(database, Grid) == changes["grids"].added
    assert await count(database, Duty) == changes["duties"].added
    assert await count(database, AuditRow) >= 1, "who imported what is written down"


async def test_taking_it_again_changes_nothing(database, files):
    await take(database, files)
    again = await take(database, files)
    assert all(change.added == change.changed == 0 for change in again.values())


async def test_a_changed_cell_changes_its_row_and_a_row_that_is_gone_stays(database, files):
    await take(database, files)
    rows = files["people"].decode().splitlines()
    changed = "\n".join([rows[0], rows[1].replace("王秀兰", "王秀英"), *rows[2:]])
    fewer = b"\n".join(files["devices"].splitlines()[:-1])
    report = await take(database, {**files, "people": changed.encode(), "devices": fewer})
    assert (report["people"].changed, report["devices"].kept) == (1, 1)
    async with database.read() as session:
        assert (await session.get(Person, "wang")).name == "王秀英"
        assert await session.get(Device, ("gw-demo-01", "river-1")) is not None


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
async def test_a_byte_order_mark_of_a_spreadsheet_does_no_harm(database, files, mark):
    await take(database, {**files, "communities": mark + files["communities"]})
    assert await count(database, Community) == 2


async def test_phones_elsewhere_can_be_named_for_everyone(database, files):
    await take(database, files, webhook_base="http://127.0.0.1:9")
    async with database.read() as session:
        assert (await session.get(Person, "wang")).webhook_url == "http://127.0.0.1:9/hook/wang"


async def test_every_mistake_is_said_at_once_with_file_row_and_column_and_nothing_is_taken(database, files):
    broken = {
        **files,
        "grids": files["grids"].replace(b"micro", b"tiny", 1),
        "buildings": files["buildings"].replace(b"B01,E01", b"B01,E99", 1),
        "duties": files["duties"].replace(b"wang,leader", b"nobody,leader", 1),
        "gateways": files["gateways"].replace(b"gw-demo-01", b"GW DEMO", 1),
    }
    with pytest.raises(ImportRefusedError) as refusal:
        await take(database, broken)
    problems = refusal.value.problems
    for file, found in (
        ("grids", "tiny"),
        ("buildings", "E99"),
        ("duties", "nobody"),
        ("gateways", "GW DEMO"),
    ):
        (problem, *_) = [p for p in problems if p.startswith(f"{file}.csv:") and found in p]
        row, column = problem.split(":")[1:3]
        assert row.isdigit(), problem
        assert column.strip(), problem
    assert await count(database, Community) == 0


@pytest.mark.parametrize(
    ("sheet", "content", "said"),
    [
        ("communities", b"", "communities.csv"),
        ("communities", b"code,name\n", "communities.csv"),
        ("communities", b"code\nC01\n", "name"),
        ("communities", b"code,name\nC01,\xff\xfe\n", "communities.csv"),
        ("communities", b"code,name\nC01,One\nC01,Two\n", "C01"),
        ("communities", b"code,name\n,One\n", "code"),
        ("grids", b"code,community,kind,name,parent,polygon\nW01,C01,micro,One,,POLYGON((0 0))\n", "polygon"),
    ],
)
async def test_rubbish_is_refused_with_a_reason(database, files, sheet, content, said):
    broken = {**files, sheet: content}
    with pytest.raises(ImportRefusedError) as refusal:
        await take(database, broken)
    assert any(said in problem for problem in refusal.value.problems)
    assert await count(database, Community) == 0
    assert await count(database, Building) == 0


async def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ImportRefusedError, match="no-such"):
        read_folder(tmp_path / "no-such")


async def test_registering_a_device_that_was_heard_before_adopts_it(database, files):
    async with database.write() as session:
        session.add(Gateway(id="gw-demo-01", registered=False, heard_at=NOW))
        await session.flush()
        session.add(Device(gateway="gw-demo-01", device="gas-kitchen", adopted=False, first_heard_at=NOW))
    await take(database, files)
    async with database.read() as session:
        known = await session.get(Device, ("gw-demo-01", "gas-kitchen"))
        assert known.adopted
        assert known.building == "B01"


def test_a_duty_room_is_one_of_estates_and_of_blocks_and_older_files_are_still_read(files):
    duties = "人员,角色,范围,地点编码\nwang,小区值班室,小区,E01\nli,值班室,小区,E01\n".encode()
    rows = parse_street({**files, "duties": duties})["duties"].values()
    assert {row["role"] for row in rows} == {Role.DUTY_ROOM}
    assert words_of("duties", "role")["duty_room"] == "值班室"
