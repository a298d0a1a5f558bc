"""A contact counts once its owner has repeated the code that was sent there."""

import re

import pytest

from server.access.model import AccessRole
from server.audit.tables import AuditRow
from server.notify.channels import Outcome, Verdict
from server.people.contacts import MOST_TRIES
from server.people.model import Scope
from tests.server.access.street_of_two import account
from tests.server.web.running_site import open_site

CONTACTS = "/api/v1/people/deputy/contacts"
NEW = {"channel": "webhook", "address": "https://phone.example/new-phone"}


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
async def keeper(site):
    """An administrator: people are theirs to change."""
    return await account(site, "admin", (AccessRole.ADMINISTRATOR, Scope.STREET, ""))


@pytest.fixture
async def contact(site, keeper):
    answer = await keeper.post(CONTACTS, json=NEW)
    assert answer.status_code == 201, answer.text
    return f"{CONTACTS}/{answer.json()['id']}"


def last_code(site) -> str:
    """The code on the phone that was written to last."""
    message = site.world.channel.sent[-1]
    assert message.address == NEW["address"]
    [code] = re.findall(r"[0-9]{6}", message.rendered.text)
    return code


async def test_notices_go_to_a_contact_only_after_its_code_came_back(site, keeper, contact):
    await site.world.set_person("deputy", webhook_url=None)
    await site.world.raise_alarm()
    await site.world.pass_time(60)
    assert not site.world.heard("deputy"), "an address that nobody confirmed is none"
    assert (await keeper.post(f"{contact}/code")).status_code == 202
    confirmed = await keeper.post(f"{contact}/confirmation", json={"code": last_code(site)})
    assert confirmed.status_code == 200, confirmed.text
    assert confirmed.json()["verified_at"] is not None
    before = len(site.world.channel.sent)
    await site.world.raise_alarm("a2", "gas-2")
    await site.world.pass_time(60)
    assert NEW["address"] in {message.address for message in site.world.channel.sent[before:]}
    done = [row for row in await site.world.rows(AuditRow) if row.action.startswith("contact_")]
    assert [row.action for row in done] == ["contact_added", "contact_code_made", "contact_confirmed"]
    assert NEW["address"] not in str([row.detail for row in done])


async def test_a_wrong_code_counts_and_after_five_a_new_one_is_needed(site, keeper, contact):
    await keeper.post(f"{contact}/code")
    right = last_code(site)
    wrong = "000000" if right != "000000" else "000001"
    for _ in range(MOST_TRIES):
        assert (await keeper.post(f"{contact}/confirmation", json={"code": wrong})).status_code == 422
    assert (await keeper.post(f"{contact}/confirmation", json={"code": right})).status_code == 409
    site.clock.advance(seconds=60)
    await keeper.post(f"{contact}/code")
    assert (await keeper.post(f"{contact}/confirmation", json={"code": last_code(site)})).status_code == 200


async def test_a_code_is_sent_once_a_minute_and_good_for_ten(site, keeper, contact):
    await keeper.post(f"{contact}/code")
    again = await keeper.post(f"{contact}/code")
    assert again.status_code == 429
    assert int(again.headers["Retry-After"]) <= 61
    site.clock.advance(seconds=600)
    assert (await keeper.post(f"{contact}/confirmation", json={"code": last_code(site)})).status_code == 409


async def test_what_could_not_be_sent_is_said(site, keeper, contact):
    site.world.channel.answers["deputy"] = Outcome(verdict=Verdict.PERMANENT, reason="status 410")
    answer = await keeper.post(f"{contact}/code")
    assert answer.status_code == 409
    assert "没有送出" in answer.json()["detail"]
    nowhere = await keeper.post(CONTACTS, json={"channel": "sms", "address": "12700000001"})
    assert (await keeper.post(f"{CONTACTS}/{nowhere.json()['id']}/code")).status_code == 409


async def test_a_removed_contact_is_no_contact(site, keeper, contact):
    await keeper.post(f"{contact}/code")
    await keeper.post(f"{contact}/confirmation", json={"code": last_code(site)})
    assert (await keeper.post(CONTACTS, json=NEW)).status_code == 409
    assert (await keeper.delete(contact)).status_code == 204
    assert (await keeper.get(CONTACTS)).json() == []


async def test_the_desk_may_look_and_not_change(site, keeper, contact):
    desk = await account(site, "desk", (AccessRole.DESK, Scope.STREET, ""))
    assert len((await desk.get(CONTACTS)).json()) == 1
    assert (await desk.post(f"{contact}/code")).status_code == 403
    assert (await desk.post(CONTACTS, json=NEW)).status_code == 403
