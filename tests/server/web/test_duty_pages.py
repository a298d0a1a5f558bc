"""A leader's own duty on the telephone: the week, days off, and swaps that the other has to agree to."""

import re
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete

from server.access.dutylinks import DutyLinks
from server.access.service import issue_first_run_code
from server.access.tables import Phone
from server.audit.tables import AuditRow
from server.clock import STREET_ZONE
from server.items.model import Move
from server.notify.channels import Outcome, Verdict
from server.notify.rosternews import RETRIES, RosterNews
from server.people.news import News, tell
from server.people.rostertables import RosterMessage, SwapProposal
from server.people.swapping import ProposalState
from server.people.tables import Absence, Duty, Swap
from server.pulse import Pulses
from server.retention.service import Lives, forget
from tests.server.web.running_site import CODE, open_site

DAY = timedelta(days=1)
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=STREET_ZONE)
"""A Wednesday."""
TONIGHT = {"begins": "2026-11-26T20:00", "ends": "2026-11-27T08:00"}
LEADER = "leader|grid|g1"


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        opened.clock.advance(seconds=(NOON - opened.clock.now()).total_seconds())
        yield opened


@pytest.fixture
async def hers(site):
    """The leader's telephone: it pressed a button of a message before."""
    return await phone_of(site, "leader")


async def phone_of(site, person: str):
    client = await site.visitor()
    item = next(iter(await site.world.items()), None) or await site.world.raise_alarm()
    link = await site.link(item.id, person)
    await client.post(f"{link}/moves", data={"move": "need_help", "press": f"press-{person}"})
    assert person in {row.person for row in await site.world.rows(Phone)}
    return client


def news_of(site) -> RosterNews:
    links = DutyLinks(site.settings.signing_key())
    return RosterNews(
        database=site.world.database,
        clock=site.clock,
        channels={"webhook": site.world.channel},
        link_of=lambda message: f"/my/duty/links/{links.make(message)}",
        pulses=Pulses(),
    )


async def told(site) -> dict[str, str]:
    """What reached whom since the last time: person → text."""
    before = len(site.world.channel.sent)
    await news_of(site).turn()
    return {message.person: message.rendered.text for message in site.world.channel.sent[before:]}


async def ask(client, **changes: str):
    form = {"person": "leader", "duty": LEADER, "asked": "deputy", **TONIGHT, **changes}
    return await client.post("/my/duty/swaps", data=form)


async def actions(site) -> list[tuple[str, str, str]]:
    return [
        (row.actor_kind, row.actor, row.action)
        for row in await site.world.rows(AuditRow)
        if row.action.startswith(("swap_", "absence_"))
    ]


async def test_a_telephone_that_never_pressed_is_told_how_to_become_known(site):
    client = await site.visitor()
    assert "这部手机还没有在消息里按过按钮" in (await client.get("/my/duty")).text
    refused = await ask(client)
    assert (refused.status_code, "请从收到的消息里点开链接" in refused.text) == (403, True)
    assert await site.world.rows(SwapProposal) == []


async def test_she_reads_her_week_in_plain_words(site, hers):
    page = (await hers.get("/my/duty")).text
    assert "今天 周三 11-25" in page
    assert page.count("全天 值班 · 1号微网格") == 7
    english = await hers.get("/my/duty", headers={"Accept-Language": "en"})
    assert "All day On duty" in english.text


async def test_a_swap_counts_only_once_the_other_has_agreed_and_both_are_told(site, hers):
    assert (await ask(hers)).headers["location"] == "/my/duty?said=asked"
    assert await site.world.rows(Swap) == [], "asking changes nothing"
    [text] = (heard := await told(site)).values()
    assert list(heard) == ["deputy"]
    assert "leader某请您替班：11月26日20:00到11月27日08:00" in text
    assert "等deputy某回答" in (await hers.get("/my/duty")).text

    link, his = site.world.channel.sent[-1].link, await site.visitor()
    opened = await his.get(link)
    assert "同意替班" in opened.text
    assert [row.state for row in await site.world.rows(SwapProposal)] == [ProposalState.PROPOSED]
    agreed = await his.post(link, data={"decision": "agree"})
    assert agreed.headers["location"] == "/my/duty?said=agree"
    assert set(await told(site)) == {"leader", "deputy"}
    [swap] = await site.world.rows(Swap)
    assert (swap.person, swap.taken_by) == ("leader", "deputy")
    assert "您替leader某值班" in (await his.get("/my/duty")).text, "his telephone is known now"
    assert "deputy某替您值班" in (await hers.get("/my/duty")).text
    assert await actions(site) == [
        ("person", "leader", "swap_proposed"),
        ("person", "deputy", "swap_added"),
        ("person", "deputy", "swap_agreed"),
    ]


async def test_the_alarm_of_that_night_goes_to_the_one_who_agreed_and_she_sleeps(site, hers):
    await site.world.press("leader", Move.FINISH)
    await site.world.clear_alarm()
    await ask(hers)
    his = await phone_of(site, "deputy")
    [row] = await site.world.rows(SwapProposal)
    site.clock.advance(seconds=60)
    form = {"person": "deputy", "proposal": row.id, "decision": "agree"}
    assert (await his.post("/my/duty/proposals", data=form)).status_code == 303
    night = datetime(2026, 11, 26, 23, 0, tzinfo=STREET_ZONE)
    site.clock.advance(seconds=(night - site.clock.now()).total_seconds())
    before = len(site.world.channel.sent)
    item = await site.world.raise_alarm("a9", "meter-1")
    for _ in range(12):
        await site.world.pass_time(60)
    reached = {message.person for message in site.world.channel.sent[before:] if message.item == item.id}
    assert item.owner == "deputy"
    assert "deputy" in reached
    assert "leader" not in reached, "off duty is silent, at every step"


@pytest.mark.parametrize(
    ("person", "decision", "state"),
    [("deputy", "decline", ProposalState.DECLINED), ("leader", "withdraw", ProposalState.WITHDRAWN)],
)
async def test_a_no_and_a_second_thought_leave_the_duty_where_it_is(site, hers, person, decision, state):
    await ask(hers)
    await told(site)
    [row] = await site.world.rows(SwapProposal)
    client = hers if person == "leader" else await phone_of(site, person)
    for _ in range(2):  # a nervous double tap counts once
        form = {"person": person, "proposal": row.id, "decision": decision}
        answer = await client.post("/my/duty/proposals", data=form)
        assert answer.headers["location"] == f"/my/duty?said={decision}"
    assert [row.state for row in await site.world.rows(SwapProposal)] == [state]
    assert await site.world.rows(Swap) == []
    assert set(await told(site)) == {"leader", "deputy"} - {person}
    late = {"person": person, "proposal": row.id, "decision": "agree"}
    assert (await client.post("/my/duty/proposals", data=late)).status_code in {403, 409}


async def test_nobody_answers_for_the_other(site, hers):
    await ask(hers)
    [row] = await site.world.rows(SwapProposal)
    own = await hers.post(
        "/my/duty/proposals", data={"person": "leader", "proposal": row.id, "decision": "agree"}
    )
    assert own.status_code == 403, "one's own request is not agreed to by oneself"
    his = await hers.post(
        "/my/duty/proposals", data={"person": "deputy", "proposal": row.id, "decision": "agree"}
    )
    assert his.status_code == 403
    assert await site.world.rows(Swap) == []


async def test_without_an_answer_the_duty_stays_and_she_is_told_when_it_begins(site, hers):
    await ask(hers)
    await told(site)
    begins = datetime(2026, 11, 26, 20, 0, tzinfo=STREET_ZONE)
    site.clock.advance(seconds=(begins - site.clock.now()).total_seconds())
    heard = await told(site)
    assert set(heard) == {"leader"}
    assert "没有回答" in heard["leader"]
    assert [row.state for row in await site.world.rows(SwapProposal)] == [ProposalState.LAPSED]


async def test_an_absence_that_leaves_a_gap_is_shown_before_it_is_saved(site, hers):
    for person in ("officer", "secretary", "desk"):
        await site.world.set_person(person, active=False)
    form = {"person": "leader", **TONIGHT}
    shown = await hers.post("/my/duty/absences", data=form)
    assert shown.status_code == 200
    assert "1号微网格 周四 11-26 20:00 – 11-27 08:00 只能通知到一个人" in " ".join(shown.text.split())
    assert await site.world.rows(Absence) == [], "shown, not saved"
    sure = dict(re.findall(r'name="(\w+)" value="([^"]*)"', shown.text.split("/my/duty/absences")[1]))
    assert (await hers.post("/my/duty/absences", data=sure)).headers["location"] == "/my/duty?said=away"
    [row] = await site.world.rows(Absence)
    page = (await hers.get("/my/duty")).text
    assert "您请了假" in page
    ended = await hers.post("/my/duty/absences/end", data={"person": "leader", "absence": row.id})
    assert ended.headers["location"] == "/my/duty?said=back"
    assert [action for *_, action in await actions(site)] == ["absence_added", "absence_ended"]


async def test_an_absence_without_a_gap_is_saved_at_once_and_the_stand_in_is_told(site, hers):
    form = {"person": "leader", "stand_in": "deputy", **TONIGHT}
    assert (await hers.post("/my/duty/absences", data=form)).headers["location"] == "/my/duty?said=away"
    assert set(await told(site)) == {"deputy"}


async def test_she_takes_an_agreed_duty_back_and_both_are_told(site, hers):
    await ask(hers)
    his = await phone_of(site, "deputy")
    [row] = await site.world.rows(SwapProposal)
    await his.post("/my/duty/proposals", data={"person": "deputy", "proposal": row.id, "decision": "agree"})
    await told(site)
    [swap] = await site.world.rows(Swap)
    foreign = await his.post("/my/duty/swaps/end", data={"person": "deputy", "swap": swap.id})
    assert foreign.status_code == 404
    await hers.post("/my/duty/swaps/end", data={"person": "leader", "swap": swap.id})
    assert await site.world.rows(Swap) == []
    assert set(await told(site)) == {"leader", "deputy"}


@pytest.mark.parametrize(
    "changes",
    [
        {"asked": "leader"},
        {"asked": "nobody"},
        {"duty": "leader|grid|g9"},
        {"duty": "nonsense"},
        {"begins": "2026-11-27T09:00"},
        {"begins": "2026-11-01T08:00", "ends": "2026-11-02T08:00"},
        {"begins": "2027-05-01T08:00", "ends": "2027-05-02T08:00"},
        {"begins": ""},
    ],
)
async def test_an_impossible_swap_is_refused_in_words(site, hers, changes):
    answer = await ask(hers, **changes)
    assert answer.status_code in {404, 422}
    assert 'href="/feedback"' in answer.text
    assert await site.world.rows(SwapProposal) == []


async def test_two_are_not_asked_for_the_same_night(site, hers):
    await ask(hers)
    again = await ask(hers, asked="officer")
    assert (again.status_code, "正等回答" in again.text) == (409, True)


async def test_messages_about_the_roster_wait_for_the_morning_and_are_tried_again(site, hers):
    site.clock.advance(seconds=10 * 3600)  # ten in the evening
    await ask(hers)
    assert await told(site) == {}
    site.world.channel.answers["deputy"] = Outcome(verdict=Verdict.TEMPORARY, reason="down")
    site.clock.advance(seconds=10 * 3600)
    assert list(await told(site)) == ["deputy"]
    for delay in RETRIES[:2]:
        assert await told(site) == {}, "not before its time"
        site.clock.advance(seconds=delay.total_seconds())
        assert list(await told(site)) == ["deputy"]
    site.world.channel.answers.clear()
    site.clock.advance(seconds=RETRIES[2].total_seconds())
    assert list(await told(site)) == ["deputy"]
    assert await told(site) == {}
    [row] = await site.world.rows(RosterMessage)
    assert (row.attempts, row.channel) == (4, "webhook")


async def test_a_link_belongs_to_the_telephone_that_first_pressed_it(site, hers):
    await ask(hers)
    await told(site)
    link = site.world.channel.sent[-1].link
    his, other = await site.visitor(), await site.visitor()
    for client in (his, other):
        assert (await client.get(link)).status_code == 200, "opening never acts"
    await his.post(link, data={"decision": "decline"})
    refused = await other.get(link)
    assert (refused.status_code, "请用原来的手机" in refused.text) == (403, True)
    assert (await other.post(link, data={"decision": "agree"})).status_code == 403
    assert (await other.get("/my/duty/links/nonsense")).status_code == 404
    assert (await other.post("/my/duty/links/nonsense")).status_code == 404


async def test_messages_about_the_roster_are_forgotten_and_go_with_whom_they_name(site, hers):
    await ask(hers)
    await told(site)
    lives, folder = Lives.of(site.settings), site.settings.photo_folder
    for days, left in ((91, 1), (2, 0)):
        site.clock.advance(seconds=days * DAY.total_seconds())
        async with site.world.database.write() as session:
            await forget(session, lives, folder, now=site.clock.now())
            await session.flush()
        assert len([row for row in await site.world.rows(RosterMessage) if "请您替班" in row.text]) == left
    async with site.world.database.write() as session:
        await session.execute(delete(Duty).where(Duty.person == "deputy"))
        await tell(
            session, News.STANDS_IN, ["officer"], now=site.clock.now(), person="deputy", other="officer"
        )
    assert any("deputy某" in row.text for row in await site.world.rows(RosterMessage))
    async with site.world.database.write() as session:
        await issue_first_run_code(session, now=site.clock.now(), code=CODE)
    desk = await site.operator()
    exported = (await desk.get("/api/v1/people/deputy/data")).json()
    assert [row["asked"] for row in exported["swap_proposals"]] == ["deputy"]
    assert (await desk.delete("/api/v1/people/deputy/data")).status_code in {200, 204}
    assert not any("deputy某" in row.text for row in await site.world.rows(RosterMessage))
