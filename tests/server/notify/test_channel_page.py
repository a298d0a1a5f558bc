"""The page of channels: whether each works, what quotas allow, receipts, a test, and the canary's age."""

import re
from datetime import timedelta

import pytest

from server.access.model import AccessRole
from server.audit.tables import AuditRow
from server.escalation.tables import CanaryRun
from server.notify.channels import Outcome, Verdict
from server.notify.receipts import Receipt, apply_receipt
from server.notify.standing import Health, channel_standings, health_of
from server.notify.tables import ChannelSetup, Notice, NoticeState, Spent
from server.people.model import ChannelKind
from tests.server.access.street_of_two import PLACES, account
from tests.server.web.running_site import open_site
from tests.server.world import PEOPLE

HERE = "/desk/channels"


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
async def desk(site):
    return await site.operator()


def card(page: str, kind: str) -> str:
    return re.search(rf'<section class="panel" aria-labelledby="ch-{kind}">(.*?)</section>', page, re.DOTALL)[
        1
    ]


SENT, GAVE_UP = NoticeState.SENT, NoticeState.FAILED_PERMANENT


@pytest.mark.parametrize(
    ("outcomes", "set_up", "health"),
    [
        ([SENT], False, Health.NOT_SET_UP),
        ([], True, Health.IDLE),
        ([SENT, NoticeState.READ], True, Health.WORKING),
        ([SENT, GAVE_UP], True, Health.SHAKY),
        ([GAVE_UP, NoticeState.FAILED_TEMPORARY], True, Health.FAILING),
    ],
)
def test_a_channel_is_judged_by_its_last_attempts(outcomes, set_up, health):
    assert health_of(outcomes, set_up=set_up) is health


async def test_the_page_says_what_became_of_a_days_messages(site, desk):
    assert "一天内没有发过" in card((await desk.get(HERE)).text, "webhook")
    assert "没有设置" in card((await desk.get(HERE)).text, "sms")
    await site.world.raise_alarm()
    await site.world.settle()
    page = (await desk.get(HERE)).text
    assert "工作正常" in card(page, "webhook")
    assert re.search(r"<dt>已发出</dt><dd>3</dd>", card(page, "webhook"))
    site.world.channel.answers = dict.fromkeys(
        ("deputy", "secretary"), Outcome(verdict=Verdict.TEMPORARY, reason="the line is dead")
    )
    await site.world.pass_time(60)
    page = card((await desk.get(HERE)).text, "webhook")
    assert "时好时坏" in page
    assert "the line is dead" in page


async def test_receipts_are_listed_with_the_person_and_the_item(site, desk):
    item = await site.world.raise_alarm()
    await site.world.settle()
    notice = next(one for one in await site.world.rows(Notice) if one.person == "leader")
    async with site.world.database.write() as session:
        kept = await session.get_one(Notice, notice.id)
        await apply_receipt(session, kept, Receipt.READ, now=site.clock.now())
    page = (await desk.get(HERE)).text
    receipts = page.partition("最近的回报")[2]
    assert "leader某" in receipts
    assert f"/desk/items/{item.id}" in receipts
    assert "还没有服务商回报过" not in page


async def test_quotas_say_how_far_the_busiest_address_is(site):
    now = site.clock.now()
    async with site.world.database.write() as session:
        session.add(ChannelSetup(channel="sms", since=now))
        for address, minutes_ago in [("a", 1)] * 36 + [("b", 5)] + [("c", 1500)]:
            at = now - timedelta(minutes=minutes_ago)
            session.add(Spent(channel="sms", address_hash=address, at=at, urgency=2))
    async with site.world.database.read() as session:
        standing = {one.kind: one for one in await channel_standings(session, now=now)}
    (use,) = standing[ChannelKind.SMS].windows
    assert (use.busiest, use.full) == (36, 1), "35 a day for what is not life safety"
    assert standing[ChannelKind.SMS].health is Health.IDLE


async def test_the_canary_says_how_old_it_is(site, desk):
    assert "还没有一封走完全程" in (await desk.get(HERE)).text
    now = site.clock.now()
    async with site.world.database.write() as session:
        session.add(CanaryRun(id="c1", sent_at=now - timedelta(seconds=20), received_at=now))
    assert "20 秒前的一封走完了全程" in (await desk.get(HERE)).text


@pytest.mark.parametrize(
    ("reached", "says"),
    [
        ({}, "自检信发出后没有入库"),
        ({"taken_in_at"}, "自检信入库后没有交给发送"),
        ({"taken_in_at", "handed_at"}, "自检信交出后没有收回来"),
    ],
)
async def test_a_lost_canary_is_said_on_the_list_and_the_page_with_where_it_stopped(
    site, desk, reached, says
):
    now = site.clock.now()
    async with site.world.database.write() as session:
        session.add(CanaryRun(id="c1", sent_at=now - timedelta(seconds=90), received_at=now))
        times = dict.fromkeys(reached, now)
        session.add(CanaryRun(id="c2", sent_at=now, refusal="ConnectError", **times))
    assert says not in (await desk.get("/desk")).text, "it still has its time"
    site.clock.advance(seconds=61)
    assert says in (await desk.get("/desk")).text
    page = (await desk.get(HERE)).text
    assert says in page
    assert "151 秒前的一封走完了全程 · 连不上对方的服务器" in page


async def test_the_list_says_which_channel_sends_nothing_any_more(site, desk):
    answers = dict.fromkeys(PEOPLE, Outcome(verdict=Verdict.TEMPORARY, reason="the line is dead"))
    await site.world.raise_alarm()
    site.world.channel.answers = answers
    await site.world.settle()
    assert "最近的通知都发不出去：消息推送" in (await desk.get("/desk")).text
    site.world.channel.answers = {}
    await desk.post(f"{HERE}/test", data={"channel": "webhook", "person": "officer"})
    assert "最近的通知都发不出去" not in (await desk.get("/desk")).text, "a test message left: it was mended"
    assert "时好时坏" in card((await desk.get(HERE)).text, "webhook")


async def test_a_test_is_sent_and_its_result_listed(site, desk):
    answer = await desk.post(f"{HERE}/test", data={"channel": "webhook", "person": "officer"})
    assert answer.status_code == 303
    page = (await desk.get(HERE)).text.partition('id="trials"')[2]
    assert "officer某" in page
    assert "已发出" in page
    for form, status in (
        ({"channel": "webhook", "person": "nobody"}, 404),
        ({"channel": "webhook"}, 422),
        ({"channel": "sms", "person": "officer"}, 409),
    ):
        assert (await desk.post(f"{HERE}/test", data=form)).status_code == status
    assert [one.action for one in await site.world.rows(AuditRow)].count("test_message_sent") == 1


async def test_an_auditor_looks_and_sends_nothing(site):
    role = AccessRole.AUDITOR
    auditor = await account(site, "审计", (role, *PLACES[role]))
    page = await auditor.get(HERE)
    assert page.status_code == 200
    assert f"{HERE}/test" not in page.text
    assert (await auditor.post(f"{HERE}/test", data={"channel": "webhook"})).status_code == 403
