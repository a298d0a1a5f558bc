"""Every route of the application × every role × its own and somebody else's things.

The routes are read from the application itself: one that is added later is part of this test, and one
that does not say who may call it keeps the server from starting.
"""

from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import RouteContext

from server.access.guard import (
    OpenDoor,
    Requirement,
    check_declared,
    declarations,
    open_to_all,
    requires,
    served_routes,
)
from server.access.model import RIGHTS_OF, AccessRole, Right
from server.access.scopes import NAMED
from server.access.service import SignedIn
from server.errors import ServerError
from server.openapi import build_described_app
from server.people.model import Scope
from tests.server.access.street_of_two import FOREIGN, NARROW, account, accounts, build
from tests.server.web.running_site import open_site

FILLERS = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z", "point": "gas_lel"}
"""Query parameters that a route insists on and that belong to no place."""
SIGNED_OUT = (303, 401)


def guarded() -> list[tuple[str, RouteContext, Requirement]]:
    """Every route that asks for a right, once a method."""
    found = []
    for route in served_routes(build_described_app()):
        if isinstance(one := declarations(route)[0], Requirement):
            found += [(method, route, one) for method in sorted(route.methods - {"HEAD"})]
    return found


ROUTES = guarded()
assert len(ROUTES) > 10, "or nothing is tested"


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


def address(route: RouteContext, values: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The path and query of a call, its places and things from `values`."""
    path = route.path.format(**{name: values.get(name, "1") for name in route.param_convertors})
    asked = {one.alias: one.field_info.is_required() for one in route.dependant.query_params}
    query = {
        name: values.get(name, FILLERS.get(name, "1"))
        for name, needed in asked.items()
        if needed or (name in NAMED and name in values)
    }
    return path, query


def names_something(route: RouteContext, one: Requirement) -> bool:
    path, query = route.param_convertors, {q.alias for q in route.dependant.query_params}
    return bool(((set(path) | query) & set(NAMED)) - one.unscoped)


async def call(client, method: str, path: str, query: dict[str, str]) -> tuple[int, str]:
    """The status and text of an answer; a stream that never ends is left after its beginning."""
    async with client.stream(method, path, params=query) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return answer.status_code, ""
        return answer.status_code, (await answer.aread()).decode(errors="replace")


async def test_nobody_gets_in_without_an_account(site):
    values = (await build(site)).own
    client = await site.visitor()
    for method, route, _ in ROUTES:
        status, _ = await call(client, method, *address(route, values))
        assert status in SIGNED_OUT, f"{method} {route.path}"


async def test_each_role_gets_what_its_rights_say_and_nothing_else(site):
    values = (await build(site)).own
    for role, client in (await accounts(site)).items():
        for method, route, one in ROUTES:
            if one.right is Right.SIGNED_IN and method != "GET":
                continue  # its own session: signing out here would end the test
            status, text = await call(client, method, *address(route, values))
            holds = one.right in RIGHTS_OF[role]
            assert (status == 403) is not holds, f"{role.value}: {method} {route.path} {status} {text[:300]}"
            assert status < 500, f"{role.value}: {method} {route.path} {text[:300]}"


def without(text: str, *asked: str) -> str:
    """What an answer tells beyond what was asked for: a page repeats its own address."""
    for one in asked:
        text = text.replace(one, "")
    return text


async def test_what_belongs_to_somebody_else_is_not_found(site):
    values = (await build(site)).foreign
    clients = await accounts(site)
    for role in NARROW:
        for method, route, one in ROUTES:
            if one.right not in RIGHTS_OF[role] or not names_something(route, one):
                continue
            path, query = address(route, values)
            status, text = await call(clients[role], method, path, query)
            assert status == 404, f"{role.value}: {method} {route.path} {status}"
            asked = [path, *(values[name] for name in ("gateway", "device", "place", "person"))]
            assert FOREIGN not in without(text, *asked)


async def test_lists_counts_and_exports_show_nothing_of_somebody_elses(site):
    values = (await build(site)).own
    clients = await accounts(site)
    shown_to_the_street = 0
    for method, route, _one in ROUTES:
        if method != "GET":
            continue
        path, _ = address(route, values)
        _, query = address(route, {})
        if set(query) & set(NAMED):
            _, query = address(route, values)
        _, everything = await call(clients[AccessRole.ADMINISTRATOR], "GET", path, query)
        shown_to_the_street += FOREIGN in everything
        for role in NARROW:
            _, text = await call(clients[role], "GET", path, query)
            assert FOREIGN not in text, f"{role.value}: {route.path}"
    assert shown_to_the_street >= 3, "lists that show nothing to anybody prove nothing"


async def test_a_count_is_of_what_one_may_see(site):
    await build(site)
    clients = await accounts(site)
    totals = {
        role: (await clients[role].get("/api/v1/items")).json()["total"]
        for role in (AccessRole.DESK, AccessRole.COMMUNITY, AccessRole.LEADER)
    }
    assert totals == {AccessRole.DESK: 2, AccessRole.COMMUNITY: 1, AccessRole.LEADER: 1}


async def test_a_comprehensive_grid_reaches_the_micro_grids_below_it(site):
    values = (await build(site)).own
    above = await account(site, "officer-account", (AccessRole.LEADER, Scope.GRID, "g0"))
    assert (await above.get(f"/api/v1/items/{values['item_id']}")).status_code == 200
    estate = await account(site, "room-account", (AccessRole.LEADER, Scope.ESTATE, "e1"))
    assert (await estate.get(f"/api/v1/items/{values['item_id']}")).status_code == 200


async def test_the_duties_of_an_accounts_person_open_its_places_until_they_end(site):
    values = await build(site)
    client = await account(site, "网格长王", person="leader")
    assert (await client.get(f"/api/v1/items/{values.own['item_id']}")).status_code == 200
    assert (await client.get(f"/api/v1/items/{values.foreign['item_id']}")).status_code == 404
    await site.world.set_person("leader", active=False)
    assert (await client.get(f"/api/v1/items/{values.own['item_id']}")).status_code == 403


def test_a_route_that_does_not_say_who_may_call_it_keeps_the_server_from_starting():
    app, router = FastAPI(), APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> None: ...

    app.include_router(router)
    with pytest.raises(ServerError, match="GET /forgotten"):
        check_declared(app)


def test_no_route_of_another_kind_slips_past():
    app = FastAPI()
    app.mount("/files", FastAPI())
    with pytest.raises(ServerError, match="/files"):
        check_declared(app)


def test_a_place_in_a_path_must_be_known_or_judged_by_the_route():
    app = FastAPI()

    @app.get("/rooms/{room}")
    async def room(room: str, who: Annotated[SignedIn, requires(Right.SEE_ITEMS)]) -> None: ...

    with pytest.raises(ServerError, match="room"):
        check_declared(app)


def test_a_route_says_it_once():
    app = FastAPI()

    @app.get("/both", dependencies=[requires(Right.SEE_ITEMS), open_to_all("by mistake")])
    async def both() -> None: ...

    with pytest.raises(ServerError, match="say once"):
        check_declared(app)


def test_who_needs_no_account_says_why():
    for route in served_routes(build_described_app()):
        if isinstance(one := declarations(route)[0], OpenDoor):
            assert len(one.why) > 8, route.path
