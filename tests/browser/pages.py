"""Every page there is, in one table: what it is checked for, and photographed as, is decided by this alone.

A new page is one line of `PAGES`; a GET route that shows nothing to read (a stream, a file, a redirect) is one
line of `NOT_PAGES`. `tests/architecture/test_every_page.py` fails while a route is in neither.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Reader(StrEnum):
    """Who looks at a page."""

    NOBODY = "nobody"
    """Not signed in."""
    DESK = "desk"
    """The first account: it may see everything."""
    HALFWAY = "halfway"
    """Has given the password; the code of the second factor is asked for."""
    LEADER = "leader"
    """A phone to which a leader's link is bound."""
    INSTALLER = "installer"
    """The phone of whoever stands beside a device."""


ON_A_PHONE: Final = (Reader.LEADER, Reader.INSTALLER)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPage:
    """One look at one page.

    Attributes:
        route: the path as the application declares it.
        name: of its picture.
        address: what to open; names in braces are those of `tests.browser.evening.Evening.names`.
        reader: who opens it.
        ready: a selector that must be there before the page is judged; pages that draw name it.
        folded: whether its folded parts are opened for the check; not where an open part covers others.
        status: of the answer.
        wall: whether it hangs on a wall: looked at as large as that.
        before: whether it is there only before the first account is made.
    """

    route: str
    name: str
    address: str
    reader: Reader = Reader.DESK
    ready: str = "h1"
    folded: bool = True
    status: int = 200
    before: bool = False
    wall: bool = False


def _page(
    route: str, name: str, address: str = "", reader: Reader = Reader.DESK, **more: object
) -> ShownPage:
    return ShownPage(route=route, name=name, address=address or route, reader=reader, **more)  # type: ignore[arg-type] # passed on by name


_N, _L, _I = Reader.NOBODY, Reader.LEADER, Reader.INSTALLER
_DEVICE: Final = "/desk/devices/{gateway}/{device}"
_DRAWN: Final = "[data-drawn=yes]"

PAGES: Final[tuple[ShownPage, ...]] = (
    _page("/setup", "setup", "", _N, before=True),
    _page("/login", "login", "", _N),
    _page("/login/code", "login-code", "", Reader.HALFWAY),
    _page("/join", "join", "/join?code=ABCD", _N),
    _page("/i/{token}", "leader-danger", "{danger}", _L),
    _page("/i/{token}", "leader-visit", "{visit}", _L),
    _page("/i/{token}", "leader-lost", "/i/nonsense", _L, status=404),
    _page("/my", "leader-list", "", _L),
    _page("/my/duty", "leader-duty", "", _L),
    _page("/my/duty/links/{token}", "leader-asked", "{asked}", _L),
    _page("/feedback", "leader-feedback", "", _L),
    _page("/cockpit", "cockpit-page", "", ready='#map[data-marked]:not([data-marked="0"])', wall=True),
    _page("/cockpit", "cockpit-laptop", "", ready='#map[data-marked]:not([data-marked="0"])'),
    _page("/desk", "desk-items"),
    _page("/desk", "desk-closed", "/desk?show=closed"),
    _page("/desk/items/{item_id}", "desk-one-item", "/desk/items/{item}"),
    _page("/desk/items/{item_id}/why", "why", "/desk/items/{item}/why"),
    _page("/desk/load", "load"),
    _page("/desk/feedback", "desk-feedback"),
    _page("/desk/gateways", "gateways"),
    _page("/desk/gateways/{gateway}", "gateway", "/desk/gateways/{gateway}?bus=kitchen"),
    _page("/desk/gateways/{gateway}/orders", "orders", "/desk/gateways/{gateway}/orders"),
    _page(
        "/desk/gateways/{gateway}/orders/close-valve",
        "close-valve",
        "/desk/gateways/{gateway}/orders/close-valve?target={device}",
    ),
    _page("/desk/attention", "attention"),
    _page("/desk/unassigned", "unassigned"),
    _page("/desk/adopt", "adopt", "", _I),
    _page(f"{_DEVICE}/adopt", "adopt-form", "/desk/devices/{gateway}/{stranger}/adopt", _I),
    _page(f"{_DEVICE}/adopt", "adopt-known", f"{_DEVICE}/adopt", _I),
    _page(f"{_DEVICE}/check", "device-check", "/desk/devices/{gateway}/{tried}/check", _I),
    _page(f"{_DEVICE}/move", "device-move", f"{_DEVICE}/move", _I),
    _page(f"{_DEVICE}/replace", "device-replace", f"{_DEVICE}/replace", _I),
    _page(f"{_DEVICE}/retire", "device-retire", f"{_DEVICE}/retire", _I),
    _page("/desk/devices", "devices"),
    _page(_DEVICE, "device", _DEVICE),
    _page(f"{_DEVICE}/why-not", "why-not", f"{_DEVICE}/why-not"),
    _page("/desk/labels", "labels"),
    _page("/desk/labels/sheet", "labels-sheet", "/desk/labels/sheet?gateway={gateway}"),
    _page("/desk/quarantine", "quarantine"),
    _page("/desk/grids", "grids", ready=_DRAWN),
    _page(
        "/desk/grids/communities/{community}", "grids-community", "/desk/grids/communities/c1", ready=_DRAWN
    ),
    _page("/desk/grids/{grid}", "grid", "/desk/grids/g1", ready=_DRAWN),
    _page("/desk/roster", "roster"),
    _page("/desk/roster/{place}", "roster-grid", "/desk/roster/grid:g1"),
    _page("/desk/roster/{place}", "roster-community", "/desk/roster/community:c1"),
    _page("/desk/responsible", "responsible", "/desk/responsible?building=b1&at=2026-12-01T08:00"),
    _page("/desk/import", "import"),
    _page("/desk/import/previews/{upload}", "import-preview", "{preview}"),
    _page("/desk/contacts", "contacts"),
    _page("/desk/contacts/{person}", "settings-contact", "/desk/contacts/deputy"),
    _page("/desk/trends", "trend", "/desk/trends?gateway={gateway}&device={device}", ready=_DRAWN),
    _page("/desk/trends/places/{place}", "trends-of-street", "/desk/trends/places/street"),
    _page("/desk/trends/places/{place}", "trends-of-place", "/desk/trends/places/community:c1"),
    _page("/desk/reports/{place}", "report", "/desk/reports/street?month={month}"),
    _page("/desk/escalation", "escalations"),
    _page("/desk/escalation/{class_}", "settings-escalation", "/desk/escalation/hazard?place=b1"),
    _page("/desk/channels", "settings-channels"),
    _page("/desk/playbooks", "playbooks"),
    _page("/desk/playbooks/{kind}/{class_}", "settings-playbook", "/desk/playbooks/gas/life_safety"),
    _page("/desk/audit", "settings-audit"),
    _page("/desk/audit/chain", "audit-chain"),
    _page("/desk/accounts", "settings-accounts"),
    _page("/desk/accounts/{account}", "account", "/desk/accounts/周晓梅"),
    _page("/desk/keys", "keys"),
    _page("/desk/me", "settings-own-account"),
)

NOT_PAGES: Final[dict[str, str]] = {
    "/": "leads on",
    "/login/oidc": "leads to the owner's identity provider",
    "/login/oidc/back": "comes from the owner's identity provider, and leads on",
    "/login/wecom": "leads to WeCom",
    "/login/wecom/back": "comes from WeCom, and leads on",
    "/desk/trends/places": "leads to the one place its reader may see, or lists several",
    "/desk/reports": "leads to the one place its reader may see, or lists several",
    "/desk/attention/export.csv": "a file",
    "/desk/audit/export.csv": "a file",
    "/i/{token}/photos/{photo}": "a picture",
    "/i/{token}/live": "a stream",
    "/my/live": "a stream",
    "/desk/live": "a stream",
    "/desk/devices/{gateway}/{device}/check/state": "what a page asks for again and again",
    "/desk/import/files/street.xlsx": "a file",
    "/desk/import/files/template.xlsx": "a file",
    "/desk/import/files/sample.xlsx": "a file",
    "/desk/import/files/{sheet}.csv": "a file",
    "/desk/grids/map": "boundaries for a map",
    "/desk/grids/communities/{community}/map": "boundaries for a map",
    "/desk/grids/{grid}/map": "boundaries for a map",
    "/health/live": "for machines",
    "/health/ready": "for machines",
    "/metrics": "for machines",
}
