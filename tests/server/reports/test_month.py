"""A seeded month of a community as its meeting reads it: places and hazards, no person."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server.devices.tables import Device
from server.items.model import ActorKind, Grouping, ItemState, Move, Outcome
from server.items.tables import Item, ItemMove
from server.people.tables import Person
from server.places.within import STREET, Place, PlaceKind
from server.reports.model import quantile
from server.reports.service import report_of
from tests.server.web.running_site import open_site
from wire.vocabulary import AlarmClass, Kind, Mode

ZONE = ZoneInfo("Asia/Shanghai")
MARCH = date(2026, 3, 1)
COMMUNITY = Place(PlaceKind.COMMUNITY, "c1")


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


def march(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=ZONE)


class Month:
    """Items as rows, with how long until somebody took them and until they were closed."""

    def __init__(self) -> None:
        self.rows = []

    def add(self, at: datetime, device: str = "gas-1", *, taken=None, closed=None, **values) -> Item:
        item = Item(
            id=f"item-{len(self.rows)}",
            gateway="gw-one",
            device=device,
            device_name=f"{device}号",
            kind=values.pop("kind", Kind.GAS),
            class_=values.pop("class_", AlarmClass.LIFE_SAFETY),
            mode=values.pop("mode", Mode.LIVE),
            state=ItemState.NEW if closed is None else ItemState.CLOSED,
            outcome=values.pop("outcome", None if closed is None else Outcome.HANDLED),
            owner="leader",
            community=values.pop("community", "c1"),
            grid="g1",
            building=values.pop("building", "b1"),
            where="东苑 3号楼",
            opened_at=at,
            closed_at=None if closed is None else at + closed,
            **values,
        )
        self.rows.append(item)
        if taken is not None:
            self.move(item, at + taken)
        return item

    def move(self, item: Item, at: datetime, *, undone: bool = False) -> None:
        self.rows.append(
            ItemMove(
                item=item.id,
                at=at,
                actor_kind=ActorKind.PERSON,
                actor="leader",
                move=Move.ACCEPT,
                to_state=ItemState.ACCEPTED,
                undone=undone,
            )
        )

    async def keep(self, site) -> None:
        async with site.world.database.write() as session:
            for kind in (Item, ItemMove):
                session.add_all(row for row in self.rows if isinstance(row, kind))
                await session.flush()


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


async def seeded(site) -> None:
    month = Month()
    for day in range(1, 11):  # ten leaks of one kitchen: taken after 1 … 10 minutes, closed after 10 … 100
        month.add(march(day), taken=minutes(day), closed=minutes(10 * day))
    month.add(march(31, 23), "gas-2", taken=minutes(3), closed=minutes(30), outcome=Outcome.FALSE_ALARM)
    undone = month.add(march(20), "gas-2")
    month.move(undone, march(20) + minutes(1), undone=True)
    visit = month.add(
        march(15), "", kind=Kind.FIRE, class_=AlarmClass.ADVICE, grouping=Grouping.VISIT, taken=minutes(60),
        closed=minutes(600),
    )  # fmt: skip
    for device in ("smoke-1", "smoke-2"):
        month.add(
            march(15), device, kind=Kind.FIRE, class_=AlarmClass.ADVICE, parent=visit.id, closed=minutes(600)
        )
    for day in (3, 9):
        month.add(march(day), "meter-1", kind=Kind.CONTACT, class_=AlarmClass.FAULT, closed=minutes(90))
    # What is not this month's, not this community's, or not real:
    month.add(datetime(2026, 2, 28, 23, 59, tzinfo=ZONE), closed=minutes(5))
    month.add(datetime(2026, 4, 1, 0, 0, tzinfo=ZONE))
    month.add(march(5), community="c2", building=None)
    month.add(march(5), mode=Mode.DRILL)
    await month.keep(site)
    async with site.world.database.write() as session:
        device = await session.get(Device, ("gw-one", "gas-1"))
        device.installed_on, device.ends_on, device.model = date(2023, 5, 1), date(2026, 5, 1), "GD-1"
        session.add(Device(gateway="gw-one", device="new", building="b1", ends_on=date(2030, 1, 1)))
        session.add(Device(gateway="gw-one", device="late", building="b1", test_due_on=date(2026, 2, 1)))
        gone = datetime(2026, 1, 1, tzinfo=UTC)
        session.add(
            Device(gateway="gw-one", device="gone", building="b1", ends_on=date(2025, 1, 1), retired_at=gone)
        )
        session.add(Device(gateway="gw-one", device="old", building="b1", installed_on=date(2019, 1, 1)))


async def march_of(site, place=COMMUNITY):
    async with site.world.database.read() as session:
        return await report_of(session, place, MARCH)


async def test_what_was_raised_counts_occurrences_with_the_month_before_beside_it(site):
    await seeded(site)
    report = await march_of(site)
    assert [(one.class_, one.kind, one.count, one.before) for one in report.raised] == [
        (AlarmClass.LIFE_SAFETY, Kind.GAS, 12, 1),
        (AlarmClass.FAULT, Kind.CONTACT, 2, 0),
        (AlarmClass.ADVICE, Kind.FIRE, 2, 0),
    ]
    assert report.raised[0].outcomes == {Outcome.HANDLED: 10, Outcome.FALSE_ALARM: 1}
    assert (report.count, report.before) == (16, 1)


async def test_how_fast_is_told_by_median_and_nine_tenths_and_an_undone_press_is_none(site):
    await seeded(site)
    gas, fault, advice = (await march_of(site)).paces
    assert (gas.count, gas.accepted, gas.closed) == (12, 11, 11)
    assert (gas.accept_median, gas.accept_p90) == (minutes(5), minutes(9))
    assert (gas.close_median, gas.close_p90) == (minutes(50), minutes(90))
    assert (fault.count, fault.accepted, fault.accept_median) == (2, 0, None)
    assert (advice.count, advice.accept_median) == (1, minutes(60)), "a visit is one piece of work"


async def test_what_comes_back_what_ages_and_what_is_open(site):
    await seeded(site)
    report = await march_of(site)
    assert [(one.device_name, one.count, one.before) for one in report.returning] == [
        ("gas-1号", 10, 1),
        ("gas-2号", 2, 0),
        ("meter-1号", 2, 0),
    ]
    ageing = {(one.device_name, one.faults) for one in report.ageing}
    assert ageing == {("厨房探测器", 0), ("厨房探测器", 2), ("late", 0), ("old", 0)}, "a retired one is gone"
    assert report.ageing[0].faults == 2, "the one that fails comes first"
    assert [one.opened_at for one in report.open] == [march(20)], "what began in April is April's"


async def test_places_differ(site):
    await seeded(site)
    assert (await march_of(site, STREET)).count == 17
    assert (await march_of(site, Place(PlaceKind.GRID, "g0"))).count == 17, (
        "the drill apart, all of its grids"
    )
    assert (await march_of(site, Place(PlaceKind.BUILDING, "b1"))).count == 16
    empty = await march_of(site, Place(PlaceKind.BUILDING, "none"))
    assert (empty.count, empty.paces, empty.ageing, empty.open) == (0, [], [], [])


async def test_the_page_is_printable_and_names_no_person(site):
    await seeded(site)
    async with site.world.database.write() as session:
        person = await session.get(Person, "leader")
        person.name = "王秀兰"
    operator = await site.operator()
    page = await operator.get("/desk/reports/community:c1", params={"month": "2026-03"})
    assert page.status_code == 200
    for text in (
        "东社区 · 轮值会月报 2026-03",
        "本月 16 起，上月 1 起。",
        "0:05:00",
        "1:30:00",
        "GD-1",
        "2026-05-01",
    ):
        assert text in page.text
    assert "王秀兰" not in page.text
    assert ">leader<" not in page.text
    style = page.text.split('href="/static/assets/report')[1].split('"')[0]
    sheet = (await operator.get(f"/static/assets/report{style}")).text
    assert "A4" in sheet
    assert "@media print" in sheet


async def test_the_interface_says_the_same(site):
    await seeded(site)
    operator = await site.operator()
    found = (await operator.get("/api/v1/reports/community:c1", params={"month": "2026-03"})).json()
    assert (found["count"], found["paces"][0]["class"], found["paces"][0]["accept_median"]) == (
        16,
        "life_safety",
        "PT5M",
    )
    assert found["open"][0]["where"] == "东苑 3号楼"
    for path, status in (("community:none", 404), ("moon", 404), ("community:c1?month=March", 422)):
        assert (await operator.get(f"/api/v1/reports/{path}")).status_code == status
    assert "全街道" in (await operator.get("/desk/reports", follow_redirects=True)).text


def test_a_quantile_is_a_value_that_occurred():
    values = [minutes(n) for n in (9, 1, 5)]
    assert quantile(values, 0.5) == minutes(5)
    assert quantile(values, 0.9) == minutes(9)
    assert quantile(values[:1], 0.5) == minutes(9)
    assert quantile([], 0.5) is None
