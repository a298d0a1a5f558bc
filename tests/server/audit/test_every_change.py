"""Every route that changes something leaves an audit row; the routes are read from the application.

A new changing route needs a call here that works: the test names those that have none.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from sqlalchemy import func, select

from server.access.guard import served_routes
from server.audit.tables import AuditRow
from server.devices.tables import Command
from server.feedback.tables import Feedback
from server.openapi import build_described_app
from tests.server.access.street_of_two import build
from tests.server.photos.test_photos import camera_photo
from tests.server.web.running_site import CODE, OPERATOR, PASSWORD, open_site
from tests.server.web.test_steps_and_orders import NEW, ORDERS, STEPS, UNTIL

ROOT = Path(__file__).parents[3]
OTHER = "另一位"
CONTACTS = "/api/v1/people/leader/contacts"
PHONE = {"channel": "webhook", "address": "https://phone.example/new-phone"}
FORM = {"name": OPERATOR, "password": PASSWORD}
NOT_AN_ACT = {
    "/canary": "the server's own message to itself: its own row says that it arrived",
    "/size": "it sets a cookie of the asker's and nothing here",
    "/callbacks/{key}/sms": "a provider's receipt: the notice's own row says what became of it",
    "/callbacks/{key}/voice": "the same",
    "/callbacks/{key}/voice/keys": "a key pressed is a press on an item, which leaves its row like any other",
    "/callbacks/{key}/wecom": "the same",
    "/api/v1/escalation/dry-run": "it says who would be told, and tells nobody",
    "/desk/escalation/{class_}/trial": "it shows old and new steps side by side, and keeps nothing",
    "/api/v1/street/preview": "it says what an import would change, and changes nothing",
}
"""Routes that let nobody act, and why."""


class Street:
    """A site with somebody at the desk, and what the calls need."""

    def __init__(self, site, desk, item: str, link: str) -> None:
        self.site, self.desk, self.item, self.link = site, desk, item, link
        self.secret = ""
        self.phone: Any = None

    async def visitor(self):
        return await self.site.visitor()

    async def sign_in(self):
        client = await self.visitor()
        await client.post("/login", data={"name": OTHER, "password": PASSWORD})
        return client

    async def begin_second_factor(self):
        client = await self.sign_in()
        answer = await client.post("/api/v1/me/second-factor")
        self.secret = answer.json()["secret"]
        return answer

    def code(self) -> str:
        self.site.clock.advance(seconds=60)
        return pyotp.TOTP(self.secret).at(self.site.clock.now())

    async def confirm_second_factor(self):
        client = await self.sign_in()
        return await client.post("/api/v1/me/second-factor/confirmation", json={"code": self.code()})

    async def type_code(self):
        client = await self.sign_in()
        return await client.post("/login/code", data={"code": self.code()})

    async def end_own_session(self):
        client = await self.sign_in()
        (one, *_) = (await client.get("/api/v1/me/sessions")).json()
        return await client.delete(f"/api/v1/me/sessions/{one['id']}")

    async def revoke_key(self):
        (one, *_) = (await self.desk.get("/api/v1/keys")).json()
        return await self.desk.delete(f"/api/v1/keys/{one['id']}")

    def span(self) -> dict[str, str]:
        now = self.site.clock.now()
        return {
            "from_at": (now + timedelta(hours=1)).isoformat(),
            "until_at": (now + timedelta(hours=9)).isoformat(),
        }

    async def absence(self):
        return await self.desk.post("/api/v1/people/leader/absences", json=self.span())

    async def end_absence(self):
        (one, *_) = (await self.desk.get("/api/v1/people/leader/duties")).json()["absences"]
        return await self.desk.delete(f"/api/v1/people/leader/absences/{one['id']}")

    async def swap(self):
        duty = {"role": "leader", "scope": "grid", "code": "g1", "taken_by": "deputy"}
        return await self.desk.post("/api/v1/people/leader/swaps", json={**duty, **self.span()})

    async def end_swap(self):
        (one, *_) = (await self.desk.get("/api/v1/people/leader/duties")).json()["swaps"]
        return await self.desk.delete(f"/api/v1/people/leader/swaps/{one['id']}")

    async def contact(self) -> str:
        (one,) = (await self.desk.get(CONTACTS)).json()
        return f"{CONTACTS}/{one['id']}"

    async def send_contact_code(self):
        return await self.desk.post(f"{await self.contact()}/code")

    async def confirm_contact(self):
        (code,) = re.findall(r"[0-9]{6}", self.site.world.channel.sent[-1].rendered.text)
        return await self.desk.post(f"{await self.contact()}/confirmation", json={"code": code})

    async def remove_contact(self):
        return await self.desk.delete(await self.contact())

    async def read_feedback(self):
        (row,) = await self.site.world.rows(Feedback)
        return await self.desk.post(f"/desk/feedback/{row.id}/read")

    async def agree(self):
        order = {"order": "shelve", "device": "gas-1", "rule": "gas-high", "until": UNTIL, "reason": "更换"}
        command = (await self.desk.post(ORDERS, json=order)).json()
        async with self.site.world.database.write() as session:
            (await session.get_one(Command, command["id"])).issuer = "somebody-else"
        return await self.desk.post(f"{ORDERS}/{command['id']}/agreement")


Call = Callable[[Street], Awaitable[Any]]


def as_desk(method: str, path: str, **options: Any) -> Call:
    return lambda s: s.desk.request(method, path.format(item=s.item, other=OTHER), **options)


CALLS: dict[tuple[str, str], Call] = {
    ("POST", "/desk/attention/devices/{gateway}/{device}/{concern}"): as_desk(
        "POST", "/desk/attention/devices/gw-one/gas-2/unheard"
    ),
    ("POST", "/desk/attention/gateways/{gateway}/{concern}"): as_desk(
        "POST", "/desk/attention/gateways/gw-one/unheard"
    ),
    ("POST", "/i/{token}/moves"): lambda s: _by_phone(
        s, f"{s.link}/moves", data={"move": "accept", "press": "press-0001"}
    ),
    ("POST", "/i/{token}/photos"): lambda s: _by_phone(
        s, f"{s.link}/photos", files={"photo": ("a.jpg", camera_photo(size=(40, 20)), "image/jpeg")}
    ),
    ("POST", "/desk/items/{item_id}/moves"): as_desk(
        "POST", "/desk/items/{item}/moves", data={"move": "note", "press": "press-0002", "reason": "在看"}
    ),
    ("POST", "/api/v1/items/{item_id}/moves"): as_desk(
        "POST",
        "/api/v1/items/{item}/moves",
        json={"move": "note", "press": "press-0003", "reason": "在看"},
    ),
    ("POST", "/api/v1/cockpit/items/{item_id}/widen"): as_desk(
        "POST", "/api/v1/cockpit/items/{item}/widen", json={"reason": "楼里老人多"}
    ),
    ("POST", "/api/v1/gateways/{gateway}/commands"): as_desk(
        "POST", "/api/v1/gateways/gw-one/commands", json={"order": "resync", "reason": "看看"}
    ),
    ("POST", "/api/v1/gateways/{gateway}/commands/{command_id}/agreement"): Street.agree,
    ("PUT", "/api/v1/escalation/policies/{class_}"): as_desk(
        "PUT", STEPS, params={"community": "c1"}, json={"policy": NEW, "reason": "试行"}
    ),
    ("PUT", "/api/v1/playbooks/{kind}/{class_}"): as_desk(
        "PUT",
        "/api/v1/playbooks/gas/life_safety",
        json={"lines": {"zh": ["先开窗，再关阀"]}, "after": 0, "reason": "演练后改"},
    ),
    ("POST", "/api/v1/people/{person}/absences"): Street.absence,
    ("DELETE", "/api/v1/people/{person}/absences/{absence_id}"): Street.end_absence,
    ("POST", "/api/v1/people/{person}/swaps"): Street.swap,
    ("DELETE", "/api/v1/people/{person}/swaps/{swap_id}"): Street.end_swap,
    ("POST", "/api/v1/people/{person}/contacts"): as_desk("POST", CONTACTS, json=PHONE),
    ("POST", "/api/v1/people/{person}/contacts/{contact_id}/code"): Street.send_contact_code,
    ("POST", "/api/v1/people/{person}/contacts/{contact_id}/confirmation"): Street.confirm_contact,
    ("DELETE", "/api/v1/people/{person}/contacts/{contact_id}"): Street.remove_contact,
    ("POST", "/feedback"): lambda s: _as_visitor(
        s, "/feedback", data={"press": "press-0004", "text": "字太小了"}
    ),
    ("POST", "/desk/feedback/{feedback}/read"): Street.read_feedback,
    ("POST", "/api/v1/routing/proof"): as_desk("POST", "/api/v1/routing/proof"),
    ("POST", "/api/v1/accounts"): as_desk(
        "POST",
        "/api/v1/accounts",
        json={"name": OTHER, "password": PASSWORD, "grants": [{"role": "desk", "scope": "street"}]},
    ),
    ("PUT", "/api/v1/accounts/{account}/grants"): as_desk(
        "PUT", "/api/v1/accounts/{other}/grants", json={"grants": [{"role": "desk", "scope": "street"}]}
    ),
    ("POST", "/api/v1/accounts/{account}/logins"): as_desk(
        "POST", "/api/v1/accounts/{other}/logins", json={"issuer": "https://id.example", "subject": "u"}
    ),
    ("POST", "/api/v1/me/second-factor"): Street.begin_second_factor,
    ("POST", "/api/v1/me/second-factor/confirmation"): Street.confirm_second_factor,
    ("POST", "/login/code"): Street.type_code,
    ("DELETE", "/api/v1/accounts/{account}/second-factor"): as_desk(
        "DELETE", "/api/v1/accounts/{other}/second-factor"
    ),
    ("DELETE", "/api/v1/me/sessions/{session_id}"): Street.end_own_session,
    ("PUT", "/api/v1/accounts/{account}/password"): as_desk(
        "PUT", "/api/v1/accounts/{other}/password", json={"password": PASSWORD}
    ),
    ("DELETE", "/api/v1/accounts/{account}/sessions"): as_desk("DELETE", "/api/v1/accounts/{other}/sessions"),
    ("POST", "/api/v1/accounts/{account}/disabling"): as_desk("POST", "/api/v1/accounts/{other}/disabling"),
    ("DELETE", "/api/v1/accounts/{account}/disabling"): as_desk(
        "DELETE", "/api/v1/accounts/{other}/disabling"
    ),
    ("POST", "/api/v1/keys"): as_desk("POST", "/api/v1/keys", json={"account": OPERATOR, "title": "大屏"}),
    ("DELETE", "/api/v1/keys/{key_id}"): Street.revoke_key,
    ("DELETE", "/api/v1/people/{person}/data"): as_desk("DELETE", "/api/v1/people/nobody/data"),
    ("POST", "/api/v1/me/password"): as_desk(
        "POST", "/api/v1/me/password", json={"old": PASSWORD, "new": PASSWORD}
    ),
    ("POST", "/setup"): lambda s: _as_visitor(s, "/setup", data={**FORM, "code": CODE}),
    ("POST", "/login"): lambda s: _as_visitor(s, "/login", data=FORM),
    ("DELETE", "/api/v1/me/sessions"): as_desk("DELETE", "/api/v1/me/sessions?others_only=true"),
    ("POST", "/logout"): as_desk("POST", "/logout"),
}
"""One call that works for each changing route, in an order in which each finds what it needs."""

_ACCOUNT_PAGES = "tests/server/access/test_account_pages.py"
_CONTACT_PAGES = "tests/server/people/test_contact_pages.py"
_STEP_PAGES = "tests/server/escalation/test_dry_runs.py"
_PLAYBOOK_PAGES = "tests/server/items/test_playbook_pages.py"
_INSTALLER_PAGES = "tests/server/devices/test_installer_pages.py"
_ORDER_PAGES = "tests/server/web/test_order_pages.py"
_DUTY_PAGES = "tests/server/web/test_duty_pages.py"
TOLD_BY = {
    ("PUT", "/api/v1/devices/{gateway}/{device}"): "tests/server/devices/test_register.py",
    ("POST", "/api/v1/devices/{gateway}/{device}/replacement"): "tests/server/devices/test_register.py",
    ("POST", "/api/v1/devices/{gateway}/{device}/retirement"): "tests/server/devices/test_register.py",
    ("POST", "/api/v1/devices/{gateway}/{device}/return"): "tests/server/devices/test_register.py",
    ("POST", "/desk/devices/{gateway}/{device}/adopt"): _INSTALLER_PAGES,
    ("POST", "/desk/devices/{gateway}/{device}/check"): _INSTALLER_PAGES,
    ("POST", "/desk/devices/{gateway}/{device}/move"): _INSTALLER_PAGES,
    ("POST", "/desk/devices/{gateway}/{device}/replace"): _INSTALLER_PAGES,
    ("POST", "/desk/devices/{gateway}/{device}/retire"): _INSTALLER_PAGES,
    ("POST", "/desk/devices/{gateway}/{device}/return"): _INSTALLER_PAGES,
    ("POST", "/desk/labels/printed"): _INSTALLER_PAGES,
    ("POST", "/desk/gateways/{gateway}/orders"): _ORDER_PAGES,
    ("POST", "/desk/gateways/{gateway}/orders/{command_id}/agreement"): _ORDER_PAGES,
    ("POST", "/desk/playbooks/{kind}/{class_}"): _PLAYBOOK_PAGES,
    ("POST", "/desk/playbooks/{kind}/{class_}/restore"): _PLAYBOOK_PAGES,
    ("POST", "/desk/escalation/{class_}"): _STEP_PAGES,
    ("POST", "/desk/contacts/{person}"): _CONTACT_PAGES,
    ("POST", "/desk/contacts/{person}/test"): _CONTACT_PAGES,
    ("POST", "/desk/contacts/{person}/{contact_id}/remove"): _CONTACT_PAGES,
    ("POST", "/desk/contacts/{person}/{contact_id}/code"): _CONTACT_PAGES,
    ("POST", "/desk/contacts/{person}/{contact_id}/confirmation"): _CONTACT_PAGES,
    ("POST", "/desk/channels/test"): "tests/server/notify/test_channel_page.py",
    ("POST", "/api/v1/street/import"): "tests/server/street/test_import.py",
    ("POST", "/desk/accounts"): _ACCOUNT_PAGES,
    ("POST", "/desk/accounts/lockouts"): _ACCOUNT_PAGES,
    ("POST", "/desk/accounts/{account}/sessions/end"): _ACCOUNT_PAGES,
    ("POST", "/desk/accounts/{account}/roles/give"): _ACCOUNT_PAGES,
    ("POST", "/desk/accounts/{account}/roles/take"): _ACCOUNT_PAGES,
    ("POST", "/desk/accounts/{account}/invitation"): _ACCOUNT_PAGES,
    ("POST", "/desk/accounts/{account}/invitation/withdraw"): _ACCOUNT_PAGES,
    ("POST", "/desk/accounts/{account}/disable"): _ACCOUNT_PAGES,
    ("POST", "/desk/accounts/{account}/enable"): _ACCOUNT_PAGES,
    ("POST", "/desk/accounts/{account}/second-factor/drop"): _ACCOUNT_PAGES,
    ("POST", "/desk/accounts/{account}/logins/tie"): _ACCOUNT_PAGES,
    ("POST", "/desk/accounts/{account}/logins/untie"): _ACCOUNT_PAGES,
    ("POST", "/desk/keys"): _ACCOUNT_PAGES,
    ("POST", "/desk/keys/{key_id}/revoke"): _ACCOUNT_PAGES,
    ("POST", "/desk/me/password"): _ACCOUNT_PAGES,
    ("POST", "/desk/me/sessions/end-others"): _ACCOUNT_PAGES,
    ("POST", "/desk/me/sessions/{session_id}/end"): _ACCOUNT_PAGES,
    ("POST", "/desk/me/second-factor"): _ACCOUNT_PAGES,
    ("POST", "/desk/me/second-factor/confirmation"): _ACCOUNT_PAGES,
    ("POST", "/desk/me/second-factor/off"): _ACCOUNT_PAGES,
    ("POST", "/desk/me/second-factor/recovery-codes"): _ACCOUNT_PAGES,
    ("POST", "/join"): _ACCOUNT_PAGES,
    ("POST", "/desk/roster/{place}/absences"): "tests/server/web/test_roster_pages.py",
    ("POST", "/desk/roster/{place}/absences/end"): "tests/server/web/test_roster_pages.py",
    ("POST", "/desk/roster/{place}/swaps"): "tests/server/web/test_roster_pages.py",
    ("POST", "/desk/roster/{place}/swaps/end"): "tests/server/web/test_roster_pages.py",
    ("POST", "/desk/roster/{place}/proposals"): "tests/server/web/test_roster_pages.py",
    ("POST", "/desk/roster/{place}/times"): "tests/server/web/test_roster_pages.py",
    ("POST", "/desk/roster/{place}/links"): "tests/server/web/test_roster_pages.py",
    ("POST", "/my/duty/absences"): _DUTY_PAGES,
    ("POST", "/my/duty/absences/end"): _DUTY_PAGES,
    ("POST", "/my/duty/swaps"): _DUTY_PAGES,
    ("POST", "/my/duty/swaps/end"): _DUTY_PAGES,
    ("POST", "/my/duty/proposals"): _DUTY_PAGES,
    ("POST", "/my/duty/links/{token}"): _DUTY_PAGES,
    ("POST", "/desk/import"): "tests/server/web/test_import_wizard.py",
    ("POST", "/desk/import/previews/{upload}/taking"): "tests/server/web/test_import_wizard.py",
    ("POST", "/desk/import/previews/{upload}/cancelling"): "tests/server/web/test_import_wizard.py",
}
"""Routes whose rows are asserted in the tests of their own room, with what they need to work."""

ELSEWHERE = {
    ("POST", "/setup"): "test_operators: the first operator is written down",
    ("DELETE", "/api/v1/people/{person}/data"): "test_forgetting: an erasure is written down",
}
"""Routes whose call here cannot work beside the others."""


def changing() -> set[tuple[str, str]]:
    return {
        (method, route.path)
        for route in served_routes(build_described_app())
        for method in route.methods - {"GET", "HEAD", "OPTIONS"}
        if route.path not in NOT_AN_ACT
    }


def test_every_changing_route_has_a_call_and_no_call_is_left_over():
    assert changing() == set(CALLS) | set(TOLD_BY)


def test_rows_told_of_elsewhere_are_told_of_there():
    for path in set(TOLD_BY.values()):
        assert "AuditRow" in (ROOT / path).read_text(encoding="utf-8"), path


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def test_each_change_leaves_a_row_that_says_who(site):
    desk = await site.operator()
    item = (await build(site)).own["item_id"]
    street = Street(site, desk, item, await site.link(item, "leader"))
    for route, call in CALLS.items():
        if route in ELSEWHERE:
            continue
        before = await newest(site)
        answer = await call(street)
        assert answer.status_code < 400, f"{route} {answer.status_code} {answer.text[:300]}"
        async with site.world.database.read() as session:
            rows = list(await session.scalars(select(AuditRow).where(AuditRow.id > before)))
        assert rows, f"{route} left nothing"
        assert all(row.actor for row in rows), route


async def newest(site) -> int:
    async with site.world.database.read() as session:
        return await session.scalar(select(func.max(AuditRow.id))) or 0


async def _as_visitor(street: Street, path: str, **options: Any):
    return await (await street.visitor()).post(path, **options)


async def _by_phone(street: Street, path: str, **options: Any):
    street.phone = street.phone or await street.visitor()
    return await street.phone.post(path, **options)
