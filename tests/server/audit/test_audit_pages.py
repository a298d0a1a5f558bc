"""The audit viewer: found by who, what, when and item; the chain's check; a copy to keep."""

import ast
import csv
import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from server.access.model import AccessRole
from server.audit import chain
from server.audit.service import record
from server.audit.tables import AuditRow
from server.clock import STREET_ZONE
from server.devices.register import Change
from server.items.model import Move
from server.people.swapping import ProposalState
from server.web.auditwords import ACTIONS
from tests.server.access.street_of_two import PLACES, account
from tests.server.web.running_site import OPERATOR, open_site

HERE = "/desk/audit"
ROOT = Path(__file__).parents[3]


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
async def auditor(site):
    role = AccessRole.AUDITOR
    return await account(site, "审计", (role, *PLACES[role]))


async def act(site, action="key_made", *, actor="甲", subject="x", reason="", kind="operator") -> None:
    async with site.world.database.write() as session:
        await record(
            session,
            at=site.clock.now(),
            actor_kind="operator",
            actor=actor,
            action=action,
            subject_kind=kind,
            subject=subject,
            reason=reason,
            detail={"title": "=1+1"},
        )


async def seal(site) -> None:
    async with site.world.database.write() as session:
        while await chain.seal(session, now=site.clock.now()):
            await session.flush()


def rows_of(page: str) -> list[str]:
    return re.findall(r"<tr>(.*?)</tr>", page.partition("<tbody>")[2], re.DOTALL)


async def test_acts_are_found_by_who_what_when_and_to_what(site, auditor):
    await act(site, actor="甲", subject="账号一")
    site.clock.advance(seconds=7200)
    await act(site, "key_revoked", actor="乙", subject="账号二", reason="人走了")
    item = await site.world.raise_alarm()
    local = (site.clock.now() - timedelta(hours=1)).astimezone(STREET_ZONE).strftime("%Y-%m-%dT%H:%M")
    for asked, count, words in (
        ({"actor": "甲"}, 1, "建立密钥"),
        ({"action": "key_revoked"}, 1, "人走了"),
        ({"subject": "账号一"}, 1, "甲"),
        ({"subject": item.id}, 1, "设备报警，生成事项"),
        ({"until": local}, 1, "账号一"),
        ({"since": local, "action": "key_revoked"}, 1, "乙"),
        ({"actor": "丙"}, 0, "没有这样的记录"),
    ):
        page = (await auditor.get(HERE, params=asked)).text
        assert len(rows_of(page)) == count, asked
        assert words in page, asked
    wrong = await auditor.get(HERE, params={"since": "gestern"})
    assert (wrong.status_code, "时间写成" in wrong.text) == (422, True)


async def test_the_newest_come_first_and_older_ones_page_by_page(site, auditor):
    for n in range(130):
        await act(site, subject=f"s{n:03}")
    first = (await auditor.get(HERE)).text
    assert len(rows_of(first)) == 100
    assert "s129" in rows_of(first)[0]
    older = re.search(r'href="([^"]+)">更早的', first)[1].replace("&amp;", "&")
    second = (await auditor.get(older)).text
    assert len(rows_of(second)) == 30
    assert "s000" in rows_of(second)[-1]
    assert "回到最新" in second


async def test_the_chain_is_checked_and_what_was_touched_is_said(site, auditor):
    await act(site)
    await act(site, subject="y")
    await seal(site)
    page = (await auditor.get(f"{HERE}/chain")).text
    assert "完整，没有被改过" in page
    seq, digest = re.findall(r"<code>([0-9a-f]+)</code>", page)
    assert (seq, len(digest)) == ("2", 64)
    kept = (await auditor.get(f"{HERE}/chain", params={"seq": seq, "hash": digest})).text
    assert "您抄下的那一环还在" in kept
    gone = (await auditor.get(f"{HERE}/chain", params={"seq": "9", "hash": "0" * 64})).text
    assert "is not part of the chain" in gone
    half = await auditor.get(f"{HERE}/chain", params={"seq": "2"})
    assert (half.status_code, "两个都要填" in half.text) == (422, True)
    async with site.world.database.write() as session:
        await session.execute(update(AuditRow).where(AuditRow.subject == "y").values(actor="somebody-else"))
    touched = (await auditor.get(f"{HERE}/chain")).text
    assert "记录被动过" in touched
    assert "was changed" in touched
    assert "完整，没有被改过" not in touched


async def test_the_copy_has_every_row_with_its_seal_and_nothing_that_computes(site, auditor):
    await act(site, reason="=HYPERLINK(1)", actor="@甲")
    for n in range(600):
        await act(site, subject=f"s{n}", actor="乙")
    await seal(site)
    answer = await auditor.get(f"{HERE}/export.csv")
    assert answer.headers["content-disposition"].startswith('attachment; filename="audit-')
    text = answer.text
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text[1:])))
    async with site.world.database.read() as session:
        ids = list(await session.scalars(select(AuditRow.id).order_by(AuditRow.id)))
    assert [int(row["id"]) for row in rows] == ids
    assert (rows[0]["actor"], rows[0]["reason"]) == ("'@甲", "'=HYPERLINK(1)")
    assert all(len(row["seal_hash"]) == 64 for row in rows)
    some = await auditor.get(f"{HERE}/export.csv", params={"actor": "@甲"})
    assert len(some.text.splitlines()) == 2


async def test_only_who_may_see_the_audit_sees_it(site):
    desk = await account(site, "值班", (AccessRole.DESK, *PLACES[AccessRole.DESK]))
    for path in (HERE, f"{HERE}/chain", f"{HERE}/export.csv"):
        assert (await desk.get(path)).status_code == 403


async def test_what_people_wrote_is_shown_as_text(site):
    desk = await site.operator()
    await act(site, reason="<script>alert(1)</script>", actor='"><b>x')
    page = (await desk.get(HERE)).text
    assert "<script>alert" not in page
    assert "<b>x" not in page
    assert OPERATOR in page


def recorded_actions() -> set[str]:
    """Every act that the server's code writes down by a word of its own."""
    found = {f"item_{move.value}" for move in Move} | {f"device_{change.value}" for change in Change}
    found |= {f"swap_{state.value}" for state in ProposalState}
    for path in (ROOT / "server").rglob("*.py"):
        if "assets" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            texts = [one.value for one in node.keywords if one.arg == "action"]
            texts += node.args if name in {"_record", "_audited", "_changed"} else []
            found |= {
                one.value
                for one in texts
                if isinstance(one, ast.Constant) and re.fullmatch(r"[a-z]+(_[a-z]+)+", str(one.value))
            }
    return found - {"store_true"}


def test_every_act_has_its_words_and_no_words_are_left_over():
    assert recorded_actions() - set(ACTIONS) == set(), "add it to server/web/auditwords.py"
    assert set(ACTIONS) - recorded_actions() == set()
