"""The pages of contacts: who is reached how, confirming an address, trying it, and what came of it."""

import re

import pytest

from server.access.model import AccessRole
from server.audit.tables import AuditRow
from server.notify.channels import Outcome, Verdict
from server.notify.receipts import Receipt
from server.notify.tables import NoticeState, TrialMessage
from server.notify.trying import KEPT, note_test_receipt
from server.people import contacts
from server.people.contacts import masked
from server.people.model import ChannelKind
from server.people.tables import Contact
from tests.server.access.street_of_two import PLACES, account
from tests.server.web.running_site import open_site

LIST = "/desk/contacts"
HERE = f"{LIST}/deputy"
NEW = {"channel": "webhook", "address": "https://phone.example/new-phone"}


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
async def desk(site):
    return await site.operator()


async def signed_in(site, role):
    return await account(site, f"account-{role.value}", (role, *PLACES[role]))


async def noted(site, desk) -> str:
    """Note a new address on the page; returns the path of its forms."""
    assert (await desk.post(HERE, data=NEW)).status_code == 303
    return f"{HERE}/{(await site.world.rows(Contact))[-1].id}"


def last_code(site) -> str:
    [code] = re.findall(r"[0-9]{6}", site.world.channel.sent[-1].rendered.text)
    return code


async def test_an_address_is_noted_confirmed_by_its_code_and_used(site, desk):
    here = await noted(site, desk)
    assert "还没有确认，不用" in (await desk.get(HERE)).text
    assert (await desk.get(LIST)).text.count("◆ 1") == 1
    await desk.post(f"{here}/code")
    shown = (await desk.get(HERE)).text
    assert "验证码已发" in shown
    assert last_code(site) not in shown, "only the phone knows it"
    wrong = await desk.post(f"{here}/confirmation", data={"code": "12"})
    assert (wrong.status_code, "验证码不对" in wrong.text) == (422, True)
    assert (await desk.post(f"{here}/confirmation", data={"code": last_code(site)})).status_code == 303
    assert re.search(r"● [0-9: -]+ 确认", (await desk.get(HERE)).text)
    await desk.post(f"{here}/remove")
    assert NEW["address"] not in (await desk.get(HERE)).text
    done = [row.action for row in await site.world.rows(AuditRow) if row.action.startswith("contact_")]
    assert done == [
        "contact_added",
        "contact_code_made",
        "contact_code_wrong",
        "contact_confirmed",
        "contact_removed",
    ]


async def test_codes_are_not_sent_one_after_the_other(site, desk):
    here = await noted(site, desk)
    await desk.post(f"{here}/code")
    again = await desk.post(f"{here}/code")
    assert again.status_code == 429
    assert "请稍后再发验证码" in again.text
    assert 60 <= int(again.headers["retry-after"]) <= 61


async def test_a_test_message_says_that_it_is_one_and_what_became_of_it(site, desk):
    assert (await desk.post(f"{HERE}/test", data={"channel": "webhook"})).status_code == 303
    [message] = site.world.channel.sent
    assert message.person == "deputy"
    assert "【测试】" in message.rendered.text
    assert message.items == 0, "no button can act"
    assert "已发出" in (await desk.get(HERE)).text
    async with site.world.database.write() as session:
        assert await note_test_receipt(session, message.id, "", Receipt.DELIVERED, now=site.clock.now())
    assert "已送达" in (await desk.get(HERE)).text
    [row] = [one for one in await site.world.rows(AuditRow) if one.action == "test_message_sent"]
    assert (row.subject, row.detail["channel"]) == ("deputy", "webhook")
    assert not await site.world.items(), "it is no item"


async def test_a_test_message_that_was_refused_says_why(site, desk):
    site.world.channel.answers["deputy"] = Outcome(verdict=Verdict.PERMANENT, reason="number blocked")
    await desk.post(f"{HERE}/test", data={"channel": "webhook"})
    page = (await desk.get(HERE)).text
    assert "发送失败" in page
    assert "number blocked" in page


async def test_a_late_failure_takes_nothing_back_that_was_read(site, desk):
    await desk.post(f"{HERE}/test", data={"channel": "webhook"})
    [message] = site.world.channel.sent
    async with site.world.database.write() as session:
        for receipt in (Receipt.READ, Receipt.FAILED, Receipt.DELIVERED):
            await note_test_receipt(session, message.id, "", receipt, now=site.clock.now())
        assert not await note_test_receipt(session, "unknown", "", Receipt.READ, now=site.clock.now())
        assert not await note_test_receipt(session, "", "", Receipt.READ, now=site.clock.now())
    [row] = await site.world.rows(TrialMessage)
    assert row.state is NoticeState.READ
    assert row.read_at == row.delivered_at == site.clock.now()


async def test_old_test_messages_are_forgotten(site, desk):
    await desk.post(f"{HERE}/test", data={"channel": "webhook"})
    site.clock.advance(seconds=KEPT.total_seconds() + 1)
    desk = await signed_in(site, AccessRole.ADMINISTRATOR)
    await desk.post(f"{HERE}/test", data={"channel": "webhook"})
    assert len(await site.world.rows(TrialMessage)) == 1


async def test_nothing_but_a_code_goes_to_an_address_nobody_confirmed(site, desk):
    here = await noted(site, desk)
    sent = {"channel": "webhook", "contact": here.rpartition("/")[2]}
    answer = await desk.post(f"{HERE}/test", data=sent)
    assert answer.status_code == 409
    assert "只发验证码" in answer.text
    for wrong in ({"channel": "sms"}, {"channel": "webhook", "contact": 999}):
        assert (await desk.post(f"{HERE}/test", data=wrong)).status_code in (404, 409)
    assert site.world.channel.sent == []


async def test_who_cannot_be_reached_is_found(site, desk):
    await site.world.set_person("deputy", webhook_url=None)
    page = (await desk.get(LIST, params={"show": "unreached"})).text
    assert "通知不到" in page
    assert f'href="{HERE}"' in page
    assert "/desk/contacts/leader" not in page
    assert "没有任何地址" in (await desk.get(HERE)).text
    assert "/desk/contacts/leader" in (await desk.get(LIST, params={"q": "leader"})).text


async def test_a_community_sees_its_own_people_with_masked_addresses_and_changes_nothing(site):
    community = await signed_in(site, AccessRole.COMMUNITY)
    page = (await community.get(HERE)).text
    assert "https://phone.example/…" in page
    assert "https://phone.example/deputy" not in page
    assert "<form" not in page.partition("<main>")[2]
    assert (await community.post(HERE, data=NEW)).status_code == 403
    async with site.world.database.write() as session:
        now = site.clock.now()
        await contacts.add_contact(session, "deputy", ChannelKind.SMS, "13812345678", by="值班员", now=now)
    by_interface = (await community.get("/api/v1/people/deputy/contacts")).json()
    assert [one["address"] for one in by_interface] == ["138…5678"], "no more than the page"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("13812345678", "138…5678"),
        ("https://hook.example/secret/path", "https://hook.example/…"),
        ("wangxl", "wan…xl"),
        ("ab", "…"),
    ],
)
def test_an_address_is_masked(address, shown):
    assert masked(address) == shown
