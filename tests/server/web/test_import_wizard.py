"""The import wizard: files are looked at, then taken as they were seen, or let go."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from server.audit.tables import AuditRow
from server.people.tables import Duty, Person
from server.places.importer import SAMPLE_STREET
from server.places.tables import Community, Grid, StreetUpload, StreetUploadPage
from server.places.uploads import ROWS_A_PAGE
from tests.server.web.running_site import OPERATOR, PASSWORD

DUTIES = b"person,role,scope,code\nleader,leader,grid,g1\ndesk,desk,street,\n"
PEOPLE = "code,name,phone,webhook_url\nleader,王秀英,,https://phone.example/leader\nneu,新人,,\n"


@pytest.fixture
async def client(site):
    return await site.operator()


def sample(**changed):
    return {path.name: path.read_bytes() for path in SAMPLE_STREET.glob("*.csv")} | changed


async def upload(client, **files):
    named = {name.replace("_", ".", 1) if "." not in name else name: data for name, data in files.items()}
    return await client.post("/desk/import", files=[("files", one) for one in named.items()])


async def preview(client, **files):
    answer = await upload(client, **files)
    assert answer.status_code == 303, answer.text[:3000]
    path = answer.headers["location"]
    return path, (await client.get(path)).text


async def take(client, path, page):
    digest = re.search(r'name="digest" value="(\w+)"', page)[1]
    return await client.post(f"{path}/taking", data={"digest": digest})


async def test_a_preview_shows_old_and_new_and_changes_nothing_until_it_is_taken(site, client):
    path, page = await preview(client, **{"people.csv": PEOPLE.encode()})
    assert "<del>leader某</del>" in page
    assert "<ins>王秀英</ins>" in page
    assert "新增 1 行，修改 1 行，删除 0 行" in page
    added = (await client.get(f"{path}?sheet=people&fate=added")).text
    assert "新人" in added
    async with site.world.database.read() as session:
        assert (await session.get(Person, "leader")).name == "leader某"
    answer = await take(client, path, page)
    assert answer.headers["location"] == "/desk/import?said=taken"
    async with site.world.database.read() as session:
        assert (await session.get(Person, "leader")).name == "王秀英"
        assert (await session.get(Person, "deputy")).name == "deputy某", "one the file does not name stays"
    assert await site.world.rows(StreetUpload) == [], "telephone numbers are not kept"
    assert await site.world.rows(StreetUploadPage) == []
    assert (await client.get(path)).status_code == 404


async def test_what_a_whole_table_no_longer_has_is_named_before_it_goes(site, client):
    path, page = await preview(client, **{"duties.csv": DUTIES})
    assert "下面这些行导入后不再有效" in page
    assert "deputy/deputy/grid/g1" in page
    await take(client, path, page)
    assert {row.person for row in await site.world.rows(Duty)} == {"leader", "desk"}


async def test_a_change_in_between_is_refused_and_shown(site, client):
    path, page = await preview(client, **{"people.csv": PEOPLE.encode()})
    await site.world.set_person("leader", name="王秀兰")
    answer = await take(client, path, page)
    assert answer.headers["location"] == f"{path}?said=changed"
    again = (await client.get(answer.headers["location"])).text
    assert "登记又有变动" in again
    assert "<del>王秀兰</del>" in again
    async with site.world.database.read() as session:
        assert (await session.get(Person, "leader")).name == "王秀兰"
        assert await session.get(Person, "neu") is None, "nothing half"
    assert (await take(client, path, page)).headers["location"].endswith("said=changed"), "an old page"
    assert (await take(client, path, again)).headers["location"] == "/desk/import?said=taken"
    async with site.world.database.read() as session:
        assert (await session.get(Person, "leader")).name == "王秀英"


async def test_every_problem_has_its_row_its_column_and_what_to_write(site, client):
    files = {
        "people.csv": PEOPLE.replace("https://phone", "phone").encode(),
        "duties.csv": DUTIES.replace(b"leader,grid,g1", b"leader,grid,g9")
        + b"nobody,desk,street,\nleader,leader,community,c1\n",
    }
    answer = await upload(client, **files)
    assert answer.status_code == 422
    rows = [re.sub(r"<[^>]+>", "|", row) for row in re.findall(r"<tr><td>.*?</tr>", answer.text, re.DOTALL)]
    assert any("人员||2||D||" in row and "http://" in row for row in rows), rows
    assert any("职责||2||D||“地点编码”不能写“g9”" in row and "“网格”表里已有的“编码”" in row for row in rows)
    assert any("职责||4||A||“人员”不能写“nobody”" in row for row in rows)
    assert any("“网格长”不能用“社区”这个范围" in row and "可以写：网格" in row for row in rows), rows
    assert await site.world.rows(StreetUpload) == []
    english = await client.post(
        "/desk/import", files=[("files", one) for one in files.items()], headers={"Accept-Language": "en"}
    )
    assert "“Scope”" in english.text or "Scope" in english.text
    assert not re.search(r"<tbody>.*不能", english.text, re.DOTALL)


async def test_a_large_preview_is_looked_through_page_by_page(site, client):
    count = ROWS_A_PAGE * 2 + 5
    rows = "".join(f"new{n:04},人{n},,\n" for n in range(count))
    path, page = await preview(client, **{"people.csv": ("code,name,phone,webhook_url\n" + rows).encode()})
    assert f'<span class="quiet">{count}</span>' in page
    assert page.count('<tr><th scope="row"><code>') == ROWS_A_PAGE
    last = (await client.get(f"{path}?sheet=people&fate=added&page=3")).text
    assert "new0204" in last
    assert "第 3 页，共 3 页" in last
    assert (await client.get(f"{path}?sheet=people&fate=added&page=99")).text == last, "there is no such page"


async def test_chinese_tables_columns_and_words_are_read_and_written(site, client):
    grids = "编码,社区,类别,名称,上级网格,边界\ng7,c1,微网格,7号微网格,g0,\n"
    path, page = await preview(client, **{"网格.csv": grids.encode("utf-8-sig")})
    await take(client, path, page)
    async with site.world.database.read() as session:
        assert (await session.get(Grid, "g7")).kind.value == "micro"
    out = (await client.get("/desk/import/files/grids.csv")).content.decode("utf-8-sig")
    assert out.startswith("编码,社区,类别,名称,上级网格,边界")
    assert "g7,c1,微网格,7号微网格,g0" in out
    book = (await client.get("/desk/import/files/street.xlsx")).content
    _, again = await preview(client, **{"street.xlsx": book})
    assert "没有要导入的" in again


async def test_boundaries_may_come_alone(site, client):
    ring = "[[[120,30],[120.01,30],[120.01,30.01],[120,30.01],[120,30]]]"
    shape = (
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"code":"g1"},'
        f'"geometry":{{"type":"Polygon","coordinates":{ring}}}}}]}}'
    )
    path, page = await preview(client, **{"网格.geojson": shape.encode()})
    assert "修改 1 行" in page
    await take(client, path, page)
    async with site.world.database.read() as session:
        assert (await session.get(Grid, "g1")).polygon.startswith("POLYGON")


async def test_files_can_be_let_go_and_are_replaced_by_newer_ones_and_go_after_a_day(site, client):
    first, _ = await preview(client, **{"people.csv": PEOPLE.encode()})
    second, _ = await preview(client, **{"people.csv": PEOPLE.encode()})
    assert (await client.get(first)).status_code == 404
    assert second in (await client.get("/desk/import")).text
    answer = await client.post(f"{second}/cancelling")
    assert answer.headers["location"] == "/desk/import?said=cancelled"
    third, page = await preview(client, **{"people.csv": PEOPLE.encode()})
    site.clock.advance(seconds=timedelta(days=1, minutes=1).total_seconds())
    client = await site.visitor()
    await client.post("/login", data={"name": OPERATOR, "password": PASSWORD})
    assert (await client.get(third)).status_code == 404
    assert (await take(client, third, page)).status_code == 404
    async with site.world.database.read() as session:
        assert await session.get(Person, "neu") is None
        rows = list(await session.scalars(select(AuditRow).where(AuditRow.subject_kind == "street")))
    assert {(row.action, row.actor) for row in rows} == {
        ("street_files_uploaded", OPERATOR),
        ("street_import_cancelled", OPERATOR),
    }


async def test_the_whole_sample_goes_through_the_wizard(site, client):
    path, page = await preview(client, **sample())
    assert "社区" in page
    await take(client, path, page)
    async with site.world.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Community)) == 3
    for name in ("template", "sample"):
        answer = await client.get(f"/desk/import/files/{name}.xlsx")
        assert answer.status_code == 200
    _, again = await preview(client, **{"sample.xlsx": answer.content})
    assert "没有要导入的" in again
