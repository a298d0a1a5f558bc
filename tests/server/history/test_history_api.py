"""Curves and files over the interface: limits and alarms drawn in, a part that cannot be had, a spreadsheet's needs."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from server.clock import STREET_ZONE
from server.history.curves import older_of, read_curve, table_of
from server.history.influx import Influx, InfluxAddress
from server.history.limits import limits_of_alarms
from server.history.model import Period, stretch_before
from server.history.sparkline import sparkline
from server.history.trends import find_series
from tests.server.history.recording import record
from tests.server.web.running_site import open_site
from wire.vocabulary import AlarmClass, Measure, Mode


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def leak(site):
    """A kitchen's morning: quiet, a leak that is shut off, quiet again."""
    begin = site.clock.now()
    await record(
        site.readings, "gas-1/gas_lel", "%{LEL}", begin, [1.0] * 30 + [30.0] * 10 + [None] + [2.0] * 19
    )
    site.clock.advance(seconds=30 * 60)
    await site.world.raise_alarm("a1", point="gas_lel", value=30.0, unit="%{LEL}", limit=25.0)
    site.clock.advance(seconds=10 * 60)
    said = {"point": "gas_lel", "unit": "%{LEL}", "limit": 25.0, "raised_at": begin + timedelta(minutes=30)}
    await site.world.clear_alarm("a1", value=2.0, **said)
    site.clock.advance(seconds=20 * 60)
    return begin


async def test_a_trend_comes_with_limits_and_alarms(site):
    begin = await leak(site)
    operator = await site.operator()
    asked = {"gateway": "gw-one", "device": "gas-1", "point": "gas_lel", "period": "hour"}
    answer = await operator.get("/api/v1/trends", params=asked)
    found = answer.json()
    assert answer.status_code == 200, found
    assert found["series"] == {"gateway": "gw-one", "device": "gas-1", "point": "gas_lel", "unit": "%{LEL}"}
    assert (found["span_s"], len(found["at"])) == (60, 60)
    assert datetime.fromisoformat(found["at"][0]) == begin
    assert (found["high"][29], found["high"][30], found["mean"][40]) == (1.0, 30.0, None)
    assert found["quality"][40] == "comm_fault"
    assert found["limits"] == [
        {"value": 25.0, "rule": "gas-high", "class": "life_safety", "stage": 0, "side": None}
    ]
    assert not found["limits_from_rules"]
    (alarm,) = found["alarms"]
    assert datetime.fromisoformat(alarm["since"]) == begin + timedelta(minutes=30)
    assert datetime.fromisoformat(alarm["until"]) == begin + timedelta(minutes=40)
    assert alarm["class"] == "life_safety"
    assert found["notes"] == []


async def test_an_alarm_that_stands_and_one_about_the_device_are_drawn_and_others_are_not(site):
    await record(site.readings, "gas-1/gas_lel", "%{LEL}", site.clock.now(), [1.0])
    site.clock.advance(seconds=60)
    await site.world.raise_alarm("stands", point="gas_lel", limit=25.0)
    await site.world.raise_alarm("device", rule="silent", point=None)
    await site.world.raise_alarm("elsewhere", device="gas-2", point="gas_lel")
    await site.world.raise_alarm("other", rule="hot", point="temperature_c", limit=60.0)
    site.clock.advance(seconds=60)
    operator = await site.operator()
    asked = {"gateway": "gw-one", "device": "gas-1", "point": "gas_lel"}
    found = (await operator.get("/api/v1/trends", params=asked)).json()
    assert [(alarm["alarm"], alarm["until"]) for alarm in found["alarms"]] == [
        ("device", None),
        ("stands", None),
    ]
    assert [limit["value"] for limit in found["limits"]] == [25.0], "60 is a limit of something else"
    past = {**asked, "end": (site.clock.now() - timedelta(hours=1)).isoformat()}
    assert (await operator.get("/api/v1/trends", params=past)).json()["alarms"] == []


async def test_the_newest_limit_counts_and_a_limit_of_a_rate_is_not_one_of_the_value(site):
    await record(site.readings, "gas-1/gas_lel", "%{LEL}", site.clock.now(), [1.0])
    await site.world.raise_alarm("old", point="gas_lel", limit=20.0)
    site.clock.advance(seconds=5)
    await site.world.raise_alarm("new", point="gas_lel", limit=25.0)
    await site.world.raise_alarm("low", rule="gas-low", point="gas_lel", limit=10.0, class_=AlarmClass.HAZARD)
    await site.world.raise_alarm("fast", rule="rise", point="gas_lel", limit=3.0, measure=Measure.RATE)
    (series,) = await find_series(site.readings, gateway="gw-one", device="gas-1")
    async with site.world.database.read() as session:
        assert [line.value for line in await limits_of_alarms(session, series)] == [10.0, 25.0]


async def test_a_river_has_its_classes_and_the_warning_that_goes_with_them(site):
    now = site.clock.now()
    await record(site.readings, "river-1/ammonia_nitrogen_mg_l", "mg/L", now, [0.4, 1.2])
    site.clock.advance(seconds=600)
    operator = await site.operator()
    asked = {"gateway": "gw-one", "device": "river-1", "point": "ammonia_nitrogen_mg_l"}
    found = (await operator.get("/api/v1/trends", params=asked)).json()
    assert [(one["value"], one["name"]) for one in found["classes"]] == [
        (0.15, "I类"),
        (0.5, "II类"),
        (1.0, "III类"),
        (1.5, "IV类"),
        (2.0, "V类"),
    ]
    assert any("单个读数只是提示" in note for note in found["notes"])


async def test_where_influx_does_not_answer_the_rest_is_shown_and_said(site):
    now = site.clock.now()
    await record(site.readings, "river-1/ph", "[pH]", now - timedelta(days=1), [7.0])
    deaf = Influx(InfluxAddress(url="http://127.0.0.1:9", org="o", bucket="b", token="t"))
    (series,) = await find_series(site.readings, gateway="gw-one", device="river-1")
    older = older_of(site.settings, deaf, now=now)
    async with site.world.database.read() as session:
        for days, missing in ((3 * 365, False), (4 * 365, True)):
            stretch = stretch_before(now, Period.DAY)
            stretch = type(stretch)(now - timedelta(days=days), now)
            curve = await read_curve(session, site.readings, series, stretch, older=older)
            assert (curve.older_missing, len(curve.trend.buckets)) == (missing, 1)
    deaf.close()


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"device": "nobody"}, 404),
        ({"point": "nothing"}, 404),
        ({"start": "2026-03-02T00:00:00"}, 422),
        ({"start": "2026-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"}, 422),
        ({"start": "2016-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"}, 422),
        ({"start": "2026-03-02T00:00:00Z", "period": "day"}, 422),
        ({"period": "century"}, 422),
    ],
)
async def test_what_cannot_be_answered_is_said(site, asked, status):
    await record(site.readings, "gas-1/gas_lel", "%{LEL}", site.clock.now(), [1.0])
    operator = await site.operator()
    usual = {"gateway": "gw-one", "device": "gas-1", "point": "gas_lel"}
    answer = await operator.get("/api/v1/trends", params={**usual, **asked})
    assert answer.status_code == status
    assert answer.json()["detail"]


async def test_strangers_get_nothing(site):
    stranger = await site.visitor()
    for path in ("trends", "series", "electricity", "exports/readings", "exports/alarms"):
        asked = {
            "gateway": "gw-one",
            "device": "gas-1",
            "point": "gas_lel",
            "place": "street",
            "start": "2026-03-01T00:00:00Z",
            "end": "2026-03-02T00:00:00Z",
        }
        assert (await stranger.get(f"/api/v1/{path}", params=asked)).status_code == 401


async def test_electricity_of_a_place_and_no_place(site):
    begin = datetime(2026, 2, 28, 15, tzinfo=UTC)
    await record(site.readings, "meter-1/energy_kwh", "kW.h", begin, [10, 11, 13], every=timedelta(hours=1))
    operator = await site.operator()
    answer = await operator.get("/api/v1/electricity", params={"place": "building:b1", "month": "2026-03"})
    assert answer.json() == [
        {
            "building": "b1",
            "name": "3号楼",
            "meters": 1,
            "kwh": 3.0,
            "days": [{"day": "2026-03-01", "kwh": 3.0, "uncertain": False}],
        }
    ]
    for place, month, status in (("building:b9", "", 404), ("moon", "", 404), ("street", "2026-3", 422)):
        answer = await operator.get("/api/v1/electricity", params={"place": place, "month": month})
        assert answer.status_code == status


async def file_of(site, path, **asked):
    operator = await site.operator()
    span = {"start": "2026-11-24T00:00:00Z", "end": "2026-11-26T00:00:00Z"}
    answer = await operator.get(f"/api/v1/exports/{path}", params={"gateway": "gw-one", **span, **asked})
    assert answer.status_code == 200, answer.text
    return answer


async def test_a_spreadsheet_opens_the_file_and_runs_no_formula_of_it(site):
    now = site.clock.now()
    await record(site.readings, "=cmd|calc/gas_lel", "%{LEL}", now, [1.5, -2.25, None])
    answer = await file_of(site, "readings")
    assert answer.content.startswith("\ufeff".encode()), "Excel reads it as UTF-8"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="readings_20261124_20261126.csv"' in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert [row["device"] for row in rows] == ["'=cmd|calc"] * 3
    assert [row["value"] for row in rows] == ["1.5", "-2.25", ""]
    assert [row["quality"] for row in rows] == ["good", "good", "comm_fault"]
    assert rows[0]["at"] == "2026-11-24T12:00:00.000Z"
    assert rows[0]["local_time"] == now.astimezone(STREET_ZONE).strftime("%Y-%m-%d %H:%M:%S.000")


async def test_a_long_file_comes_in_order_and_whole(site):
    begin = datetime(2026, 11, 24, 20, tzinfo=UTC)
    values = [n % 97 / 4 for n in range(12_000)]
    await record(site.readings, "gas-1/gas_lel", "%{LEL}", begin, values, every=timedelta(seconds=1))
    await record(site.readings, "gas-1/temperature_c", "Cel", begin, values, every=timedelta(seconds=1))
    rows = [json.loads(line) for line in (await file_of(site, "readings", form="jsonl")).text.splitlines()]
    assert len(rows) == 24_000
    assert [(row["point"], row["value"]) for row in rows[::2]] == [("gas_lel", value) for value in values]
    assert {row["at"] for row in rows[::2]} == {row["at"] for row in rows[1::2]}
    only = await file_of(site, "readings", form="jsonl", device="gas-1", point="gas_lel")
    assert len(only.text.splitlines()) == 12_000


async def test_alarms_that_were_stand_in_a_file_of_their_own_drills_left_out(site):
    begin = await leak(site)
    await site.world.raise_alarm("drill", device="gas-2", mode=Mode.DRILL)
    rows = [json.loads(line) for line in (await file_of(site, "alarms")).text.splitlines()]
    assert [(row["alarm"], row["rule"], row["device"]) for row in rows] == [("a1", "gas-high", "gas-1")]
    assert datetime.fromisoformat(rows[0]["raised_at"]) == begin + timedelta(minutes=30)
    assert datetime.fromisoformat(rows[0]["cleared_at"]) == begin + timedelta(minutes=40)
    assert (await file_of(site, "alarms", device="gas-2")).text == ""


async def test_a_table_tells_the_curve_in_figures_with_days_from_midnight(site):
    begin = datetime(2026, 11, 20, 12, tzinfo=UTC)
    await record(site.readings, "gas-1/gas_lel", "%{LEL}", begin, range(72), every=timedelta(hours=1))
    (series,) = await find_series(site.readings, gateway="gw-one", device="gas-1")
    async with site.world.database.read() as session:
        stretch = stretch_before(site.clock.now(), Period.MONTH)
        curve = await read_curve(session, site.readings, series, stretch)
    days = table_of(curve.trend, timedelta(days=1), STREET_ZONE)
    assert days.low.tolist() == [0, 4, 28, 52], "20:00 to midnight, then whole days"
    assert days.high.tolist() == [3, 27, 51, 71]
    assert all((start + 8 * 3_600_000) % 86_400_000 == 0 for start in days.start_ms.tolist())


async def test_a_picture_shows_the_spike_the_break_and_the_limit(site):
    await leak(site)
    (series,) = await find_series(site.readings, gateway="gw-one", device="gas-1")
    async with site.world.database.read() as session:
        curve = await read_curve(
            session, site.readings, series, stretch_before(site.clock.now(), Period.HOUR)
        )
    picture = sparkline(curve.trend.buckets, curve.stretch, [line.value for line in curve.limits])
    assert picture.count("spark-limit") == 1
    assert "style=" not in picture, "the page's policy forbids it"
    assert picture.count("M") == 3, "one for the limit, two for the line: the device was silent in between"
    assert sparkline(curve.trend.buckets.between(0, 1), curve.stretch) is None
