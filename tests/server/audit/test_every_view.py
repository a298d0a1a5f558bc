"""Every answer that gives out a number or an address in full leaves an audit row.

The routes are read from the application: a new page that shows one without a row fails here.
"""

import io
import zipfile
from datetime import timedelta

import pytest
from sqlalchemy import select

from server.access.model import AccessRole
from server.audit.tables import AuditRow
from server.feedback.tables import Feedback
from server.people.tables import Contact, Person, Scope
from tests.server.access.street_of_two import account, build
from tests.server.access.test_every_route import ROUTES, address
from tests.server.web.running_site import open_site

PRIVATE = "77311"
"""Stands in every number and address, and nowhere else."""
PREVIEW = "/desk/import/previews/{upload}"
LEAVES = {"contacts_viewed", "street_exported", "person_exported"}
KNOWN = {
    "/api/v1/cockpit/items/{item_id}",
    "/api/v1/items/{item_id}",
    "/api/v1/people/{person}/contacts",
    "/api/v1/people/{person}/data",
    "/api/v1/street/export.xlsx",
    "/desk/contacts/{person}",
    "/desk/feedback",
    "/desk/import/files/street.xlsx",
    "/desk/import/files/{sheet}.csv",
    "/desk/items/{item_id}",
    PREVIEW,
}
"""Where numbers are shown today: if one of them shows none, the test looks at the wrong thing."""


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def fill_in(site):
    """Give everybody a number and addresses."""
    async with site.world.database.write() as session:
        for n, person in enumerate(await session.scalars(select(Person))):
            person.phone = f"139{PRIVATE}{n:03}"
            person.webhook_url = f"https://phone.example/{PRIVATE}/{n}"
            session.add(
                Contact(
                    person=person.code, channel="wecom", address=f"m-{PRIVATE}-{n}", added_at=site.clock.now()
                )
            )
        session.add(
            Feedback(
                id="f1", press="p" * 20, written_at=site.clock.now(), text="路灯坏了", contact=f"137{PRIVATE}"
            )
        )


async def upload(client):
    """Files whose preview shows the number that is registered."""
    people = b"code,name,phone,webhook_url\nleader,leader,13900000000,https://phone.example/x\n"
    answer = await client.post("/desk/import", files=[("files", ("people.csv", people))])
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].rsplit("/", 1)[1]


async def body_of(client, path, query):
    async with client.stream("GET", path, params=query) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return ""
        data = await answer.aread()
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            data = b"".join(book.read(name) for name in book.namelist())
    return data.decode(errors="replace")


async def rows_of(site, actor):
    async with site.world.database.read() as session:
        query = select(AuditRow).where(AuditRow.actor == actor).order_by(AuditRow.id)
        return list(await session.scalars(query))


async def test_whoever_is_shown_a_number_leaves_a_row(site):
    values = (await build(site)).own
    await fill_in(site)
    everything = [(role, Scope.STREET, "") for role in (AccessRole.ADMINISTRATOR, AccessRole.DESK)]
    client = await account(site, "sees-all", *everything)
    values |= {"upload": await upload(client), "sheet": "people"}
    showing = set()
    for method, route, _one in ROUTES:
        if method != "GET":
            continue
        path, query = address(route, values)
        before = len(await rows_of(site, "sees-all"))
        if PRIVATE not in await body_of(client, path, query):
            continue
        showing.add(route.path)
        if route.path != PREVIEW:  # its row was left by the upload, and nobody else sees it
            left = (await rows_of(site, "sees-all"))[before:]
            assert {row.action for row in left} & LEAVES, f"{route.path} shows a number and nobody knows"
        site.clock.advance(seconds=3600)
    assert showing >= KNOWN, KNOWN - showing


async def test_one_row_for_each_account_person_and_hour(site):
    await fill_in(site)
    client = await site.operator()
    for _ in range(3):
        await client.get("/desk/contacts/leader")
        await client.get("/api/v1/people/leader/contacts")
    await client.get("/desk/contacts/deputy")
    colleague = await site.colleague("另一位", role="administrator")
    await colleague.get("/desk/contacts/leader")
    site.clock.advance(seconds=timedelta(hours=1).total_seconds())
    await client.get("/desk/contacts/leader")
    async with site.world.database.read() as session:
        query = select(AuditRow.actor, AuditRow.subject).where(AuditRow.action == "contacts_viewed")
        rows = [tuple(row) for row in await session.execute(query.order_by(AuditRow.id))]
    assert rows == [
        ("值班员", "leader"),
        ("值班员", "deputy"),
        ("另一位", "leader"),
        ("值班员", "leader"),
    ]
    page = (await client.get("/desk/audit?action=contacts_viewed&subject=leader")).text
    assert page.count("查看联系方式") >= 3
    assert "deputy" not in page


async def test_who_sees_parts_of_addresses_leaves_no_row(site):
    await fill_in(site)
    desk = await site.colleague("看的人", role="desk")
    assert PRIVATE not in (await desk.get("/desk/contacts/leader")).text
    assert not [row for row in await rows_of(site, "看的人") if row.action == "contacts_viewed"]
