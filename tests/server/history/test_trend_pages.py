"""The pages of curves, and the small curve on an item, as the server writes them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from server.history import glance
from server.history.pointnames import NAMES, main_point
from server.places.within import Place, PlaceKind, parse_place
from tests.server.history.recording import record
from tests.server.history.test_point_facts import configure, rule
from tests.server.web.running_site import open_site
from wire.vocabulary import Measure


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def leak(site):
    begin = site.clock.now()
    await record(site.readings, "gas-1/gas_lel", "%{LEL}", begin, [1.0] * 30 + [31.5] * 10 + [2.25] * 20)
    site.clock.advance(seconds=30 * 60)
    item = await site.world.raise_alarm("a1", point="gas_lel", value=31.5, unit="%{LEL}", limit=25.0)
    site.clock.advance(seconds=30 * 60)
    return item


async def test_a_device_page_shows_picture_figures_alarms_and_says_what_it_does_not_know(site):
    item = await leak(site)
    operator = await site.operator()
    page = (await operator.get("/desk/trends", params={"gateway": "gw-one", "device": "gas-1"})).text
    assert "厨房探测器" in page
    assert "3号楼 2层 201" in page
    assert "最低 1，最高 31.5，最近 2.25" in page
    assert f'href="/desk/items/{item.id}"' in page
    assert "<li>25 · 危及生命" in page
    assert 'class="spark-limit"' in page
    assert "/api/v1/exports/readings?gateway=gw-one" in page
    assert page.count("<tr><td>11-24 20:00</td>") == 1, "the table speaks the street's time"
    quiet = await operator.get(
        "/desk/trends",
        params={
            "gateway": "gw-one",
            "device": "gas-1",
            "end": (site.clock.now() - timedelta(days=3)).isoformat(),
        },
    )
    assert "这段时间没有读数。" in quiet.text
    assert "没有报警。" in quiet.text


async def test_limits_that_nothing_crossed_are_drawn_at_device_place_and_item(site):
    item = await leak(site)
    operator = await site.operator()
    await configure(site.world, rule(), rule("rate", measure=Measure.RATE))
    page = (await operator.get("/desk/trends", params={"gateway": "gw-one", "device": "gas-1"})).text
    assert "<li>高于 25 · 第 1 级 · 有危险" in page
    assert "<li>高于 50 · 第 2 级 · 危及生命" in page
    for path in ("/desk/trends/places/building:b1", f"/desk/items/{item.id}"):
        assert (await operator.get(path)).text.count("spark-limit") == 2, path
    await configure(site.world, rule(limits=()), name="without")
    page = (await operator.get("/desk/trends", params={"gateway": "gw-one", "device": "gas-1"})).text
    assert "这个测点没有设报警限值。" in page, "what an alarm once named is no limit any more"


async def test_a_device_without_readings_and_one_that_nobody_knows(site):
    operator = await site.operator()
    page = await operator.get("/desk/trends", params={"gateway": "gw-one", "device": "gas-2"})
    assert "这个设备还没有读数。" in page.text
    assert (
        await operator.get("/desk/trends", params={"gateway": "gw-one", "device": "x"})
    ).status_code == 404
    stranger = await site.visitor()
    assert (await stranger.get("/desk/trends", params={"gateway": "a", "device": "b"})).status_code == 303
    assert (await stranger.get("/desk/trends/places/street")).status_code == 303


async def test_names_from_a_gateway_cannot_write_into_the_page(site):
    evil = "<script>alert(1)</script>"
    await record(site.readings, f"gas-9/{evil.replace('/', '')}", evil, site.clock.now(), [1.0])
    site.clock.advance(seconds=60)
    operator = await site.operator()
    page = (await operator.get("/desk/trends", params={"gateway": "gw-one", "device": "gas-9"})).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


async def test_a_river_page_says_the_class_of_the_last_value_and_that_it_is_no_verdict(site):
    now = site.clock.now()
    await record(site.readings, "river-1/ammonia_nitrogen_mg_l", "mg/L", now, [0.4, 1.2])
    site.clock.advance(seconds=600)
    operator = await site.operator()
    page = (await operator.get("/desk/trends", params={"gateway": "gw-one", "device": "river-1"})).text
    assert "按最近一个读数相当于IV类" in page
    assert "不能据此判定水质类别" in page


async def test_a_place_lists_its_devices_and_what_its_meters_counted(site):
    site.clock.time = datetime(2026, 3, 2, 4, tzinfo=UTC)
    begin = datetime(2026, 3, 1, 16, tzinfo=UTC)
    counts = [100.0 + n / 2 for n in range(12)]
    await record(site.readings, "meter-1/energy_kwh", "kW.h", begin, counts, every=timedelta(hours=1))
    await record(site.readings, "gas-1/gas_lel", "%{LEL}", begin, [1.0] * 5, every=timedelta(hours=1))
    operator = await site.operator()
    page = (await operator.get("/desk/trends/places/building:b1")).text
    assert page.count("spark-line") == 2
    assert "用电量 2026-03" in page
    assert "2026-03-02</td><td>5.5</td>" in page
    street = (await operator.get("/desk/trends/places/street")).text
    assert 'href="/desk/trends/places/community:c1"' in street
    assert "spark-line" not in street
    community = (await operator.get("/desk/trends/places/community:c1")).text
    assert 'href="/desk/trends/places/grid:g0"' in community
    assert "3号楼" in community
    for path, status in (
        ("building:none", 404),
        ("x", 404),
        ("building:b1?month=x", 422),
        ("building:b1?period=x", 422),
    ):
        assert (await operator.get(f"/desk/trends/places/{path}")).status_code == status


async def test_an_item_shows_its_curve_to_the_desk_and_to_its_leader(site):
    item = await leak(site)
    operator = await site.operator()
    page = (await operator.get(f"/desk/items/{item.id}")).text
    assert "趋势：可燃气体浓度" in page
    assert "/desk/trends?gateway=gw-one&amp;device=gas-1&amp;point=gas_lel" in page
    leader = await site.visitor()
    card = (await leader.get(await site.link(item.id, "leader"))).text
    assert 'class="spark"' in card
    assert "最高 31.5" in card
    assert "gas_lel" not in card, "no codes on a leader's page"


async def test_an_item_about_the_device_itself_has_no_curve(site):
    await record(site.readings, "gas-1/gas_lel", "%{LEL}", site.clock.now(), [1.0])
    item = await site.world.raise_alarm("a1", rule="contact", point=None)
    leader = await site.visitor()
    assert 'class="spark"' not in (await leader.get(await site.link(item.id, "leader"))).text


async def test_readings_that_cannot_be_read_never_keep_a_leader_from_the_item(site, monkeypatch):
    item = await leak(site)

    async def broken(*args, **options):
        raise OperationalError("SELECT", {}, OSError("disk"))

    monkeypatch.setattr(glance, "find_series", broken)
    leader = await site.visitor()
    answer = await leader.get(await site.link(item.id, "leader"))
    assert answer.status_code == 200
    assert "燃气泄漏" in answer.text


def test_places_are_written_and_read():
    assert parse_place("street") == Place(PlaceKind.STREET)
    assert parse_place("grid:110:1") == Place(PlaceKind.GRID, "110:1")
    assert str(Place(PlaceKind.BUILDING, "b1")) == "building:b1"
    assert [parse_place(text) for text in ("", "street:1", "grid", "grid:", "moon:1")] == [None] * 5


def test_what_says_most_is_shown_first_and_every_name_is_of_a_point_that_exists():
    assert main_point(["fault", "temperature_c", "gas_lel"]) == "gas_lel"
    assert main_point(["unheard_of"]) == "unheard_of"
    assert main_point([]) is None
    profiles = Path(__file__).parents[3] / "edge" / "drivers" / "profiles"
    text = "".join(path.read_text("utf-8") for path in profiles.glob("*.yaml"))
    assert [name for name in NAMES if f"name: {name}" not in text] == []
