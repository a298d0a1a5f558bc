"""投诉建议: anybody may write, nothing is lost, the desk reads it."""

from itertools import count

from server.feedback.tables import Feedback


async def test_what_is_written_without_a_name_is_read_at_the_desk(site):
    client = await site.visitor()
    form = {"press": "press-0001", "text": "字太小了 <b>看不清</b>", "contact": ""}
    for _ in range(2):  # a nervous double tap
        answer = await client.post("/feedback", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/feedback?said=kept")
    assert "收到了，谢谢您" in (await client.get("/feedback?said=kept")).text
    [row] = await site.world.rows(Feedback)
    assert (row.text, row.contact) == ("字太小了 <b>看不清</b>", "")

    operator = await site.operator()
    page = (await operator.get("/desk/feedback")).text
    assert "字太小了 &lt;b&gt;看不清&lt;/b&gt;" in page
    assert "我看过了" in page
    for _ in range(2):
        assert (await operator.post(f"/desk/feedback/{row.id}/read")).status_code == 303
    [row] = await site.world.rows(Feedback)
    assert row.read_by == "值班员"
    assert "我看过了" not in (await operator.get("/desk/feedback")).text


async def test_nothing_written_or_far_too_much_is_said_and_not_kept(site):
    client = await site.visitor()
    for text, told in (("  ", "请先写下您的意见"), ("长" * 2001, "写得太长了")):
        answer = await client.post("/feedback", data={"press": "press-0001", "text": text})
        assert (answer.status_code, told in answer.text) == (422, True)
    assert await site.world.rows(Feedback) == []


async def test_a_flood_from_everywhere_does_not_fill_the_disk_and_ends_after_an_hour(site, monkeypatch):
    sources = count()
    monkeypatch.setattr("server.feedback.web.source_of", lambda _: f"203.0.113.{next(sources)}")
    client = await site.visitor()
    for n in range(200):
        await client.post("/feedback", data={"press": f"press-{n:04}", "text": "慢"})
    refused = await client.post("/feedback", data={"press": "press-0200", "text": "慢"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3600")
    site.clock.advance(seconds=3601)
    assert (await client.post("/feedback", data={"press": "press-0200", "text": "慢"})).status_code == 303


async def test_strangers_do_not_read_what_others_wrote(site):
    client = await site.visitor()
    assert (await client.get("/desk/feedback")).headers["location"] == "/login"
    operator = await site.operator()
    assert (await operator.post("/desk/feedback/nothing/read")).status_code == 404
