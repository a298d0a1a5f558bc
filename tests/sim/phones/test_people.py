"""Scripted people, and the wall on which a visitor takes their place."""

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from firmware_sim.phone.people import read_people


async def script(sender, **more):
    await sender.api("POST", "scripts", json={"person": "wang", **more})


@pytest.mark.parametrize(
    ("does", "after_s", "pressed"),
    [("answer", 2, "accept"), ("answer_late", 600, "accept"), ("wrong_button", 2, "not_mine")],
)
async def test_a_person_presses_a_cards_button_in_time_late_or_wrong(sender, does, after_s, pressed):
    await script(sender, does=does)
    await sender.card()
    await sender.wait(after_s - 1)
    assert sender.ears.heard["wecom"] == []
    await sender.wait(1)
    assert [event["EventKey"] for event in sender.ears.heard["wecom"]] == [pressed]


async def test_a_person_who_ignores_does_nothing(sender):
    await script(sender, does="ignore")
    await sender.card()
    await sender.wait(86_400)
    assert sender.ears.heard["wecom"] == []


async def test_a_person_takes_a_call_hangs_up_or_presses_a_wrong_key(sender):
    await sender.api("POST", "people", json=[{"person": "wang", "numbers": ["19900000001"]}])
    for does, status, keys in (
        ("answer", "200000", "1"),
        ("wrong_button", "200008", "9"),
        ("hang_up", "200001", ""),
    ):
        await script(sender, does=does)
        await sender.call()
        await sender.wait(90)
        assert sender.ears.heard["voice"][-1]["status_code"] == status
        assert sender.ears.heard["voice"][-1]["dtmf"] == keys


async def test_a_person_opens_a_link_and_presses_what_the_page_offers(sender):
    moves = []

    async def show(_request: Request) -> HTMLResponse:
        return HTMLResponse(
            '<form method="post" action="/i/x/moves"><input name="press" value="p1">'
            '<button name="move" value="accept">已收到</button></form>'
        )

    async def take(request: Request) -> HTMLResponse:
        async with request.form() as form:
            moves.append((form["move"], form["press"]))
        return HTMLResponse("ok")

    page = Starlette(routes=[Route("/i/x", show), Route("/i/x/moves", take, methods=["POST"])])
    sender.network._browsers["19900000001"] = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=page))
    await sender.api("POST", "scripts", json={"person": "19900000001", "does": "answer", "channels": ["sms"]})
    await sender.sms()
    await sender.wait(2)
    assert moves == [("accept", "p1")]
    await sender.network._browsers["19900000001"].aclose()


async def test_the_wall_shows_every_phone_and_a_visitor_presses(sender):
    await sender.api("POST", "people", json=[{"person": "wang", "name": "王芳"}])
    await sender.card()
    wall = (await sender.http.get("/")).text
    assert "王芳" in wall
    assert "燃气泄漏" in wall
    page = (await sender.http.get("/p/wang")).text
    assert "不归我管" in page
    (message,) = await sender.on_phone("wang")
    pressed = await sender.http.post("/p/wang/press", data={"message": message["id"], "key": "accept"})
    assert pressed.status_code == 303
    await sender.wait(0)
    assert [event["EventKey"] for event in sender.ears.heard["wecom"]] == ["accept"]


async def test_what_a_sender_writes_cannot_change_the_wall(sender):
    await sender.text("wang", "<script>alert(1)</script>")
    for path in ("/", "/p/wang"):
        assert "<script>alert" not in (await sender.http.get(path)).text


async def test_a_streets_people_hang_on_the_wall_by_name_and_number(sender, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("code,name,phone,webhook_url\nwang,王秀兰,10000000001,\nli,李建国,,\n", encoding="utf-8")
    for person in read_people(file):
        sender.network.directory.register(person)
    await sender.sms("10000000001")
    assert len(await sender.on_phone("wang")) == 1
    wall = (await sender.http.get("/")).text
    assert wall.index("王秀兰") < wall.index("李建国"), "who has a message hangs first"


def test_a_file_without_its_columns_is_refused(tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("name\n王秀兰\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"people.csv:1: found no column code, phone"):
        read_people(file)
