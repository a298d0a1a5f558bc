"""The roster calendar: who is on duty when, gaps in words, absences and swaps, without any script."""

from datetime import UTC, datetime

import pytest

from server.audit.tables import AuditRow
from server.people.tables import Absence, DutyTime, Role, Scope, Swap
from server.places.tables import PlacesVersion

PATH = "/desk/roster/grid:g1"
WEEK = f"{PATH}?week=2026-12-01"


@pytest.fixture
async def client(site):
    async with site.world.database.write() as session:
        session.add(
            DutyTime(
                person="leader",
                role=Role.LEADER,
                scope=Scope.GRID,
                code="g1",
                days="12345",
                from_time="08:00",
                until_time="20:00",
            )
        )
        session.add(PlacesVersion(at=site.clock.now()))
    return await site.operator()


def row_of(page, person):
    return page.split(f'<th scope="row">{person}某')[1].split("</tr>")[0]


async def test_a_week_shows_who_is_on_duty_each_day_and_that_off_duty_is_silent(site, client):
    page = (await client.get(WEEK)).text
    assert "不在班的人不会收到任何通知" in page
    assert "周一 11-30" in page
    assert row_of(page, "leader").count("08:00–20:00 值班") == 5
    assert row_of(page, "leader").count("不在班") == 2
    assert row_of(page, "deputy").count("00:00–24:00 值班") == 7
    assert (await client.get("/desk/roster/grid:nowhere")).status_code == 404
    assert (await client.get(f"{PATH}?week=soon")).status_code == 422


async def test_an_absence_shows_with_its_stand_in_and_is_taken_back(site, client):
    form = {
        "person": "leader",
        "begins": "2026-12-01T10:00",
        "ends": "2026-12-01T12:00",
        "stand_in": "secretary",
    }
    answer = await client.post(f"{PATH}/absences", data=form)
    assert answer.headers["location"] == WEEK
    page = (await client.get(WEEK)).text
    assert "10:00–12:00 请假" in row_of(page, "leader")
    assert "代leader某" in page
    (kept,) = await site.world.rows(Absence)
    assert kept.from_at == datetime(2026, 12, 1, 2, tzinfo=UTC)
    await client.post(f"{PATH}/absences/end", data={"person": "leader", "absence": kept.id})
    assert await site.world.rows(Absence) == []
    actions = {row.action for row in await site.world.rows(AuditRow) if row.subject_kind == "person"}
    assert actions == {"absence_added", "absence_ended"}
    refused = await client.post(f"{PATH}/absences", data={**form, "ends": "2026-12-01T09:00"})
    assert refused.status_code == 422


async def test_a_swap_shows_who_took_over_and_is_given_back(site, client):
    form = {
        "duty": "leader|leader|grid|g1",
        "begins": "2026-12-01T00:00",
        "ends": "2026-12-02T00:00",
        "taken_by": "officer",
    }
    assert (await client.post(f"{PATH}/swaps", data=form)).status_code == 303
    page = (await client.get(WEEK)).text
    assert "已换出" in row_of(page, "leader")
    assert "08:00–20:00 值班" in row_of(page, "officer")
    (kept,) = await site.world.rows(Swap)
    await client.post(f"{PATH}/swaps/end", data={"person": "leader", "swap": kept.id})
    assert await site.world.rows(Swap) == []
    actions = {row.action for row in await site.world.rows(AuditRow) if row.subject_kind == "person"}
    assert actions == {"swap_added", "swap_ended"}
    assert (await client.post(f"{PATH}/swaps", data={**form, "duty": "nonsense"})).status_code == 422


async def test_hours_with_too_few_people_are_named_in_words(site, client):
    for person in ("deputy", "officer", "secretary", "desk"):
        await site.world.set_person(person, active=False)
    page = (await client.get(WEEK)).text
    gaps = page.split('<th scope="row">空档')[1].split("</tr>")[0]
    assert "一个人都通知不到" in gaps
    assert "只能通知到一个人" in gaps
    await client.post("/api/v1/routing/proof")
    overview = (await client.get("/desk/roster")).text
    assert "1号微网格" in overview
    assert "/desk/roster/community:c1" in overview
    assert (await client.get("/desk/roster/community:c1")).status_code == 200
