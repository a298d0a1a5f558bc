"""A street of two communities, and an account for every role in the first: who sees what of the second?"""

from dataclasses import dataclass
from typing import Any

from server.access.model import AccessRole
from server.access.secrets import hash_secret, new_secret
from server.access.service import IDLE_LIFE
from server.access.tables import Operator, OperatorGrant, OperatorSession
from server.devices.service import order
from server.devices.tables import Device, Gateway
from server.people.tables import Duty, Person, Role, Scope
from server.places.tables import Building, Community, Estate, Grid, GridKind, PlacesVersion
from tests.server.web.running_site import Site
from wire.orders import ResyncOrder
from wire.vocabulary import Kind

FOREIGN = "zz-far"
"""Stands in every code and name of the second community: its sight anywhere is a leak."""

PLACES = {
    AccessRole.ADMINISTRATOR: (Scope.STREET, ""),
    AccessRole.DESK: (Scope.STREET, ""),
    AccessRole.AUDITOR: (Scope.STREET, ""),
    AccessRole.COMMUNITY: (Scope.COMMUNITY, "c1"),
    AccessRole.LEADER: (Scope.GRID, "g1"),
    AccessRole.MAINTAINER: (Scope.COMMUNITY, "c1"),
}
NARROW = tuple(role for role, (scope, _) in PLACES.items() if scope is not Scope.STREET)


@dataclass
class TwoCommunities:
    """What stands in paths: by parameter, of the own community and of the other."""

    own: dict[str, str]
    foreign: dict[str, str]


async def build(site: Site) -> TwoCommunities:
    """Fill the street; both communities have one of everything."""
    async with site.world.database.write() as session:
        await _far_community(session)
        session.add(PlacesVersion(at=site.clock.now()))
    near = await site.world.raise_alarm()
    far_state = site.world.state("far-1", f"{FOREIGN}-gas", kind=Kind.GAS)
    await site.world.take(site.world.alarm_message(far_state, gateway=f"{FOREIGN}-gw"))
    far = next(item for item in await site.world.items() if item.id != near.id)
    async with site.world.database.write() as session:
        commands = [
            await order(
                session,
                gateway=gateway,
                order=ResyncOrder(),
                item=None,
                issuer="somebody",
                reason=reason,
                now=site.clock.now(),
            )
            for gateway, reason in (("gw-one", "near"), (f"{FOREIGN}-gw", FOREIGN))
        ]
    own = {
        "item_id": near.id,
        "gateway": "gw-one",
        "device": "gas-1",
        "command_id": commands[0],
        "community": "c1",
        "estate": "e1",
        "grid": "g1",
        "building": "b1",
        "person": "leader",
        "owner": "leader",
        "place": "building:b1",
    }
    foreign = {
        "item_id": far.id,
        "gateway": f"{FOREIGN}-gw",
        "device": f"{FOREIGN}-gas",
        "command_id": commands[1],
        "community": f"{FOREIGN}-c",
        "estate": f"{FOREIGN}-e",
        "grid": f"{FOREIGN}-g",
        "building": f"{FOREIGN}-b",
        "person": f"{FOREIGN}-leader",
        "owner": f"{FOREIGN}-leader",
        "place": f"building:{FOREIGN}-b",
    }
    return TwoCommunities(own, foreign)


async def _far_community(session: Any) -> None:
    session.add(Community(code=f"{FOREIGN}-c", name=f"{FOREIGN} 社区"))
    await session.flush()
    session.add(Estate(code=f"{FOREIGN}-e", community=f"{FOREIGN}-c", name=f"{FOREIGN} 苑"))
    session.add(
        Grid(code=f"{FOREIGN}-g", community=f"{FOREIGN}-c", kind=GridKind.MICRO, name=f"{FOREIGN} 网格")
    )
    await session.flush()
    session.add(
        Building(code=f"{FOREIGN}-b", estate=f"{FOREIGN}-e", name=f"{FOREIGN} 楼", grid=f"{FOREIGN}-g")
    )
    session.add(
        Person(code=f"{FOREIGN}-leader", name=f"{FOREIGN} 某", webhook_url="https://phone.example/far")
    )
    await session.flush()
    session.add(Duty(person=f"{FOREIGN}-leader", role=Role.LEADER, scope=Scope.GRID, code=f"{FOREIGN}-g"))
    session.add(Gateway(id=f"{FOREIGN}-gw", name=f"{FOREIGN} 网关", building=f"{FOREIGN}-b"))
    await session.flush()
    session.add(
        Device(
            gateway=f"{FOREIGN}-gw",
            device=f"{FOREIGN}-gas",
            name=f"{FOREIGN} 探测器",
            building=f"{FOREIGN}-b",
        )
    )
    session.add(Device(gateway=f"{FOREIGN}-gw", device=f"{FOREIGN}-heard", adopted=False))


async def account(
    site: Site,
    name: str,
    *grants: tuple[AccessRole, Scope, str],
    person: str | None = None,
) -> Any:
    """A browser signed in with an account that has these roles."""
    now, token = site.clock.now(), new_secret()
    async with site.world.database.write() as session:
        session.add(Operator(name=name, person=person, created_at=now))
        await session.flush()
        for role, scope, code in grants:
            session.add(OperatorGrant(operator=name, role=role, scope=scope, code=code, granted_at=now))
        session.add(
            OperatorSession(
                token_hash=hash_secret(token),
                operator=name,
                created_at=now,
                used_at=now,
                expires_at=now + IDLE_LIFE,
            )
        )
    client = await site.visitor()
    client.cookies.set("session", token)
    return client


async def accounts(site: Site) -> dict[AccessRole, Any]:
    """One browser for each role."""
    return {
        role: await account(site, f"account-{role.value}", (role, *place)) for role, place in PLACES.items()
    }
