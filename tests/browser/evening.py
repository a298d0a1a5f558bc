"""One evening of a small street, with something on every page: what the table of pages is looked at with."""

import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any, Final

import httpx2
import pyotp

from server.access.dutylinks import DutyLinks
from server.access.model import AccessRole
from server.audit import chain
from server.items.model import Move
from server.people.model import Scope
from server.people.rostertables import RosterMessage
from server.people.tables import Person
from server.places.tables import Building, Grid, PlacesVersion
from tests.browser.gatewaytold import tell_of_gateway
from tests.browser.pages import Reader, ShownPage
from tests.server.access.street_of_two import account
from tests.server.history.recording import record
from tests.server.web.running_site import OPERATOR, PASSWORD, Site
from tests.server.world import GATEWAY
from wire.vocabulary import AlarmClass, Kind, Mode

_NUMBERS: Final = count(1)
NAMES: Final = {
    "leader": "王秀兰",
    "deputy": "李建国",
    "officer": "陈志强",
    "room": "东苑值班室",
    "secretary": "赵敏",
    "desk": "指挥中心",
}
STREET_NAMES: Final = (
    *NAMES.values(),
    *("值班员", "周晓梅", "林海", "大屏", "东社区", "东苑", "综合网格", "1号微网格", "9号微网格", "3号楼"),
    *("一号网关", "厨房探测器"),
)
"""What the street calls itself and its people: it stays as it is in every language."""
_HOME: Final = "POLYGON((120 30,120.008 30.001,120.01 30.008,120.004 30.011,119.999 30.006,120 30))"
_BESIDE: Final = (
    "POLYGON((120.008 30.001,120.018 29.999,120.021 30.008,120.012 30.012,120.01 30.008,120.008 30.001))"
)
_PEOPLE: Final = "code,name,phone,webhook_url\nleader,王秀英,,https://phone.example/leader\n"
LINES: Final = {
    "zh": ["不要进屋，不要碰任何开关", "叫邻居离开，不要乘电梯", "到屋外打 12345 求助"],
    "en": ["Stay outside, touch no switch", "Warn the neighbours, take no lift", "Call 12345 from outside"],
    "after": 0,
    "reason": "写上街道的电话",
}


@dataclass
class Evening:
    """A site with something on every page.

    Attributes:
        site: it runs.
        desk: signed in at the desk.
        names: what stands in the addresses of the table.
    """

    site: Site
    desk: httpx2.AsyncClient
    names: dict[str, str]

    def address(self, page: ShownPage) -> str:
        """Return what to open for a page."""
        return self.site.url + page.address.format(**self.names)

    async def cookies(self, reader: Reader) -> dict[str, str]:
        """Return what makes a browser that reader's."""
        if reader is Reader.DESK:
            return dict(self.desk.cookies)
        if reader is Reader.NOBODY:
            return {}
        if reader is Reader.INSTALLER:
            own = await account(
                self.site, f"陈师傅{next(_NUMBERS)}", (AccessRole.MAINTAINER, Scope.COMMUNITY, "c1")
            )
            return dict(own.cookies)
        if reader is Reader.HALFWAY:
            return await self._halfway()
        phone = await self.site.visitor()
        found = await phone.get(self.names["danger"])
        press = re.search(r'name="press" value="([^"]+)"', found.text)
        assert press is not None, found.text[:3000]
        await phone.post(f"{self.names['danger']}/moves", data={"move": "accept", "press": press[1]})
        assert phone.cookies, "the first press binds the link to this phone"
        return dict(phone.cookies)

    async def _halfway(self) -> dict[str, str]:
        """Somebody with a second factor gives the password."""
        own = await self.site.colleague("林海")
        secret = (await own.post("/api/v1/me/second-factor")).json()["secret"]
        code = {"code": pyotp.TOTP(secret).at(self.site.clock.now())}
        await own.post("/api/v1/me/second-factor/confirmation", json=code)
        visitor = await self.site.visitor()
        answer = await visitor.post("/login", data={"name": "林海", "password": PASSWORD})
        assert answer.headers["location"] == "/login/code", answer.text[:300]
        return dict(visitor.cookies)


async def play_evening(site: Site) -> Evening:
    """Let an evening pass; nothing of it by a browser."""
    desk = await site.operator()
    await name_people(site)
    await _draw_grids(site)
    await _settle_settings(site, desk)
    names = await _raise_alarms(site, desk)
    await _give_work(site, desk, names)
    await site.world.settle()
    async with site.world.database.write() as session:
        await chain.seal(session, now=site.clock.now())
    return Evening(site, desk, names)


async def name_people(site: Site) -> None:
    """Give the people of the small street names."""
    async with site.world.database.write() as session:
        for code, name in NAMES.items():
            person = await session.get(Person, code)
            assert person is not None, code
            person.name = name
            person.phone = "12345" if code == "desk" else None


async def _draw_grids(site: Site) -> None:
    async with site.world.database.write() as session:
        grid, building = await session.get(Grid, "g1"), await session.get(Building, "b1")
        assert grid is not None
        assert building is not None
        grid.polygon = _HOME
        building.longitude, building.latitude = 120.005, 30.005
        session.add(Grid(code="g9", community="c1", kind=grid.kind, name="9号微网格", polygon=_BESIDE))
        await session.flush()
        session.add(PlacesVersion(at=site.clock.now()))


async def _settle_settings(site: Site, desk: httpx2.AsyncClient) -> None:
    """Something was done on every page of the settings, a guesser was turned away."""
    await desk.post("/desk/accounts", data={"name": "周晓梅", "role": "desk@street"})
    await desk.post("/desk/keys", data={"account": OPERATOR, "title": "大屏"})
    await desk.post(
        "/desk/contacts/deputy", data={"channel": "webhook", "address": "https://phone.example/x"}
    )
    await desk.post("/desk/contacts/deputy/1/code")
    await desk.post("/desk/contacts/deputy/test", data={"channel": "webhook"})
    await desk.post("/desk/playbooks/gas/life_safety", data=LINES)
    guesser = await site.visitor()
    for _ in range(8):
        await guesser.post("/login", data={"name": "周晓梅", "password": "wrong-guess"})
        site.clock.advance(seconds=1)


async def _raise_alarms(site: Site, desk: httpx2.AsyncClient) -> dict[str, str]:
    """A leak that was, a visit's matter, a stranger's alarm, noise on the line, and a leak now."""
    world, begin = site.world, site.clock.now()
    await tell_of_gateway(world)
    values = [1.0 + n % 7 / 10 for n in range(120)] + [30.0 + n / 4 for n in range(40)] + [3.0] * 20
    await record(site.readings, "gas-1/gas_lel", "%{LEL}", begin, values)
    site.clock.advance(seconds=120 * 60)
    said: dict[str, Any] = {"point": "gas_lel", "value": 31.5, "unit": "%{LEL}", "limit": 25.0}
    await world.raise_alarm("a1", "meter-1", kind=Kind.ELECTRIC)
    site.clock.advance(seconds=95)
    await world.press("leader", Move.ACCEPT)
    site.clock.advance(seconds=40 * 60)
    raised = begin + timedelta(minutes=120)
    await world.clear_alarm("a1", "meter-1", kind=Kind.ELECTRIC, raised_at=raised)
    await world.press("leader", Move.FINISH)
    visit = await world.raise_alarm(
        "m1", "gas-2", class_=AlarmClass.ADVICE, point="battery_percent", value=9.0
    )
    stranger = world.state("x1", "gas-new", kind=Kind.GAS, class_=AlarmClass.HAZARD)
    await world.take(world.alarm_message(stranger), world.bytes(b'<script>alert("1")</script>'))
    site.clock.advance(seconds=20 * 60)
    await tell_of_gateway(world)
    danger = await world.raise_alarm("a2", rule="gas-high", **said)
    names = {
        "danger": await site.link(danger.id, "leader"),
        "visit": await site.link(visit.id, "leader"),
        "item": danger.id,
        "gateway": GATEWAY,
        "device": "gas-1",
        "stranger": "gas-new",
        "tried": "gas-2",
        "month": f"{site.clock.now():%Y-%m}",
    }
    site.clock.advance(seconds=30)
    return names


async def _ask_for_a_swap(site: Site, desk: httpx2.AsyncClient) -> str:
    """The deputy asks the leader to take a night over; returns the link in the leader's message."""
    wanted = {
        "duty": "deputy|deputy|grid|g1",
        "begins": "2026-11-26T20:00",
        "ends": "2026-11-27T08:00",
        "taken_by": "leader",
        "how": "ask",
    }
    answer = await desk.post("/desk/roster/grid:g1/swaps", data=wanted)
    assert answer.status_code == 303, answer.text[:500]
    (message,) = await site.world.rows(RosterMessage)
    return f"/my/duty/links/{DutyLinks(site.settings.signing_key()).make(message.id)}"


async def _give_work(site: Site, desk: httpx2.AsyncClient, names: dict[str, str]) -> None:
    """An order waits for a second person, a resident has complained, a table waits to be taken."""
    wanted = {"order": "shelve", "pair": "gas-1\tgas-high", "hours": "1", "reason": "换探测器"}
    await desk.post(f"/desk/gateways/{GATEWAY}/orders", data=wanted)
    await desk.post(f"/desk/gateways/{GATEWAY}/orders", data={"order": "resync", "reason": "核对一次"})
    resident = await site.visitor()
    await resident.post(
        "/feedback", data={"press": "press-0001", "text": "楼道里的报警器半夜响，没有人来看。"}
    )
    names["asked"] = await _ask_for_a_swap(site, desk)
    await _try_device(site, desk, names["tried"])
    answer = await desk.post("/desk/import", files=[("files", ("people.csv", _PEOPLE.encode()))])
    assert answer.status_code == 303, answer.text[:500]
    names["preview"] = answer.headers["location"]


async def _try_device(site: Site, desk: httpx2.AsyncClient, device: str) -> None:
    """An installer stands beside a device: it reads, and its test came back."""
    at = site.clock.now() - timedelta(seconds=4)
    for point, unit, values in (("gas_lel", "%{LEL}", [1.5, 2.1]), ("temperature_c", "Cel", [18.5, 18.6])):
        await record(site.readings, f"{device}/{point}", unit, at, values, every=timedelta(seconds=2))
    await desk.post(f"/desk/devices/{GATEWAY}/{device}/check")
    said = {
        "mode": Mode.TEST,
        "sentence": "可燃气体超过 25 %LEL",
        "sentence_en": "combustible gas above 25 %LEL",
    }
    await site.world.take(site.world.alarm_message(site.world.state("t1", device, **said)))
