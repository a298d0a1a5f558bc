"""The roster calendar: who is on duty when, gaps in words, absences and swaps, without any script."""

from datetime import UTC, datetime

import pytest

from server.audit.tables import AuditRow
from server.people.tables import Absence, DutyTime, Role, RosterMessage, Scope, Swap, SwapProposal
from server.places.tables import PlacesVersion
from tests.server.web.running_site import OPERATOR

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
    assert row_of(page, "deputy").count(">全天</span>") == 7
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


async def test_a_swap_asked_for_at_the_desk_waits_for_the_other_and_their_word_is_noted(site, client):
    form = {
        "duty": "leader|leader|grid|g1",
        "begins": "2026-12-01T00:00",
        "ends": "2026-12-02T00:00",
        "taken_by": "officer",
        "how": "ask",
    }
    await client.post(f"{PATH}/swaps", data=form)
    assert await site.world.rows(Swap) == []
    page = (await client.get(WEEK)).text
    assert "等回答" in page
    assert "→ officer某？" in page
    (asked,) = await site.world.rows(SwapProposal)
    assert [row.person for row in await site.world.rows(RosterMessage)] == ["officer"]
    await client.post(f"{PATH}/proposals", data={"proposal": asked.id, "decision": "agree"})
    (swap,) = await site.world.rows(Swap)
    assert (swap.person, swap.taken_by) == ("leader", "officer")
    told = [row.person for row in await site.world.rows(RosterMessage)]
    assert sorted(told) == ["leader", "officer", "officer"]
    rows = [(row.actor, row.action) for row in await site.world.rows(AuditRow) if "swap" in row.action]
    assert rows == [(OPERATOR, "swap_proposed"), (OPERATOR, "swap_added"), (OPERATOR, "swap_agreed")]


async def test_what_a_change_would_leave_thin_is_shown_before_it_is_saved(site, client):
    for person in ("officer", "secretary", "desk"):
        await site.world.set_person(person, active=False)
    away = {"person": "deputy", "begins": "2026-12-01T20:00", "ends": "2026-12-02T06:00"}
    shown = await client.post(f"{PATH}/absences", data=away)
    text = " ".join(shown.text.split())
    assert "1号微网格 周二 12-01 20:00 – 12-02 06:00 一个人都通知不到" in text
    assert await site.world.rows(Absence) == []
    saved = await client.post(f"{PATH}/absences", data={**away, "sure": "yes"})
    assert saved.status_code == 303
    assert len(await site.world.rows(Absence)) == 1


async def test_duty_times_are_changed_row_by_row_with_what_they_would_leave_thin(site, client):
    await site.world.set_person("desk", active=False)
    page = (await client.get(WEEK)).text
    assert "周一 周二 周三 周四 周五 08:00–20:00" in " ".join(page.split())
    night = {
        "duty": "leader|leader|grid|g1",
        "days0": ["1", "2", "3", "4", "5", "6", "7"],
        "begins0": "20:00",
        "ends0": "08:00",
        "weeks0": "2",
        "start0": "2026-11-30",
        "days1": ["6"],
        "begins1": "08:00",
        "ends1": "00:00",
        "weeks1": "1",
    }
    await client.post(f"{PATH}/times", data={**night, "sure": "yes"})
    kept = [
        (row.days, row.from_time, row.until_time, row.cycle_weeks) for row in await site.world.rows(DutyTime)
    ]
    assert kept == [("1234567", "20:00", "08:00", 2), ("6", "08:00", "24:00", 1)]
    (row,) = [row for row in await site.world.rows(AuditRow) if row.action == "duty_times_set"]
    assert row.detail["before"] == ["12345 08:00-20:00"]
    for wrong in (
        {"days0": ["8"]},
        {"begins0": "25:00"},
        {"weeks0": "9"},
        {"weeks0": "x"},
        {"start0": "2026-12-01"},
        {"days0": []},
        {"duty": "leader|leader|grid|g9"},
    ):
        assert (await client.post(f"{PATH}/times", data={**night, **wrong})).status_code in {404, 422}, wrong
    for person in ("officer", "secretary"):
        await site.world.set_person(person, active=False)
    before = len(await site.world.rows(DutyTime))
    thin = {"duty": "leader|leader|grid|g1", "days0": ["1"], "begins0": "08:00", "ends0": "09:00"}
    assert "先看一看" in (await client.post(f"{PATH}/times", data=thin)).text
    assert len(await site.world.rows(DutyTime)) == before, "shown, not saved"
    none = await client.post(f"{PATH}/times", data={"duty": "leader|leader|grid|g1"})
    assert none.status_code == 303
    assert await site.world.rows(DutyTime) == [], "no row means always"


async def test_the_link_to_the_own_week_is_sent_and_written_down(site, client):
    await client.post(f"{PATH}/links", data={"person": "leader"})
    (row,) = await site.world.rows(RosterMessage)
    assert (row.person, row.proposal) == ("leader", None)
    (link,) = [row for row in await site.world.rows(AuditRow) if row.action == "duty_link_sent"]
    assert (link.actor, link.subject) == (OPERATOR, "leader")
    async with site.world.database.write() as session:
        (await session.get_one(RosterMessage, row.id)).sent_at = site.clock.now()
    assert "没有送到的排班消息" in (await client.get(WEEK)).text
