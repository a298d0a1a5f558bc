"""A street, its people and its devices over the API: files in and out, who is responsible, what changed."""

import pytest
from sqlalchemy import select

from server.audit.tables import AuditRow
from server.people.tables import Absence
from server.places.importer import SAMPLE_STREET
from server.places.tables import Community

WHY = {"reason": "换新"}


@pytest.fixture
async def client(site):
    return await site.operator()


def upload(**changed):
    files = {path.name: path.read_bytes() for path in SAMPLE_STREET.glob("*.csv")} | changed
    return [("files", (name, data, "text/csv")) for name, data in files.items()]


async def actions(site):
    return [row.action for row in await site.world.rows(AuditRow)]


async def test_a_preview_says_what_would_change_and_changes_nothing(site, client):
    answer = await client.post("/api/v1/street/preview?rows=2", files=upload())
    assert answer.status_code == 200
    sheets = {sheet["sheet"]: sheet for sheet in answer.json()["changes"]}
    assert (sheets["communities"]["added"], sheets["communities"]["kept"]) == (2, 1)
    assert sheets["communities"]["rows"][0] == {
        "key": "C01",
        "fate": "added",
        "fields": {"code": ["", "C01"], "name": ["", "枫桥里社区"]},
    }
    assert sheets["duties"]["gone"] == 5, "the desk is the desk in both"
    assert len(await site.world.rows(Community)) == 1
    broken = (
        await client.post("/api/v1/street/preview", files=upload(**{"communities.csv": b"code\n"}))
    ).json()
    assert broken["changes"] == []
    assert any(problem.startswith("communities.csv:1:2:") for problem in broken["problems"])


async def test_files_are_taken_whole_or_not_at_all_and_come_out_as_a_workbook(site, client):
    refused = await client.post("/api/v1/street/import", files=upload(**{"grids.csv": b"code\n"}))
    assert (refused.status_code, len(await site.world.rows(Community))) == (422, 1)
    assert "grids.csv:1:2:" in refused.json()["detail"]
    assert (await client.post("/api/v1/street/import", files=upload())).status_code == 200
    assert len(await site.world.rows(Community)) == 3
    book = await client.get("/api/v1/street/export.xlsx")
    again = await client.post("/api/v1/street/preview", files=[("files", ("street.xlsx", book.content))])
    assert again.json()["problems"] == []
    assert {(one["added"], one["changed"], one["gone"]) for one in again.json()["changes"]} == {(0, 0, 0)}
    assert {"street_imported", "street_exported"} <= set(await actions(site))
    shapes = (await client.get("/api/v1/street/grids.geojson")).json()["features"]
    one = next(shape for shape in shapes if shape["properties"]["code"] == "W01")
    assert one["geometry"]["type"] == "Polygon"
    assert one["properties"]["datum"] == "wgs84"


async def test_an_item_says_whose_it_is_and_why_and_an_absence_changes_it_at_once(site, client):
    item = await site.world.raise_alarm()
    path = f"/api/v1/items/{item.id}/responsible"
    before = (await client.get(path)).json()
    assert (before["owner"], before["links"][0]["presence"]) == ("leader", "on_duty")
    now = site.clock.now()
    wanted = {"from_at": now.isoformat(), "until_at": "2027-01-01T00:00:00+08:00", "stand_in": "officer"}
    made = await client.post("/api/v1/people/leader/absences", json=wanted)
    assert made.status_code == 201
    after = (await client.get(path)).json()
    assert (after["owner"], after["links"][0]["presence"]) == ("officer", "away")
    assert "officer某代leader某（网格长）值班" in after["reason"]
    assert "leader某" in after["lines"][2]
    assert "away until 00:00 on 1 Jan" in after["lines_en"][2]
    later = (await client.get(path, params={"at": "2027-01-01T00:00:00+08:00"})).json()
    assert later["owner"] == "leader"
    book = (await client.get("/api/v1/people/leader/duties")).json()
    assert [one["stand_in"] for one in book["absences"]] == ["officer"]
    ended = await client.delete(f"/api/v1/people/leader/absences/{made.json()['id']}")
    assert ended.status_code == 204
    assert (await client.get(path)).json()["owner"] == "leader"
    assert await site.world.rows(Absence) == [], "it had not begun a moment ago"
    assert {"absence_added", "absence_ended"} <= set(await actions(site))


@pytest.mark.parametrize(
    ("path", "changes", "status"),
    [
        ("leader/absences", {"until_at": "2026-11-24T00:00:00+08:00"}, 422),
        ("leader/absences", {"stand_in": "leader"}, 422),
        ("leader/absences", {"stand_in": "nobody"}, 404),
        ("nobody/absences", {}, 404),
        ("leader/absences", {"from_at": "2026-12-01T00:00:00"}, 422),
        ("leader/swaps", {"role": "leader", "scope": "grid", "code": "g9", "taken_by": "deputy"}, 404),
        ("leader/swaps", {"role": "leader", "scope": "grid", "code": "g1", "taken_by": "leader"}, 422),
    ],
)
async def test_an_absence_or_swap_that_cannot_be_is_refused(*, client, path, changes, status):
    span = {"from_at": "2026-12-01T00:00:00+08:00", "until_at": "2026-12-02T00:00:00+08:00"}
    assert (await client.post(f"/api/v1/people/{path}", json={**span, **changes})).status_code == status


async def test_a_swap_hands_a_duty_over_and_back(site, client):
    item = await site.world.raise_alarm()
    span = {"from_at": "2026-11-01T00:00:00+08:00", "until_at": "2026-12-31T00:00:00+08:00"}
    duty = {"role": "leader", "scope": "grid", "code": "g1", "taken_by": "secretary"}
    made = await client.post("/api/v1/people/leader/swaps", json={**span, **duty})
    assert made.status_code == 201
    assert (await client.post("/api/v1/people/leader/swaps", json={**span, **duty})).status_code == 409
    path = f"/api/v1/items/{item.id}/responsible"
    assert (await client.get(path)).json()["owner"] == "secretary"
    assert (await client.delete(f"/api/v1/people/deputy/swaps/{made.json()['id']}")).status_code == 404
    assert (await client.delete(f"/api/v1/people/leader/swaps/{made.json()['id']}")).status_code == 204
    assert (await client.get(path)).json()["owner"] == "leader"


async def test_a_device_is_adopted_moved_replaced_and_retired_over_the_api(site, client):
    await site.world.take(site.world.alarm_message(site.world.state("a9", "new-1")))
    path = "/api/v1/devices/gw-one/new-1"
    assert [one["device"] for one in (await client.get("/api/v1/devices?adopted=false")).json()] == ["new-1"]
    due = {"ends_on": "2026-12-01", "name": "新", "building": "b1"}
    assert (await client.put(path, json={**WHY, **due})).json()["adopted"]
    assert [one["device"] for one in (await client.get("/api/v1/devices/due?days=30")).json()] == ["new-1"]
    assert (await client.put(path, json={**WHY, "building": "b9"})).status_code == 422
    assert (await client.put(path, json=due)).status_code == 422, "without a reason"
    heir = {**WHY, "new_gateway": "gw-one", "new_device": "new-2", "installed_on": "2026-11-24"}
    made = await client.post(f"{path}/replacement", json=heir)
    assert (made.status_code, made.json()["building"], made.json()["ends_on"]) == (201, "b1", None)
    assert (await client.get(path)).json()["replaced_by"] == "gw-one/new-2"
    assert (await client.post(f"{path}/retirement", json=WHY)).status_code == 409
    assert (await client.post("/api/v1/devices/gw-one/new-2/retirement", json=WHY)).json()["retired_at"]
    assert (await client.post("/api/v1/devices/gw-one/new-2/return", json=WHY)).json()["retired_at"] is None
    changes = (await client.get(f"{path}/changes")).json()
    assert [one["change"] for one in changes] == ["replaced", "adopted"]
    assert {one["reason"] for one in changes} == {"换新"}
    whose = (await client.get("/api/v1/devices/gw-one/new-2/responsible")).json()
    assert whose["owner"] == "leader"


async def test_the_proof_is_made_by_hand_and_shown(site, client):
    assert (await client.get("/api/v1/routing/proof")).json() is None
    made = (await client.post("/api/v1/routing/proof")).json()
    assert (made["grids"], made["hours"], made["gaps"]) == (2, 168, [])
    await site.world.set_person("desk", active=False)
    for person in ("officer", "secretary"):
        await site.world.set_person(person, active=False)
    made = (await client.post("/api/v1/routing/proof")).json()
    assert {(gap["grid"], gap["least"]) for gap in made["gaps"]} == {("g0", 0)}
    shown = (await client.get("/api/v1/routing/proof")).json()
    assert shown["thin_hours"] == made["thin_hours"] == 168
    grid = (await client.get("/api/v1/grids/g0/responsible")).json()
    assert grid["owner"] == ""
    assert "指挥中心的页面" in grid["reason"]
    async with site.world.database.read() as session:
        proofs = await session.scalars(select(AuditRow).where(AuditRow.action == "routes_proved"))
        assert len(list(proofs)) == 2
