"""Why somebody was told, read back from the Chinese sentence that was stored, is the English one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.people.model import Role
from server.people.roster import Presence
from server.routing.model import Chain, ChainLink, Reason, Why
from server.routing.resolve import resolve
from server.routing.sentences import CHINESE, CLAUSES, ENGLISH
from server.routing.translation import translate
from tests.server.routing.streets import BEGIN, moments, rosters, street
from tests.server.routing.test_chains import devices

NAMES = {
    "person": "王秀兰",
    "other": "李建国",
    "role": "deputy",
    "grid": "1号微网格",
    "others": "2号微网格、3号微网格",
    "building": "3号楼",
    "door": "201室",
    "unit": "2单元",
    "block": "云栖商务楼",
    "estate": "东苑",
    "community": "东社区",
}
"""Of every parameter that a clause takes."""


def gapless(text: str) -> str:
    """Between a building's name and a door's the Chinese sentence has no gap that could be read back."""
    return text.replace(" ", "")


def link(*why: Why, name="王秀兰", presence=Presence.ON_DUTY, until=None):
    reasons = tuple(Reason(code=one, params=NAMES) for one in why)
    return ChainLink(
        person=name, name=name, role=Role.LEADER, reachable=True, why=reasons, presence=presence, until=until
    )


@pytest.mark.parametrize("code", list(Why))
def test_every_clause_is_read_back(code):
    one = link(code, Why.HOLDS_ROLE)
    english = one.reason_in(ENGLISH)
    assert gapless(translate(one.reason, ENGLISH)) == gapless(english)
    assert gapless(translate(one.answer, ENGLISH)) == gapless(f"To 王秀兰, because {english}.")
    assert gapless(translate(f"{one.reason}。", ENGLISH)) == gapless(f"{english[0].upper()}{english[1:]}.")
    assert translate(one.reason, CHINESE) == one.reason


@given(device=devices, at=moments, roster=rosters())
def test_whatever_the_street_answers_is_read_back(device, at, roster):
    found = resolve(street(roster), device, at)
    assert gapless(translate(found.reason, ENGLISH)) == gapless(found.reason_in(ENGLISH))
    for one in found.links:
        assert gapless(translate(one.reason, ENGLISH)) == gapless(one.reason_in(ENGLISH))


def test_each_way_of_not_being_there_is_read_back():
    absent = [
        link(Why.HOLDS_ROLE, name=f"人{n}", presence=presence, until=BEGIN)
        for n, presence in enumerate([*Presence][1:])
    ]
    away = [link(Why.HOLDS_ROLE, name=name, presence=Presence.AWAY, until=BEGIN) for name in ("甲", "乙")]
    links = [ChainLink(**{**_fields(one), "reachable": False}) for one in (*absent, *away)]
    found = Chain(
        links=(*links, link(Why.DEVICE_LISTED)),
        community=None,
        grid=None,
        building=None,
        where="",
        device_name="",
    )
    assert "回来" in found.reason
    assert translate(found.reason, ENGLISH) == found.reason_in(ENGLISH)


def _fields(one):
    return {name: getattr(one, name) for name in ChainLink.__slots__}


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "已经联系住户",
        "由王秀兰负责，因为我说了算。",
        "张三是好人",
        "王秀兰是网格长，她在路上",
        "To leader, because",
    ],
)
def test_what_a_person_typed_is_not_told_again(typed):
    assert translate(typed, ENGLISH) is None


@given(st.text())
def test_any_text_is_either_read_whole_or_left(text):
    assert translate(text, CHINESE) in (None, text)


def test_both_languages_know_the_same_clauses():
    assert CLAUSES[CHINESE].keys() == CLAUSES[ENGLISH].keys() == {one.value for one in Why}
