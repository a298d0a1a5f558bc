"""Rights, the roles that hold them, and the places a role is held for. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from server.people.model import Role, Scope


class Right(StrEnum):
    """What a route asks for. A route names one; a role holds several."""

    SIGNED_IN = "signed_in"
    """Everybody with an account: their own session, password, second factor."""
    SEE_ITEMS = "items.see"
    PRESS_ITEMS = "items.press"
    """The buttons of a person who was told."""
    ACT_AS_DESK = "items.desk"
    """The desk's own buttons: reassign, confirm a false alarm, close by exception."""
    SEE_DEVICES = "devices.see"
    """Gateways, devices, their state and their readings."""
    CHANGE_DEVICES = "devices.change"
    """Adopt, replace, move, retire."""
    ORDER_GATEWAYS = "gateways.order"
    """Commands: test, reset, shelve, silence, close a valve."""
    SEE_PLACES = "places.see"
    CHANGE_PLACES = "places.change"
    SEE_PEOPLE = "people.see"
    """Names, duties and addresses of leaders and officers."""
    CHANGE_PEOPLE = "people.change"
    SEE_STATISTICS = "statistics.see"
    SEE_SETTINGS = "settings.see"
    CHANGE_SETTINGS = "settings.change"
    """Playbooks, escalation steps, channels, retention."""
    SEE_RAW = "raw.see"
    """Bytes nobody could read (quarantine)."""
    SEE_AUDIT = "audit.see"
    MANAGE_ACCESS = "access.manage"
    """Accounts, their roles, keys; somebody's sessions."""
    ERASE_DATA = "data.erase"
    """Export and erase what is kept about a person."""


class AccessRole(StrEnum):
    """What an account is, for a place."""

    ADMINISTRATOR = "administrator"
    """管理员: registers, settings and accounts of the street; presses nothing on items."""
    DESK = "desk"
    """指挥中心 on duty."""
    AUDITOR = "auditor"
    """审计员: reads everything that was done, changes nothing."""
    COMMUNITY = "community"
    """Secretary and officers of a community."""
    LEADER = "leader"
    """网格长 of a grid, or the duty room of an estate or business block."""
    MAINTAINER = "maintainer"
    """Keeps gateways and devices working."""


_SEE: Final = frozenset(
    {
        Right.SIGNED_IN,
        Right.SEE_ITEMS,
        Right.SEE_DEVICES,
        Right.SEE_PLACES,
        Right.SEE_PEOPLE,
        Right.SEE_STATISTICS,
    }
)

RIGHTS_OF: Final[Mapping[AccessRole, frozenset[Right]]] = {
    AccessRole.ADMINISTRATOR: _SEE
    | {
        Right.CHANGE_DEVICES,
        Right.ORDER_GATEWAYS,
        Right.CHANGE_PLACES,
        Right.CHANGE_PEOPLE,
        Right.SEE_SETTINGS,
        Right.CHANGE_SETTINGS,
        Right.SEE_RAW,
        Right.SEE_AUDIT,
        Right.MANAGE_ACCESS,
        Right.ERASE_DATA,
    },
    AccessRole.DESK: _SEE
    | {
        Right.PRESS_ITEMS,
        Right.ACT_AS_DESK,
        Right.ORDER_GATEWAYS,
        Right.CHANGE_DEVICES,
        Right.SEE_SETTINGS,
        Right.SEE_RAW,
    },
    AccessRole.AUDITOR: frozenset(
        {Right.SIGNED_IN, Right.SEE_STATISTICS, Right.SEE_AUDIT, Right.SEE_SETTINGS}
    ),
    AccessRole.COMMUNITY: _SEE | {Right.PRESS_ITEMS},
    AccessRole.LEADER: frozenset(
        {Right.SIGNED_IN, Right.SEE_ITEMS, Right.PRESS_ITEMS, Right.SEE_DEVICES, Right.SEE_PLACES}
    ),
    AccessRole.MAINTAINER: frozenset(
        {
            Right.SIGNED_IN,
            Right.SEE_ITEMS,
            Right.PRESS_ITEMS,
            Right.SEE_DEVICES,
            Right.CHANGE_DEVICES,
            Right.ORDER_GATEWAYS,
            Right.SEE_PLACES,
        }
    ),
}
"""The whole table of roles: nothing else decides what a role may do."""

NOT_FOR_KEYS: Final = frozenset({Right.SIGNED_IN, Right.MANAGE_ACCESS, Right.ERASE_DATA})
"""What only a person may do, with a session: a key that leaks must not be able to make others."""

PLACES_OF: Final[Mapping[AccessRole, tuple[Scope, ...]]] = {
    AccessRole.ADMINISTRATOR: (Scope.STREET,),
    AccessRole.DESK: (Scope.STREET,),
    AccessRole.AUDITOR: (Scope.STREET,),
    AccessRole.COMMUNITY: (Scope.COMMUNITY,),
    AccessRole.LEADER: (Scope.GRID, Scope.ESTATE, Scope.BLOCK),
    AccessRole.MAINTAINER: (Scope.COMMUNITY, Scope.STREET),
}
"""What kinds of place each role may be held for."""

ROLE_OF_DUTY: Final[Mapping[tuple[Role, Scope], AccessRole]] = {
    (Role.LEADER, Scope.GRID): AccessRole.LEADER,
    (Role.DEPUTY, Scope.GRID): AccessRole.LEADER,
    (Role.OFFICER, Scope.GRID): AccessRole.LEADER,
    (Role.OFFICER, Scope.COMMUNITY): AccessRole.COMMUNITY,
    (Role.DUTY_ROOM, Scope.ESTATE): AccessRole.LEADER,
    (Role.DUTY_ROOM, Scope.BLOCK): AccessRole.LEADER,
    (Role.SECRETARY, Scope.COMMUNITY): AccessRole.COMMUNITY,
    (Role.MAINTAINER, Scope.COMMUNITY): AccessRole.MAINTAINER,
    (Role.MAINTAINER, Scope.STREET): AccessRole.MAINTAINER,
}
"""What a duty of the register opens to an account that belongs to its person. The desk's rights are
never had from the register: they are given to accounts by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role for one place; `code` is the place's, empty for the street."""

    role: AccessRole
    scope: Scope
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The places for which somebody holds one right; all of them where `street` is true.

    Attributes:
        street: everything, also what has no place yet.
        communities, grids, estates, blocks: by code.
        person: who asks, by the register's code: what they were told of themselves is theirs to see.
    """

    street: bool = False
    communities: frozenset[str] = frozenset()
    grids: frozenset[str] = frozenset()
    estates: frozenset[str] = frozenset()
    blocks: frozenset[str] = frozenset()
    person: str | None = None

    @classmethod
    def of(cls, right: Right, grants: Iterable[Grant], person: str | None) -> Self:
        """Gather the places of all grants whose role holds a right."""
        holding = [grant for grant in grants if right in RIGHTS_OF[grant.role]]

        def codes(scope: Scope) -> frozenset[str]:
            return frozenset(grant.code for grant in holding if grant.scope is scope)

        return cls(
            street=any(grant.scope is Scope.STREET for grant in holding),
            communities=codes(Scope.COMMUNITY),
            grids=codes(Scope.GRID),
            estates=codes(Scope.ESTATE),
            blocks=codes(Scope.BLOCK),
            person=person,
        )


def rights_of(grants: Iterable[Grant]) -> frozenset[Right]:
    """Return every right that is held for at least one place."""
    return frozenset().union(*(RIGHTS_OF[grant.role] for grant in grants))
