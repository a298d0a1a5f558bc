"""Programs that ask the API are answered in problem details (RFC 9457)."""

import pytest

from wire.vocabulary import AlarmClass, Kind

PRESS = "0190f2b4-0000-7000-8000-000000000001"


def is_problem(answer, status: int) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["type"] == "about:blank"
    assert body["title"]
    return body


@pytest.mark.parametrize(
    "path",
    ["/api/v1/items", "/api/v1/items/x", "/api/v1/gateways", "/api/v1/devices"],
)
async def test_a_stranger_learns_nothing(site, path):
    client = await site.visitor()
    is_problem(await client.get(path), 401)


async def test_a_stranger_cannot_press(site):
    item = await site.world.raise_alarm()
    client = await site.visitor()
    answer = await client.post(f"/api/v1/items/{item.id}/moves", json={"move": "accept", "press": PRESS})
    is_problem(answer, 401)
    assert (await site.world.item()).accepted is False


async def test_what_is_not_there_is_not_found(site):
    client = await site.operator()
    assert is_problem(await client.get("/api/v1/items/none"), 404)["detail"] == "没有这件事项。"
    english = await client.get("/api/v1/items/none", headers={"Accept-Language": "en"})
    assert is_problem(english, 404)["detail"] == "There is no such item."
    pressed = await client.post("/api/v1/items/none/moves", json={"move": "accept", "press": PRESS})
    is_problem(pressed, 404)
    is_problem(await client.get("/api/v1/no-such-thing"), 404)


async def test_a_wrong_method_is_told_which_are_right(site):
    client = await site.operator()
    answer = await client.delete("/api/v1/items")
    is_problem(answer, 405)
    assert answer.headers["allow"] == "GET"


async def test_a_wrong_request_is_told_where_it_is_wrong(site):
    client = await site.operator()
    found = is_problem(await client.get("/api/v1/items", params={"limit": 0, "mode": "party"}), 422)
    assert {one["where"] for one in found["errors"]} == {"query.limit", "query.mode"}
    pressed = await client.post(
        "/api/v1/items/x/moves", json={"move": "dance", "press": "short", "more": "yes"}
    )
    found = is_problem(pressed, 422)
    assert {one["where"] for one in found["errors"]} == {"body.move", "body.press", "body.more"}


async def test_text_that_is_not_json_is_refused(site):
    client = await site.operator()
    answer = await client.post(
        "/api/v1/items/x/moves", content=b"{nonsense", headers={"Content-Type": "application/json"}
    )
    is_problem(answer, 422)


async def test_a_press_that_is_not_possible_says_why(site):
    item = await site.world.raise_alarm()
    client = await site.operator()
    answer = await client.post(
        f"/api/v1/items/{item.id}/moves", json={"move": "reject_false_alarm", "press": PRESS}
    )
    assert is_problem(answer, 409)["detail"]


async def test_the_same_press_twice_is_one_move(site):
    item = await site.world.raise_alarm()
    client = await site.operator()
    press = {"move": "accept", "press": PRESS}
    first = await client.post(f"/api/v1/items/{item.id}/moves", json=press)
    again = await client.post(f"/api/v1/items/{item.id}/moves", json=press)
    assert (first.json()["verdict"], first.json()["state"]) == ("applied", "accepted")
    assert (again.json()["verdict"], again.json()["state"]) == ("repeated", "accepted")
    story = (await client.get(f"/api/v1/items/{item.id}")).json()
    assert [move["move"] for move in story["moves"]].count("accept") == 1


async def test_a_list_is_read_page_by_page_the_gravest_first(site):
    await site.world.raise_alarm("a1", "meter-1", kind=Kind.ELECTRIC, class_=AlarmClass.ADVICE)
    await site.world.raise_alarm("a2")
    client = await site.operator()
    first = (await client.get("/api/v1/items", params={"limit": 1})).json()
    assert (first["items"][0]["class"], first["total"], first["next"]) == ("life_safety", 2, 1)
    second = (await client.get("/api/v1/items", params={"limit": 1, "offset": first["next"]})).json()
    assert (second["items"][0]["class"], second["next"]) == ("advice", None)


async def test_a_crash_is_answered_without_telling_what_broke(site):
    client = await site.operator()
    await site.readings.close()
    (site.settings.data_folder / "readings.db").write_bytes(b"not a database at all, and long enough" * 40)
    wanted = {
        "gateway": "gw-one",
        "device": "gas-1",
        "point": "gas_lel",
        "start": "2026-03-01T00:00:00Z",
        "end": "2026-03-02T00:00:00Z",
    }
    answer = await client.get("/api/v1/readings", params=wanted)
    body = is_problem(answer, 500)
    assert body["detail"] == "服务器出错了，已记录。"
    assert "database" not in answer.text
