"""The words of the administrator's pages for the code's vocabularies; Chinese is the source of gettext."""

from collections.abc import Mapping
from typing import Final

from server.access.model import AccessRole, Grant
from server.people.model import Scope
from wire.vocabulary import Kind

ACCESS_ROLES: Final[Mapping[AccessRole, str]] = {
    AccessRole.ADMINISTRATOR: "管理员",
    AccessRole.DESK: "指挥中心值班员",
    AccessRole.AUDITOR: "审计员",
    AccessRole.COMMUNITY: "社区人员",
    AccessRole.LEADER: "网格长或值班室",
    AccessRole.MAINTAINER: "维护人员",
}
ROLE_HINTS: Final[Mapping[AccessRole, str]] = {
    AccessRole.ADMINISTRATOR: "管登记、设置和账号，不处理事项。",
    AccessRole.DESK: "处理全街道的事项，给网关下指令。",
    AccessRole.AUDITOR: "只看操作记录和设置，什么都不能改。",
    AccessRole.COMMUNITY: "看本社区的事项、设备和人员，可以接手。",
    AccessRole.LEADER: "看自己网格或小区的事项，可以接手。",
    AccessRole.MAINTAINER: "登记和维护设备，给网关下指令。",
}
SCOPES: Final[Mapping[Scope, str]] = {
    Scope.GRID: "网格",
    Scope.ESTATE: "小区",
    Scope.BLOCK: "商务楼",
    Scope.COMMUNITY: "社区",
    Scope.STREET: "全街道",
}
KINDS: Final[Mapping[Kind, str]] = {
    Kind.GAS: "燃气",
    Kind.FIRE: "消防",
    Kind.ELECTRIC: "用电",
    Kind.WATER: "水质",
    Kind.CONTACT: "失联",
}


def grant_field(grant: Grant) -> str:
    """Return what a form sends for a role that is held for a place."""
    return f"{grant.role.value}@{grant.scope.value}:{grant.code}"
