"""Open pages are told that something changed, and that the line is alive."""

import asyncio
from contextlib import asynccontextmanager

from server.items.model import Move
from server.items.ownlist import any_concerns
from server.live import Hub
from wire.vocabulary import Kind


@asynccontextmanager
async def following(client, path):
    """Follow a stream; gives the answer and a function that waits for the next event's name."""
    async with client.stream("GET", path, headers={"Accept": "text/event-stream"}) as answer:
        lines = answer.aiter_lines()

        async def next_event() -> str:
            async with asyncio.timeout(20):
                while True:
                    line = await anext(lines)
                    if line.startswith("event: "):
                        return line.removeprefix("event: ")

        yield answer, next_event


async def next_change(next_event) -> None:
    while await next_event() != "change":
        pass


async def test_the_desk_is_told_of_every_change(site):
    client = await site.operator()
    async with following(client, "/desk/live") as (answer, next_event):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no", "or a proxy would hold it back"
        assert await next_event() == "beat"
        await site.world.raise_alarm()
        await next_change(next_event)
        await site.world.press("leader", Move.ACCEPT)
        await next_change(next_event)


async def test_a_stream_without_news_still_says_that_it_lives(site):
    client = await site.operator()
    async with following(client, "/desk/live") as (_, next_event):
        assert [await next_event() for _ in range(2)] == ["beat", "beat"]


async def test_a_leader_is_told_of_her_item(site):
    item = await site.world.raise_alarm()
    client = await site.visitor()
    async with following(client, f"{await site.link(item.id, 'leader')}/live") as (_, next_event):
        assert await next_event() == "beat"
        await site.world.press("op-li", Move.ACCEPT)
        await next_change(next_event)


async def test_a_phone_is_told_of_what_comes_onto_its_list(site):
    item = await site.world.raise_alarm()
    client = await site.visitor()
    link = await site.link(item.id, "deputy")
    await client.post(f"{link}/moves", data={"move": "need_help", "press": "press-0001"})
    async with following(client, "/my/live") as (_, next_event):
        assert await next_event() == "beat"
        await site.world.raise_alarm("a2", "meter-1", kind=Kind.ELECTRIC)
        await next_change(next_event)


async def test_what_concerns_a_list_is_what_was_told_to_its_people_or_is_in_their_grids(site):
    leak = await site.world.raise_alarm()
    elsewhere = site.world.alarm_message(site.world.state("s1", "x"), gateway="gw-elsewhere")
    await site.world.take(elsewhere)
    [far] = [one for one in await site.world.items() if one.id != leak.id]
    async with site.world.database.read() as session:
        for person in ("leader", "deputy", "room"):
            assert await any_concerns(session, [far.id, leak.id], [person]), person
            assert not await any_concerns(session, [far.id], [person]), person
        assert not await any_concerns(session, [leak.id], ["secretary"]), (
            "told of nothing yet, and of no grid"
        )


async def test_strangers_follow_nothing(site):
    client = await site.visitor()
    assert (await client.get("/my/live")).status_code == 404
    assert (await client.get("/desk/live")).headers["location"] == "/login"
    assert (await client.get("/i/nonsense/live")).status_code == 404


async def test_only_the_watched_item_is_told_and_who_leaves_is_forgotten():
    hub = Hub()
    stream = hub.stream(item="one")
    assert "beat" in await anext(stream)
    assert len(hub) == 1
    told = asyncio.ensure_future(anext(stream))
    hub.hear([("item", "other")])
    for _ in range(10):
        await asyncio.sleep(0)
    assert not told.done()
    hub.hear([("item", "one")])
    assert "change" in await told
    await stream.aclose()
    assert len(hub) == 0


async def test_many_changes_at_once_are_one_reason_to_look():
    hub = Hub()
    stream = hub.stream()
    await anext(stream)
    for number in range(1_000):
        hub.hear([("item", str(number))])
    assert "change" in await anext(stream)
    hub.hear([("item", "last")])
    assert "change" in await anext(stream)
    await stream.aclose()
