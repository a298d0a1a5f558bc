"""The pages of escalation: who would be told when, old beside new, and what is kept."""

import html
import re
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from server.audit.tables import AuditRow
from server.clock import STREET_ZONE
from server.escalation.plan import BY_HAND, Policy, Reach, Step, make_policies
from server.escalation.rehearsal import Skipped, rehearse
from server.escalation.stepforms import read_policy
from server.escalation.stored import as_form
from server.escalation.tables import PolicyRow
from server.items.tables import ItemParty
from server.items.telling import QUIET_FOR
from server.people.model import ChannelKind, Role
from server.people.roster import Presence
from server.people.tables import Absence
from server.places.tables import PlacesVersion
from server.routing.model import ChainLink
from server.routing.service import chain_for
from tests.server.web.running_site import OPERATOR, open_site
from tests.server.world import GATEWAY
from wire.vocabulary import AlarmClass

HERE = "/desk/escalation"
AT = datetime(2026, 11, 24, 22, 0, tzinfo=STREET_ZONE)
WEBHOOK = frozenset({"webhook"})


def link(person: str, role: Role, **values) -> ChainLink:
    return ChainLink(
        **{"person": person, "name": person, "role": role, "reachable": True, "why": ()} | values
    )


def told(steps) -> list[tuple[int | None, list[str]]]:
    return [
        (
            None if step.after is None else round(step.after.total_seconds()),
            [one.person for one in step.people if not one.skipped],
        )
        for step in steps
    ]


def skipped(steps) -> list[tuple[str, Skipped, Presence]]:
    return [
        (one.person or one.role.value, one.skipped, one.presence)
        for step in steps
        for one in step.people
        if one.skipped
    ]


# --- the dry run itself --------------------------------------------------------------------------

HAZARD = make_policies()[AlarmClass.HAZARD]


def test_each_step_says_whom_it_tells_and_whom_not_and_why():
    links = [
        link("wang", Role.LEADER),
        link("li", Role.DEPUTY, reachable=False, presence=Presence.AWAY, until=AT),
        link("desk", Role.DESK),
    ]
    steps = rehearse(HAZARD, links, {"wang": WEBHOOK, "desk": WEBHOOK}, AT)
    assert told(steps) == [(0, ["wang"]), (None, []), (None, []), (None, []), (300, ["desk"])], "60 s + 240 s"
    assert skipped(steps) == [
        ("wang", Skipped.NO_CHANNEL, Presence.ON_DUTY),  # the reminder goes by text message alone
        ("li", Skipped.NOT_THERE, Presence.AWAY),
        ("secretary", Skipped.NOBODY, Presence.ON_DUTY),
    ]


def test_somebody_without_any_address_is_said_to_have_none():
    steps = rehearse(HAZARD, [link("wang", Role.LEADER), link("desk", Role.DESK)], {"desk": WEBHOOK}, AT)
    assert skipped(steps)[0] == ("wang", Skipped.NOT_THERE, Presence.NO_CHANNEL)
    assert told(steps)[-1] == (0, ["desk"]), "nobody is waited for in vain"


def test_who_stands_in_is_spared_while_the_step_reaches_its_own():
    policy = Policy(
        steps=(
            Step(roles=(Role.MAINTAINER,), instead=(Role.LEADER,), window=timedelta(hours=1)),
            Step(roles=(Role.DESK,), window=timedelta(0)),
        ),
        acceptance=None,
    )
    both = [link("he", Role.MAINTAINER), link("wang", Role.LEADER), link("desk", Role.DESK)]
    known = dict.fromkeys(("he", "wang", "desk"), WEBHOOK)
    assert skipped(rehearse(policy, both, known, AT)) == [("wang", Skipped.NOT_NEEDED, Presence.ON_DUTY)]
    alone = rehearse(policy, both[1:], known, AT)
    assert told(alone)[0] == (0, ["wang"])
    assert skipped(alone) == [("maintainer", Skipped.NOBODY, Presence.ON_DUTY)]


def test_quiet_hours_say_until_when_a_volunteer_is_left_in_peace():
    fault = make_policies()[AlarmClass.FAULT]
    links = [link("wang", Role.LEADER), link("desk", Role.DESK)]
    first, last = rehearse(fault, links, dict.fromkeys(("wang", "desk"), WEBHOOK), AT, quiet_for=QUIET_FOR)
    (waiting,) = [one for one in first.people if not one.skipped]
    assert waiting.quiet_until == AT.replace(hour=7, minute=30) + timedelta(days=1)
    assert [one.quiet_until for one in last.people if not one.skipped] == [None], "the desk has none"


def test_channels_are_those_that_the_step_would_use():
    policy = Policy(
        steps=(Step(roles=(Role.DESK,), window=timedelta(0), reach=Reach(always=(), at_least=2)),),
        acceptance=None,
    )
    has = frozenset({"sms", "voice", "webhook"})
    (step,) = rehearse(policy, [link("desk", Role.DESK)], {"desk": has}, AT)
    assert step.people[0].channels == (ChannelKind.WEBHOOK, ChannelKind.SMS)


# --- and what really happens ---------------------------------------------------------------------


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
async def desk(site):
    return await site.operator()


async def test_a_real_item_tells_whom_the_dry_run_names_when_it_says(site):
    world = site.world
    await world.set_person("officer", webhook_url=None)
    start = world.clock.now()
    async with world.database.read() as session:
        chain = await chain_for(session, GATEWAY, "gas-1", start)
    known = {link.person: WEBHOOK for link in chain.links if link.reachable}
    steps = rehearse(world.policies[AlarmClass.LIFE_SAFETY], chain.links, known, start)
    await world.raise_alarm()
    for _ in range(40):
        await world.pass_time(5)
    parties = [
        (party.person, round((party.told_at - start).total_seconds()))
        for party in await world.rows(ItemParty)
    ]
    expected = [(person, after) for after, people in told(steps) for person in people]
    assert len(expected) == 5, "the officer cannot be told"
    assert sorted(parties) == sorted(expected)


# --- the pages -----------------------------------------------------------------------------------


def fields(policy: Policy) -> dict[str, object]:
    """What the form of a page sends for steps."""
    form = as_form(policy)
    sent: dict[str, object] = {"repeat": str(form.repeat_s), "repeat-unit": "s"}
    for n, step in enumerate(form.steps):
        sent |= {
            f"roles-{n}": [role.value for role in step.roles],
            f"instead-{n}": [role.value for role in step.instead],
            f"channels-{n}": [kind.value for kind in step.channels],
            f"at_least-{n}": str(step.at_least),
            f"window-{n}": str(step.window_s),
            f"window-{n}-unit": "s",
        }
        if step.reminder:
            sent[f"reminder-{n}"] = "yes"
    if form.acceptance_s is not None:
        sent |= {"acceptance": str(form.acceptance_s), "acceptance-unit": "s"}
    if form.attend_s is not None:
        sent |= {"attend": str(form.attend_s // 60), "attend-unit": "min"}
    if form.quiet:
        sent |= {"quiet_from": f"{form.quiet[0]:%H:%M}", "quiet_until": f"{form.quiet[1]:%H:%M}"}
    return sent


class Typed(dict):
    def getlist(self, key):
        value = self.get(key, [])
        return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("class_", AlarmClass)
def test_a_form_says_the_same_steps_again(class_):
    policy = make_policies()[class_]
    assert read_policy(Typed(fields(policy))) == as_form(policy)


CHANGED = {**fields(HAZARD), "window-0": "10", "window-0-unit": "min"}


def kept_fields(page: str) -> dict[str, str]:
    """What the page of the comparison would send to keep the new steps."""
    form = re.search(
        r'<form class="panel" method="post" action="/desk/escalation/hazard">(.*?)</form>', page, re.DOTALL
    )
    assert form, "nothing can be kept"
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form[1])
    return {name: html.unescape(value) for name, value in found}


async def test_the_page_names_people_channels_and_who_is_skipped(site, desk):
    async with site.world.database.write() as session:
        now = site.clock.now()
        session.add(
            Absence(person="leader", from_at=now - timedelta(hours=1), until_at=now + timedelta(hours=9))
        )
        session.add(PlacesVersion(at=now))
    page = (await desk.get(f"{HERE}/hazard", params={"place": "3号楼"})).text
    assert "deputy某" in page
    assert "消息推送" in page
    assert re.search(r"<s>leader某</s>.*?不通知：不在，到", page, re.DOTALL)
    later = (now + timedelta(hours=10)).astimezone(STREET_ZONE).strftime("%Y-%m-%dT%H:%M")
    page = (await desk.get(f"{HERE}/hazard", params={"place": "building:b1", "at": later})).text
    assert re.search(r"<b>leader某</b> （网格长）用", page)


async def test_a_place_is_found_by_code_or_name_and_asked_for_when_several_fit(desk):
    several = (await desk.get(f"{HERE}/hazard", params={"place": "网格"})).text
    assert "有几个地方都像" in several
    assert 'value="grid:g1"' in several
    for place in ("g1", "grid:g1", "gw-one/gas-1", "device:gw-one/gas-1", "b1"):
        assert "leader某" in (await desk.get(f"{HERE}/hazard", params={"place": place})).text, place
    assert "没有找到这个地方" in (await desk.get(f"{HERE}/hazard", params={"place": "月球"})).text


async def test_old_and_new_stand_side_by_side_before_anything_is_kept(site, desk):
    answer = await desk.post(f"{HERE}/hazard/trial", data={**CHANGED, "place": "g1"})
    assert answer.status_code == 200
    old, new = (
        re.search(
            rf'<section class="panel" aria-labelledby="{which}">(.*?)</section>', answer.text, re.DOTALL
        )[1]
        for which in ("old", "new")
    )
    assert "5 分钟" in old
    assert "14 分钟" in new
    assert new.count("有变化") == 3, "the reminder, which no text message carries, stays the same"
    assert "有变化" not in old
    assert await site.world.rows(PolicyRow) == []


async def test_what_was_seen_is_kept_with_its_reason_and_counts(site, desk):
    seen = (await desk.post(f"{HERE}/hazard/trial", data={**CHANGED, "place": "g1"})).text
    sent = kept_fields(seen)
    assert (await desk.post(f"{HERE}/hazard", data={**sent, "reason": " "})).status_code == 422
    kept = await desk.post(f"{HERE}/hazard", data={**sent, "reason": "夜里给多点时间"})
    assert kept.status_code == 303
    page = (await desk.get(f"{HERE}/hazard", params={"place": "g1"})).text
    assert "14 分钟" in page
    assert OPERATOR in page
    (row,) = [one for one in await site.world.rows(AuditRow) if one.action == "escalation_steps_changed"]
    assert (row.actor, row.reason) == (OPERATOR, "夜里给多点时间")
    again = await desk.post(f"{HERE}/hazard", data={**sent, "reason": "再来一次"})
    assert again.status_code == 409, "somebody changed them since they were seen"
    back = (await desk.post(f"{HERE}/hazard/trial", data={"do": "take_back", "place": "g1"})).text
    assert kept_fields(back)["policy"] == ""
    done = await desk.post(f"{HERE}/hazard", data={**kept_fields(back), "reason": "还是原来的好"})
    assert done.status_code == 303
    assert "出厂步骤" in (await desk.get(f"{HERE}/hazard")).text


async def test_a_communitys_own_steps_leave_the_streets_alone(desk):
    seen = (await desk.post(f"{HERE}/hazard/trial", data={**CHANGED, "community": "c1"})).text
    sent = kept_fields(seen)
    assert sent["community"] == "c1"
    await desk.post(f"{HERE}/hazard", data={**sent, "reason": "试行"})
    assert "东社区 · 有危险" in (await desk.get(HERE)).text
    own = (await desk.get(f"{HERE}/hazard", params={"community": "c1", "place": "g1"})).text
    street = (await desk.get(f"{HERE}/hazard", params={"place": "g1"})).text
    assert "实际不按这里的步骤走" in street, "the community has its own"
    assert "实际不按这里的步骤走" not in own
    assert "14 分钟" in own
    assert "14 分钟" not in street
    assert (await desk.get(f"{HERE}/hazard", params={"community": "nowhere"})).status_code == 404


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"window-0": "soon"}, "每一步等多久要写成整数"),
        ({"repeat": ""}, "不能没有下文"),
        ({"quiet_from": "21:00"}, "免打扰时间要写开始和结束"),
        ({f"roles-{n}": [] for n in range(5)}, "至少要有一步"),
        ({"roles-4": ["secretary"]}, "最后一步必须通知指挥中心"),
        ({"roles-0": ["king"]}, "第 1 步：时间最长 7 天，人员和通知方式要从列出的里面选"),
        ({"at": "tomorrow"}, "时间写成"),
    ],
)
async def test_what_cannot_be_is_said_where_it_was_typed(desk, change, why):
    answer = await desk.post(f"{HERE}/hazard/trial", data={**CHANGED, **change})
    assert answer.status_code == 422
    assert why in answer.text
    assert 'name="before"' not in answer.text, "nothing is there to be kept"
    if "window-0" not in change and "roles-0" not in change:
        assert re.search(r'name="window-0" value="10"', answer.text), "what was typed is still there"


async def test_life_safety_has_no_quiet_hours_whatever_is_sent(desk):
    sent = {"before": "x", "reason": "x"}
    life, night = make_policies()[AlarmClass.LIFE_SAFETY], (time(21), time(7))
    for policy, why in (
        (replace(life, steps=(replace(life.steps[0], reach=BY_HAND), *life.steps[1:])), "至少用两种通知方式"),
        (replace(life, quiet=night), "不能有免打扰时间"),
    ):
        sent["policy"] = as_form(policy).model_dump_json()
        answer = await desk.post(f"{HERE}/life_safety", data=sent)
        assert answer.status_code == 422
        assert why in answer.text
    assert (await desk.post(f"{HERE}/life_safety", data={**sent, "policy": "{"})).status_code == 422
