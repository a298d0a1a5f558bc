"""Reasons as sentences a layman understands, in each language. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from server.people.model import Role

Language = Literal["zh_CN", "en"]
CHINESE: Final[Language] = "zh_CN"
ENGLISH: Final[Language] = "en"

_ROLES: Final[Mapping[Language, Mapping[Role, str]]] = {
    CHINESE: {
        Role.LEADER: "网格长",
        Role.DEPUTY: "副网格长",
        Role.OFFICER: "综合网格专员",
        Role.DUTY_ROOM: "小区值班室",
        Role.MAINTAINER: "维护人员",
        Role.SECRETARY: "社区书记",
        Role.DESK: "指挥中心",
    },
    ENGLISH: {
        Role.LEADER: "grid leader",
        Role.DEPUTY: "deputy grid leader",
        Role.OFFICER: "comprehensive-grid officer",
        Role.DUTY_ROOM: "estate duty room",
        Role.MAINTAINER: "maintainer",
        Role.SECRETARY: "community secretary",
        Role.DESK: "desk",
    },
}

_CLAUSES: Final[Mapping[Language, Mapping[str, str]]] = {
    CHINESE: {
        "building_in_grid": "{building}属于{grid}",
        "device_in_grid": "设备的位置在{grid}范围内",
        "building_point_in_grid": "{building}的位置在{grid}范围内",
        "on_border": "设备的位置在{grid}与{others}的边界上，归{grid}",
        "building_in_estate": "{building}在{estate}，没有划入网格",
        "outside_every_grid": "设备的位置不在任何网格内",
        "not_registered": "这个设备还没有登记地点",
        "upper_grid": "上一级是{grid}",
        "community_of": "属于{community}",
        "holds_role": "{person}是{role}",
        "keeps_gateway": "负责维护这个网关",
        "keeps_street": "负责全街道的设备维护",
        "last_resort": "没有更近的人可以通知时由指挥中心处理",
        "desk_unstaffed": "没有登记值班人员，只显示在指挥中心的页面上",
    },
    ENGLISH: {
        "building_in_grid": "{building} belongs to {grid}",
        "device_in_grid": "the device lies inside {grid}",
        "building_point_in_grid": "{building} lies inside {grid}",
        "on_border": "the device lies on the border of {grid} and {others}, and {grid} has it",
        "building_in_estate": "{building} is in {estate}, but in no grid",
        "outside_every_grid": "the device lies outside every grid",
        "not_registered": "no place is registered for this device",
        "upper_grid": "above it is {grid}",
        "community_of": "in {community}",
        "holds_role": "{person} is the {role}",
        "keeps_gateway": "who maintains this gateway",
        "keeps_street": "who maintains all devices of the street",
        "last_resort": "the desk takes what nobody nearer can be told",
        "desk_unstaffed": "nobody is registered for the desk, so it is shown on the desk's page alone",
    },
}

_COMMA: Final[Mapping[Language, str]] = {CHINESE: "，", ENGLISH: ", "}
_LIST: Final[Mapping[Language, str]] = {CHINESE: "、", ENGLISH: ", "}
_ANSWER: Final[Mapping[Language, str]] = {
    CHINESE: "由{name}负责，因为{reason}{passed}。",
    ENGLISH: "To {name}, because {reason}{passed}.",
}
_PASSED: Final[Mapping[Language, str]] = {
    CHINESE: "；现在联系不上{people}",
    ENGLISH: "; {people} cannot be reached now",
}
_NAMED: Final[Mapping[Language, str]] = {CHINESE: "{name}（{role}）", ENGLISH: "{name} ({role})"}


def role_name(role: Role, language: Language = CHINESE) -> str:
    """Return what people call a role."""
    return _ROLES[language][role]


def clause(parts: Sequence[tuple[str, Mapping[str, str]]], language: Language) -> str:
    """Return clauses, each a code with its parameters, joined by commas."""
    return _COMMA[language].join(_clause(code, params, language) for code, params in parts)


def sentence(name: str, reason: str, passed_over: Sequence[tuple[str, Role]], language: Language) -> str:
    """Return who is responsible and why.

    Args:
        name: the responsible person.
        reason: their clauses.
        passed_over: name and role of those who are nearer and cannot be told.
        language: of the sentence.
    """
    people = [_NAMED[language].format(name=who, role=role_name(role, language)) for who, role in passed_over]
    passed = _PASSED[language].format(people=_LIST[language].join(people)) if people else ""
    return _ANSWER[language].format(name=name, reason=reason, passed=passed)


def _clause(code: str, params: Mapping[str, str], language: Language) -> str:
    shown = dict(params)
    if "role" in shown:
        shown["role"] = role_name(Role(shown["role"]), language)
    return _CLAUSES[language][code].format_map(shown)
