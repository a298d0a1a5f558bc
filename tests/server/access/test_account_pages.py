"""The administrator's pages of accounts and keys, and everybody's page of their own account."""

import re
from urllib.parse import quote

import pyotp
import pytest
from sqlalchemy import select

from server.access.model import AccessRole
from server.access.tables import ApiKey, Invitation, LoginFailure, Operator, OperatorSession
from server.audit.tables import AuditRow
from server.people.model import Scope
from tests.server.access.street_of_two import account
from tests.server.web.running_site import OPERATOR, PASSWORD, open_site

NEW = "周晓梅"
HERE = f"/desk/accounts/{quote(NEW)}"
OTHER_PASSWORD = "another-long-password"


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
async def desk(site):
    return await site.operator()


async def actions(site) -> list[str]:
    return [row.action for row in await site.world.rows(AuditRow)]


async def invited(desk, name=NEW, role="desk@street", place="") -> str:
    """Make an account on the page; returns the code that is shown."""
    answer = await desk.post("/desk/accounts", data={"name": name, "role": role, "place": place})
    assert answer.status_code == 200, answer.text
    return code_on(answer.text)


def code_on(text: str) -> str:
    (code,) = re.findall(r"/join\?code=([A-Z2-9]{12})", text)
    return code


async def join(site, code, password=PASSWORD, again=None):
    client = await site.visitor()
    form = {"code": code, "password": password, "again": again or password}
    return await client.post("/join", data=form)


async def signed_in(site, name=NEW, password=PASSWORD):
    client = await site.visitor()
    answer = await client.post("/login", data={"name": name, "password": password})
    assert answer.status_code == 303, answer.text
    return client


# --- inviting ------------------------------------------------------------------------------------


async def test_an_invited_person_chooses_the_password_alone_and_gets_the_role(site, desk):
    code = await invited(desk)
    assert (await (await site.visitor()).get(f"/join?code={code}")).text.count(code) == 1, "to be confirmed"
    assert (await join(site, code)).headers["location"] == "/login?joined=yes"
    client = await signed_in(site)
    assert (await client.get("/desk")).status_code == 200
    assert (await client.get("/desk/accounts")).status_code == 403
    assert {"account_made", "invitation_made", "invitation_used"} <= set(await actions(site))


async def test_a_code_works_once_for_a_day_and_a_new_one_ends_it(site, desk):
    first = await invited(desk)
    assert (await join(site, first, "short")).status_code == 422, "and the code is not used up"
    assert (await join(site, first, PASSWORD, "something-else-12")).status_code == 422
    second = code_on((await desk.post(f"{HERE}/invitation")).text)
    assert "邀请码不对" in (await join(site, first)).text
    assert (await join(site, f" {second[:6].lower()} {second[6:]} ")).status_code == 303, "as people type"
    assert "邀请码不对" in (await join(site, second)).text
    third = code_on((await desk.post(f"{HERE}/invitation")).text)
    site.clock.advance(seconds=86_401)
    assert "邀请码不对" in (await join(site, third)).text
    site.clock.advance(seconds=86_401)
    desk = await signed_in(site, OPERATOR)
    await desk.post(f"{HERE}/invitation")
    assert len(await site.world.rows(Invitation)) == 1, "old ones are forgotten"


async def test_a_code_that_was_withdrawn_opens_nothing(site, desk):
    code = await invited(desk)
    assert (await desk.post(f"{HERE}/invitation/withdraw")).status_code == 303
    assert "邀请码不对" in (await join(site, code)).text
    assert "invitation_withdrawn" in await actions(site)


async def test_a_new_code_lets_somebody_in_who_forgot_and_ends_what_was_open(site, desk):
    await join(site, await invited(desk))
    before = await signed_in(site)
    code = code_on((await desk.post(f"{HERE}/invitation")).text)
    assert (await before.get("/desk")).status_code == 200, "until it is used"
    await join(site, code, OTHER_PASSWORD)
    assert (await before.get("/desk")).status_code == 303
    await signed_in(site, password=OTHER_PASSWORD)


async def test_guessing_codes_is_slowed_down(site, desk):
    code = await invited(desk)
    for _ in range(6):
        answer = await join(site, "AAAABBBBCCCC")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert (await join(site, code)).status_code == 429, "the right one waits as well"
    site.clock.advance(seconds=60)
    assert (await join(site, code)).status_code == 303


async def test_codes_and_passwords_lie_only_as_hashes(site, desk):
    code = await invited(desk)
    (row,) = await site.world.rows(Invitation)
    assert code not in row.code_hash
    assert (await site.world.rows(Operator))[-1].password_hash is None
    assert not [one for one in await site.world.rows(AuditRow) if code in str(one.detail)]


async def test_what_cannot_be_made_comes_back_with_the_reason_and_what_was_typed(desk):
    for form, why in (
        ({"name": OPERATOR, "role": "desk@street"}, "已经有这个名字的账号"),
        ({"name": "a/b", "role": "desk@street"}, "不含斜杠"),
        ({"name": NEW, "role": "desk@grid", "place": "g1"}, "这个角色不能用于这类地方"),
        ({"name": NEW, "role": "leader@grid", "place": "nowhere"}, "没有这个地方"),
        ({"name": NEW, "role": "king@street"}, "没有这个角色"),
        ({"name": NEW, "role": "leader@grid", "place": "g1", "person": "x"}, "没有这个人"),
    ):
        answer = await desk.post("/desk/accounts", data=form)
        assert answer.status_code in (404, 409, 422)
        assert why in answer.text
        assert f'value="{form["name"]}"' in answer.text
    assert NEW not in (await desk.get("/desk/accounts")).text, "nothing half-made"


# --- roles ---------------------------------------------------------------------------------------


async def test_a_role_given_opens_at_once_and_one_taken_closes_at_once(site, desk):
    await join(site, await invited(desk))
    client = await signed_in(site)
    form = {"role": "administrator@street"}
    assert (await desk.post(f"{HERE}/roles/give", data=form)).status_code == 303
    assert (await client.get("/desk/accounts")).status_code == 200
    shown = (await desk.get(HERE)).text
    assert "管理员 · 全街道" in shown
    await desk.post(f"{HERE}/roles/take", data={"grant": "administrator@street:"})
    assert (await client.get("/desk/accounts")).status_code == 403
    assert (await actions(site)).count("roles_changed") == 2


async def test_a_role_is_held_for_its_place_by_name(site, desk):
    await invited(desk, role="leader@grid", place="g1")
    assert "网格长或值班室 · 1号微网格" in (await desk.get("/desk/accounts")).text
    taken = await desk.post(f"{HERE}/roles/take", data={"grant": "leader@grid:g1"})
    assert taken.status_code == 303
    assert "还没有角色" in (await desk.get(HERE)).text


async def test_places_and_people_may_be_called_by_their_names(site, desk):
    form = {"name": NEW, "role": "leader@grid", "place": "1号微网格", "person": "deputy某"}
    await desk.post("/desk/accounts", data=form)
    row = next(one for one in await site.world.rows(Operator) if one.name == NEW)
    assert row.person == "deputy"
    assert 'value="leader@grid:g1"' in (await desk.get(HERE)).text
    await site.world.set_person("leader", name="deputy某")
    twice = await desk.post("/desk/accounts", data={**form, "name": "又一位"})
    assert (twice.status_code, "有几个人都叫这个名字" in twice.text) == (422, True)


async def test_the_last_administrator_stays(desk):
    mine = f"/desk/accounts/{quote(OPERATOR)}"
    answer = await desk.post(f"{mine}/roles/take", data={"grant": "administrator@street:"})
    assert answer.status_code == 409
    assert "至少要留一个管理员" in answer.text
    assert (await desk.post(f"{mine}/disable")).status_code == 409
    assert (await desk.get("/desk/accounts")).status_code == 200


async def test_roles_of_duties_are_shown_and_not_taken_here(site, desk):
    await desk.post("/desk/accounts", data={"name": NEW, "role": "desk@street", "person": "leader"})
    shown = (await desk.get(HERE)).text
    assert "来自登记里的职责" in shown
    assert shown.count('name="grant"') == 1


# --- shutting out, letting in --------------------------------------------------------------------


async def test_a_disabled_account_is_out_at_once_and_comes_back(site, desk):
    await join(site, await invited(desk))
    client = await signed_in(site)
    await desk.post(f"{HERE}/disable")
    assert (await client.get("/desk")).status_code == 303
    assert "已停用" in (await desk.get("/desk/accounts")).text
    assert (await desk.post(f"{HERE}/invitation")).status_code == 409
    await desk.post(f"{HERE}/enable")
    await signed_in(site)
    assert {"account_disabled", "account_enabled"} <= set(await actions(site))


async def test_somebody_elses_log_ins_are_ended(site, desk):
    await join(site, await invited(desk))
    client = await signed_in(site)
    await desk.post(f"{HERE}/sessions/end")
    assert (await client.get("/desk")).status_code == 303
    assert "sessions_ended" in await actions(site)


async def test_a_lock_out_is_shown_and_lifted(site, desk):
    await join(site, await invited(desk))
    guesser = await site.visitor()
    for _ in range(9):
        await guesser.post("/login", data={"name": NEW, "password": "wrong-guess"})
        site.clock.advance(seconds=1)
    own = {"name": NEW, "password": PASSWORD}
    assert (await guesser.post("/login", data=own)).status_code == 429
    shown = (await desk.get("/desk/accounts")).text
    assert "正在等待的登录" in shown
    assert f"让他再试：{NEW}" in shown
    assert "等到" in (await desk.get(HERE)).text
    (source,) = {row.source for row in await site.world.rows(LoginFailure)}
    await desk.post("/desk/accounts/lockouts", data={"name": NEW})
    await desk.post("/desk/accounts/lockouts", data={"source": source})
    assert (await guesser.post("/login", data=own)).status_code == 303
    assert "正在等待的登录" not in (await desk.get("/desk/accounts")).text
    assert "lockout_lifted" in await actions(site)


async def test_a_name_nobody_has_is_not_shown_it_may_be_a_password(site, desk):
    guesser = await site.visitor()
    for _ in range(9):
        await guesser.post("/login", data={"name": "my-secret-passphrase", "password": "x"})
        site.clock.advance(seconds=1)
    shown = (await desk.get("/desk/accounts")).text
    assert "my-secret-passphrase" not in shown
    assert "来自 127.0.0.1" in shown
    for table in (LoginFailure, AuditRow):
        kept = [repr(vars(row)) for row in await site.world.rows(table)]
        assert kept
        assert "my-secret-passphrase" not in "".join(kept)


async def test_accounts_are_found_by_name_and_by_person(site, desk):
    await desk.post("/desk/accounts", data={"name": NEW, "role": "desk@street", "person": "deputy"})
    for asked, found in (("周晓", True), ("deputy", True), ("deputy某", True), ("值班", False)):
        page = (await desk.get("/desk/accounts", params={"q": asked})).text
        assert (f'href="{HERE}"' in page) is found, asked


async def test_lifting_needs_to_say_what(desk):
    for form in ({}, {"name": "a", "source": "b"}):
        assert (await desk.post("/desk/accounts/lockouts", data=form)).status_code == 422


async def test_a_lost_second_factor_is_taken_away(site, desk):
    await join(site, await invited(desk))
    client = await signed_in(site)
    await enrol(site, client)
    assert (await desk.post(f"{HERE}/second-factor/drop")).status_code == 303
    await signed_in(site)  # with the password alone
    assert "second_factor_off" in await actions(site)


async def test_an_account_is_tied_to_another_system_and_untied(tmp_path):
    async with open_site(tmp_path, wecom_corp_id="corp") as site:
        desk = await site.operator()
        await invited(desk)
        form = {"issuer": "wecom:corp", "subject": "ZhouXM"}
        assert (await desk.post(f"{HERE}/logins/tie", data=form)).status_code == 303
        assert "ZhouXM" in (await desk.get(HERE)).text
        taken = await desk.post(f"/desk/accounts/{quote(OPERATOR)}/logins/tie", data=form)
        assert (taken.status_code, "属于另一个账号" in taken.text) == (409, True)
        for wrong in ({"issuer": "https://evil.example"}, {"subject": " "}):
            assert (await desk.post(f"{HERE}/logins/tie", data=form | wrong)).status_code == 422
        assert (await desk.post(f"{HERE}/logins/untie", data=form)).status_code == 303
        assert (await desk.post(f"{HERE}/logins/untie", data=form)).status_code == 404
        assert "没有绑定" in (await desk.get(HERE)).text
        assert {"login_tied", "login_untied"} <= set(await actions(site))


# --- keys ----------------------------------------------------------------------------------------


async def test_a_key_is_shown_once_works_and_ends(site, desk):
    form = {"account": OPERATOR, "title": "大屏", "days": 30}
    made = (await desk.post("/desk/keys", data=form)).text
    (key,) = re.findall(r"gwk_[\w-]{20,}", made)
    program = await site.visitor(Authorization=f"Bearer {key}")
    assert (await program.get("/api/v1/items")).status_code == 200
    listed = (await desk.get("/desk/keys")).text
    assert "大屏" in listed
    assert key not in listed
    (row,) = await site.world.rows(ApiKey)
    assert (await desk.post(f"/desk/keys/{row.id}/revoke")).status_code == 303
    assert (await program.get("/api/v1/items")).status_code == 401
    assert "大屏" not in (await desk.get("/desk/keys")).text
    assert {"key_made", "key_revoked"} <= set(await actions(site))
    assert (await desk.post("/desk/keys", data={**form, "days": 900})).status_code == 422


# --- one's own account ---------------------------------------------------------------------------


async def enrol(site, client) -> tuple[str, list[str]]:
    """Switch the second factor on by the page; returns secret and recovery codes."""
    begun = (await client.post("/desk/me/second-factor")).text
    assert 'src="data:image/svg' in begun
    (secret,) = re.findall(r"<code>([A-Z2-7]{32})</code>", begun)
    wrong = await client.post("/desk/me/second-factor/confirmation", data={"code": "000000"})
    assert wrong.status_code == 422
    assert secret in wrong.text, "the picture stays for another try"
    code = pyotp.TOTP(secret).at(site.clock.now())
    done = (await client.post("/desk/me/second-factor/confirmation", data={"code": code})).text
    codes = ["".join(one) for one in re.findall(r"<li>([A-Z2-9]{4}) ([A-Z2-9]{4}) ([A-Z2-9]{4})</li>", done)]
    assert len(codes) == 10
    return secret, codes


async def test_the_second_factor_is_enrolled_by_its_picture_and_its_first_code(site, desk):
    secret, codes = await enrol(site, desk)
    shown = (await desk.get("/desk/me")).text
    assert "还有 10 个恢复码没用" in shown
    assert not [code for code in codes if code in shown]
    client = await site.visitor()
    form = {"name": OPERATOR, "password": PASSWORD}
    assert (await client.post("/login", data=form)).headers["location"] == "/login/code"
    site.clock.advance(seconds=60)
    code = pyotp.TOTP(secret).at(site.clock.now())
    assert (await client.post("/login/code", data={"code": code})).headers["location"] == "/desk"


async def test_changing_the_second_factor_asks_for_it(site, desk):
    secret, codes = await enrol(site, desk)
    for path in ("off", "recovery-codes"):
        assert (await desk.post(f"/desk/me/second-factor/{path}", data={"code": "000000"})).status_code == 422
    for _ in range(5):
        guessed = await desk.post("/desk/me/second-factor/off", data={"code": "000000"})
    assert guessed.status_code == 429, "guessing is slowed down as at the gate"
    site.clock.advance(seconds=60)
    code = pyotp.TOTP(secret).at(site.clock.now())
    renewed = (await desk.post("/desk/me/second-factor/recovery-codes", data={"code": code})).text
    assert "恢复码，只显示这一次" in renewed
    assert (await desk.post("/desk/me/second-factor/off", data={"code": codes[0]})).status_code == 422, "old"
    site.clock.advance(seconds=300)
    (fresh, *_) = ["".join(one) for one in re.findall(r"<li>(\w{4}) (\w{4}) (\w{4})</li>", renewed)]
    assert (await desk.post("/desk/me/second-factor/off", data={"code": fresh})).status_code == 303
    assert "没有启用" in (await desk.get("/desk/me")).text
    assert {"recovery_codes_renewed", "second_factor_off"} <= set(await actions(site))


async def test_a_new_password_ends_the_other_log_ins(site, desk):
    other = await signed_in(site, OPERATOR)
    form = {"old": PASSWORD, "new": OTHER_PASSWORD, "again": OTHER_PASSWORD}
    assert (await desk.post("/desk/me/password", data={**form, "again": "typed-wrongly"})).status_code == 422
    assert "原密码不对" in (await desk.post("/desk/me/password", data={**form, "old": "wrong"})).text
    assert (await desk.post("/desk/me/password", data=form)).status_code == 303
    assert (await desk.get("/desk/me")).status_code == 200
    assert (await other.get("/desk/me")).status_code == 303


async def test_one_log_in_and_all_others_are_ended(site, desk):
    first, second = await signed_in(site, OPERATOR), await signed_in(site, OPERATOR)
    shown = (await desk.get("/desk/me")).text
    ended = re.findall(r"/desk/me/sessions/([0-9a-f]{16})/end", shown)
    assert len(ended) == 2, "one's own is not offered"
    await desk.post(f"/desk/me/sessions/{ended[0]}/end")
    assert sorted([(await one.get("/desk/me")).status_code for one in (first, second)]) == [200, 303]
    await desk.post("/desk/me/sessions/end-others")
    assert [(await one.get("/desk/me")).status_code for one in (first, second)] == [303, 303]
    assert (await desk.get("/desk/me")).status_code == 200
    async with site.world.database.read() as session:
        assert len(list(await session.scalars(select(OperatorSession)))) == 1


async def test_everybody_has_a_page_of_their_own_and_a_leader_sees_no_settings(site):
    leader = await account(site, "账号-网格长", (AccessRole.LEADER, Scope.GRID, "g1"))
    page = await leader.get("/desk/me")
    assert page.status_code == 200
    assert "/desk/accounts" not in page.text
