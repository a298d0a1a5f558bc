"""How far from the place a press was made: offered, made coarse, said in words, forgotten. Never a position."""

import math
from datetime import timedelta

import pytest

from server.audit.tables import AuditRow
from server.items.nearmodel import Fix, coarse_m, distance_words, is_on_site
from server.items.tables import ItemMove, PressDistance
from server.places.tables import Building, Datum
from server.retention.service import Lives, forget
from tests.server.web.running_site import open_site

PLACE = (31.2304, 121.4737)
NORTH_1_KM = (31.2394, 121.4737)


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        async with opened.world.database.write() as session:
            building = await session.get_one(Building, "b1")
            building.latitude, building.longitude = PLACE
        yield opened


async def press(site, link, move="accept", press_id="press-0001", *, fix=PLACE, accuracy_m=20, client=None):
    client = client or await site.visitor()
    place = dict(zip(("latitude", "longitude"), map(str, fix), strict=True))
    form = {"move": move, "press": press_id, **place, "accuracy_m": str(accuracy_m)}
    answer = await client.post(f"{link}/moves", data=form)
    assert answer.status_code == 303, answer.text
    return client


@pytest.mark.parametrize(
    ("metres", "kept"), [(0, 0), (24, 0), (26, 50), (980, 1000), (1240, 1000), (1260, 1500)]
)
def test_only_a_coarse_distance_is_kept(metres, kept):
    assert coarse_m(metres) == kept


@pytest.mark.parametrize(
    ("metres", "accuracy_m", "words"),
    [
        (0, 20, "在现场"),
        (110, 20, "在现场"),
        (300, 20, "离现场约 300 米"),
        (2500, 20, "离现场约 2.5 公里"),
        (300, 250, "在现场"),
    ],
)
def test_whoever_may_be_there_is_not_said_to_be_elsewhere(metres, accuracy_m, words):
    text, values = distance_words(coarse_m(metres), on_site=is_on_site(metres, accuracy_m))
    assert text % values == words


@pytest.mark.parametrize("fix", [(91, 0, 5), (0, 181, 5), (math.nan, 0, 5), (0, math.inf, 5), (0, 0, 5000)])
def test_nonsense_from_a_telephone_is_nothing(fix):
    latitude, longitude, accuracy_m = fix
    assert not Fix(latitude=latitude, longitude=longitude, accuracy_m=accuracy_m).is_credible


async def test_a_distance_is_shown_and_a_position_is_nowhere(site):
    item = await site.world.raise_alarm()
    link = await site.link(item.id, "leader")
    hers = await press(site, link, fix=NORTH_1_KM)
    await press(site, link, "arrive", "press-0002", client=hers)
    page = " ".join((await hers.get(link)).text.split())
    assert "已收到：离现场约 1 公里；已到场：在现场" in page
    desk = (await (await site.operator()).get(f"/desk/items/{item.id}")).text
    assert "离现场约 1 公里" in desk
    rows = [
        *await site.world.rows(PressDistance),
        *await site.world.rows(ItemMove),
        *await site.world.rows(AuditRow),
    ]
    written = " ".join(str(vars(row)) for row in rows)
    assert "31.23" not in written
    assert "121.47" not in written


async def test_a_press_without_one_counts_the_same_and_one_press_has_one(site):
    item = await site.world.raise_alarm()
    link = await site.link(item.id, "leader")
    client = await site.visitor()
    await client.post(f"{link}/moves", data={"move": "accept", "press": "press-0001"})
    assert await site.world.rows(PressDistance) == []
    for _ in range(2):
        await press(site, link, "arrive", "press-0002", client=client)
    assert len(await site.world.rows(PressDistance)) == 1
    await press(site, link, "need_help", "press-0003", client=client)
    assert len(await site.world.rows(PressDistance)) == 1, "how far away says nothing there"


@pytest.mark.parametrize("fix", [("nan", "0"), ("400", "0"), ("", "")])
async def test_a_telephone_that_talks_nonsense_still_presses(site, fix):
    item = await site.world.raise_alarm()
    await press(site, await site.link(item.id, "leader"), fix=fix)
    assert await site.world.rows(PressDistance) == []
    assert (await site.world.item()).accepted


async def test_between_positions_of_different_datums_nothing_is_said(site):
    async with site.world.database.write() as session:
        (await session.get_one(Building, "b1")).datum = Datum.GCJ02
    item = await site.world.raise_alarm()
    await press(site, await site.link(item.id, "leader"))
    assert await site.world.rows(PressDistance) == []


async def test_distances_are_forgotten_thirty_days_after_the_item_closed(site):
    item = await site.world.raise_alarm()
    await press(site, await site.link(item.id, "leader"), "finish")
    await site.world.clear_alarm()
    lives = Lives.of(site.settings)
    for days, left in ((29, 1), (2, 0)):
        site.clock.advance(seconds=timedelta(days=days).total_seconds())
        async with site.world.database.write() as session:
            await forget(session, lives, site.settings.photo_folder, now=site.clock.now())
        assert len(await site.world.rows(PressDistance)) == left
