"""Reasons as sentences a layman understands, in each language. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from server.clock import STREET_ZONE
from server.people.model import Role
from server.people.roster import Presence

Language = Literal["zh_CN", "en"]
CHINESE: Final[Language] = "zh_CN"
ENGLISH: Final[Language] = "en"

ROLES: Final[Mapping[Language, Mapping[Role, str]]] = {
    CHINESE: {
        Role.LEADER: "网格长",
        Role.DEPUTY: "副网格长",
        Role.OFFICER: "综合网格专员",
        Role.DUTY_ROOM: "值班室",
        Role.MAINTAINER: "维护人员",
        Role.SECRETARY: "社区书记",
        Role.DESK: "指挥中心",
        Role.DEPARTMENT: "部门联络人",
    },
    ENGLISH: {
        Role.LEADER: "grid leader",
        Role.DEPUTY: "deputy grid leader",
        Role.OFFICER: "comprehensive-grid officer",
        Role.DUTY_ROOM: "duty room",
        Role.MAINTAINER: "maintainer",
        Role.SECRETARY: "community secretary",
        Role.DESK: "desk",
        Role.DEPARTMENT: "department contact",
    },
}

CLAUSES: Final[Mapping[Language, Mapping[str, str]]] = {
    CHINESE: {
        "named_for_device": "登记表指定{person}负责这个设备",
        "device_listed": "登记在{grid}",
        "door_in_grid": "{building}{door}属于{grid}",
        "unit_in_grid": "{building}{unit}属于{grid}",
        "building_in_grid": "{building}属于{grid}",
        "block_in_grid": "{building}是{block}的一部分，{block}属于{grid}",
        "device_in_grid": "设备的位置在{grid}范围内",
        "building_point_in_grid": "{building}的位置在{grid}范围内",
        "on_border": "设备的位置在{grid}与{others}的边界上，归{grid}",
        "neighbour_grid": "相邻的{grid}同时收到通知",
        "in_community": "设备的位置在{community}范围内，没有划入网格",
        "building_in_block": "{building}是{block}的一部分，没有划入网格",
        "building_in_estate": "{building}在{estate}，没有划入网格",
        "outside_every_grid": "设备的位置不在任何网格内",
        "not_registered": "这个设备还没有登记地点",
        "upper_grid": "上一级是{grid}",
        "community_of": "属于{community}",
        "holds_role": "{person}是{role}",
        "stands_in": "{person}代{other}（{role}）值班",
        "keeps_gateway": "负责维护这个网关",
        "keeps_street": "负责全街道的设备维护",
        "last_resort": "没有更近的人可以通知时由指挥中心处理",
        "desk_unstaffed": "没有登记值班人员，只显示在指挥中心的页面上",
        "desk_out_of_reach": "指挥中心的值班人员现在都联系不上，只显示在指挥中心的页面上",
    },
    ENGLISH: {
        "named_for_device": "the register names {person} for this device",
        "device_listed": "it is registered in {grid}",
        "door_in_grid": "{building} {door} belongs to {grid}",
        "unit_in_grid": "{building} {unit} belongs to {grid}",
        "building_in_grid": "{building} belongs to {grid}",
        "block_in_grid": "{building} is part of {block}, which belongs to {grid}",
        "device_in_grid": "the device lies inside {grid}",
        "building_point_in_grid": "{building} lies inside {grid}",
        "on_border": "the device lies on the border of {grid} and {others}, and {grid} has it",
        "neighbour_grid": "the neighbouring {grid} is told as well",
        "in_community": "the device lies in {community}, but in no grid",
        "building_in_block": "{building} is part of {block}, but in no grid",
        "building_in_estate": "{building} is in {estate}, but in no grid",
        "outside_every_grid": "the device lies outside every grid",
        "not_registered": "no place is registered for this device",
        "upper_grid": "above it is {grid}",
        "community_of": "in {community}",
        "holds_role": "{person} is the {role}",
        "stands_in": "{person} stands in for {other} ({role})",
        "keeps_gateway": "who maintains this gateway",
        "keeps_street": "who maintains all devices of the street",
        "last_resort": "the desk takes what nobody nearer can be told",
        "desk_unstaffed": "nobody is registered for the desk, so it is shown on the desk's page alone",
        "desk_out_of_reach": "nobody of the desk can be told now, so it is shown on the desk's page alone",
    },
}

COMMA: Final[Mapping[Language, str]] = {CHINESE: "，", ENGLISH: ", "}
LIST: Final[Mapping[Language, str]] = {CHINESE: "、", ENGLISH: ", "}
ANSWER: Final[Mapping[Language, str]] = {
    CHINESE: "由{name}负责，因为{reason}{passed}。",
    ENGLISH: "To {name}, because {reason}{passed}.",
}
PASSED: Final[Mapping[Language, Mapping[Presence, str]]] = {
    CHINESE: {
        Presence.AWAY: "{people}不在，{until}回来",
        Presence.OFF_DUTY: "{people}现在不值班",
        Presence.GIVEN_AWAY: "{people}已经换班",
        Presence.LEFT: "{people}已离岗",
        Presence.NO_CHANNEL: "现在联系不上{people}",
    },
    ENGLISH: {
        Presence.AWAY: "{people} is away until {until}",
        Presence.OFF_DUTY: "{people} is off duty now",
        Presence.GIVEN_AWAY: "{people} has handed this duty over",
        Presence.LEFT: "{people} has left",
        Presence.NO_CHANNEL: "{people} cannot be reached now",
    },
}
"""Of several people `people` is a list; `until` is for one that is away."""
SEMICOLON: Final[Mapping[Language, str]] = {CHINESE: "；", ENGLISH: "; "}
_STANDING: Final[Mapping[Language, Mapping[Presence, str]]] = {
    CHINESE: {
        Presence.ON_DUTY: "",
        Presence.AWAY: "不在",
        Presence.OFF_DUTY: "不值班",
        Presence.GIVEN_AWAY: "已换班",
        Presence.LEFT: "已离岗",
        Presence.NO_CHANNEL: "联系不上",
    },
    ENGLISH: {
        Presence.ON_DUTY: "",
        Presence.AWAY: "away",
        Presence.OFF_DUTY: "off duty",
        Presence.GIVEN_AWAY: "duty handed over",
        Presence.LEFT: "left",
        Presence.NO_CHANNEL: "cannot be reached",
    },
}
_DESK: Final[Mapping[Language, str]] = {CHINESE: ROLES[CHINESE][Role.DESK], ENGLISH: "the desk"}
_UNTIL: Final[Mapping[Language, str]] = {CHINESE: "{what}，到{until}", ENGLISH: "{what} until {until}"}
MOMENT: Final = r"\d+月\d+日\d\d:\d\d"
"""What `moment` says in Chinese, as a pattern."""
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NAMED: Final[Mapping[Language, str]] = {CHINESE: "{name}（{role}）", ENGLISH: "{name} ({role})"}


def role_name(role: Role, language: Language = CHINESE) -> str:
    """Return what people call a role."""
    return ROLES[language][role]


def clause(parts: Sequence[tuple[str, Mapping[str, str]]], language: Language) -> str:
    """Return clauses, each a code with its parameters, joined by commas."""
    return COMMA[language].join(_clause(code, params, language) for code, params in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """Somebody who is nearer and is not told, and how they stand to their duty."""

    name: str
    role: Role
    presence: Presence
    until: datetime | None = None


def sentence(name: str, reason: str, passed_over: Sequence[PassedOver], language: Language) -> str:
    """Return who is responsible and why.

    Args:
        name: the responsible person.
        reason: their clauses.
        passed_over: who is nearer and cannot be told, the nearest first.
        language: of the sentence.
    """
    passed = "".join(f"{SEMICOLON[language]}{said}" for said in _say_passed(passed_over, language))
    return ANSWER[language].format(name=name_in(name, language), reason=reason, passed=passed)


def name_in(name: str, language: Language) -> str:
    """Return a name; the desk that nobody is registered for is called by its role, in each language."""
    if name == ROLES[CHINESE][Role.DESK]:
        return _DESK[language]
    return name


def standing_words(presence: Presence, until: datetime | None, language: Language) -> str:
    """Return how somebody stands to their duty in a word or two; empty for who is on duty."""
    what = _STANDING[language][presence]
    return _UNTIL[language].format(what=what, until=moment(until, language)) if what and until else what


def moment(at: datetime, language: Language) -> str:
    """Return a moment as people of the street say it, without the year."""
    there = at.astimezone(STREET_ZONE)
    if language == CHINESE:
        return f"{there.month}月{there.day}日{there:%H:%M}"
    return f"{there:%H:%M} on {there.day} {_MONTHS[there.month - 1]}"


def _say_passed(passed_over: Sequence[PassedOver], language: Language) -> Iterator[str]:
    """Yield a clause for each way of not being there; whoever is away has a time of their own."""
    groups: dict[tuple[Presence, datetime | None], list[str]] = {}
    for one in passed_over:
        # Of somebody who is off duty the sentence says no time: only an absence is waited for.
        key = (one.presence, one.until if one.presence is Presence.AWAY else None)
        named = NAMED[language].format(name=one.name, role=role_name(one.role, language))
        groups.setdefault(key, []).append(named)
    for (presence, until), people in groups.items():
        yield PASSED[language][presence].format(
            people=LIST[language].join(people), until=moment(until, language) if until else ""
        )


def _clause(code: str, params: Mapping[str, str], language: Language) -> str:
    shown = dict(params)
    if "role" in shown:
        shown["role"] = role_name(Role(shown["role"]), language)
    if "others" in shown:
        shown["others"] = shown["others"].replace(LIST[CHINESE], LIST[language])
    return CLAUSES[language][code].format_map(shown)
