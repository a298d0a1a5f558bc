"""The page of one gateway: how it stands, its buses, the rules in force, what its configurations became.

Everything on it is what the gateway reported; the page says when, and what was never told.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.clock import STREET_ZONE
from server.context import Context
from server.db.session import ReadSession
from server.devices import inforce
from server.devices.devicefacts import is_online
from server.devices.gatewaydevices import devices_of_gateway
from server.devices.gatewaywords import SIDES, STANDINGS
from server.devices.reported import read_status
from server.devices.tables import Gateway
from server.devices.traffic import last_traffic
from server.errors import NotFoundError
from server.history.newest import BACK, newest_of_devices
from server.web import words
from server.web.settingspage import render_settings
from wire.configuration import ConfigurationReport

_SHOWN_REPORTS: Final = 3
"""Of raw traffic; the interface gives all that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What became of the entries of one sort between two configurations, by their ids.

    Attributes:
        sort: `rules`, `devices`, `buses` or `profiles`.
        added, removed, changed: ids, in the order of the configurations.
    """

    sort: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def compare(before: ConfigurationReport, after: ConfigurationReport) -> list[Difference]:
    """Return what differs between two configurations; sorts in which nothing does are left out."""
    found = []
    for sort, key in (("rules", "rule"), ("devices", "device"), ("buses", "bus"), ("profiles", "model")):
        old = {getattr(one, key): one for one in getattr(before, sort)}
        new = {getattr(one, key): one for one in getattr(after, sort)}
        difference = Difference(
            sort=sort,
            added=tuple(one for one in new if one not in old),
            removed=tuple(one for one in old if one not in new),
            changed=tuple(one for one in new if one in old and new[one] != old[one]),
        )
        if difference.added or difference.removed or difference.changed:
            found.append(difference)
    return found


def build_gateway_pages(context: Context) -> APIRouter:
    """Return the route of one gateway's page at the desk."""
    router = APIRouter(include_in_schema=False, prefix="/desk/gateways/{gateway}")

    @router.get("")
    async def show(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        who: Annotated[SignedIn, requires(Right.SEE_DEVICES)],
        gateway: str,
        before: str = "",
        after: str = "",
        bus: str = "",
    ) -> Response:
        now = context.clock.now()
        async with context.database.read() as session:
            row = await session.get(Gateway, gateway)
            if row is None:
                raise NotFoundError("没有这个网关。")
            told = await inforce.configuration_in_force(session, gateway)
            facts: dict[str, Any] = {
                "status": read_status(row),
                "told": told,
                "history": await inforce.configuration_history(session, gateway),
                "buses": await inforce.bus_states(session, gateway),
                "differences": await _differences(session, gateway, before, after),
                "traffic": await _traffic(session, gateway, bus) if bus else None,
            }
            known = await devices_of_gateway(session, who.reach, row, told.report if told else None)
        newest = await newest_of_devices(context.readings, gateway)
        return render_settings(
            request,
            "gateway.html",
            row=row,
            known=known,
            newest=newest,
            long_ago=now - BACK,
            online=is_online(row, now),
            now=now,
            clock_ms=clock_ms,
            bus_shown=bus[:64],
            standings=STANDINGS,
            sides=SIDES,
            words=words,
            may_order=Right.ORDER_GATEWAYS in who.rights,
            **facts,
        )

    return router


def clock_ms(at: str) -> str:
    """Return the street's time of a frame to the millisecond: an answer comes within a few."""
    return datetime.fromisoformat(at).astimezone(STREET_ZONE).strftime("%m-%d %H:%M:%S.%f")[:-3]


async def _differences(
    session: ReadSession, gateway: str, before: str, after: str
) -> list[Difference] | None:
    """Compare two kept configurations; None where none were asked for.

    Raises:
        NotFoundError: one of them is not kept.
    """
    if not (before and after):
        return None
    found = [await inforce.read_configuration(session, gateway, one) for one in (before, after)]
    old, new = found
    if old is None or new is None:
        raise NotFoundError("这一份配置没有保存。")
    return compare(old, new)


async def _traffic(session: ReadSession, gateway: str, bus: str) -> list[dict[str, Any]]:
    """Return the newest frames of a bus, the newest first, each with when its report came."""
    reports = await last_traffic(session, gateway, bus, most=_SHOWN_REPORTS)
    return [frame for report in reversed(reports) for frame in reversed(report.frames)]
