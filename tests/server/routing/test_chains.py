"""Whose a device is: what the register names, then where it stands, then upward to the desk."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.people.model import Role, Scope
from server.people.roster import Presence, Roster
from server.people.shifts import AbsenceFacts, Times
from server.places.tables import Datum
from server.routing.model import Why
from server.routing.resolve import resolve
from server.routing.street import DeviceFacts
from tests.server.routing.streets import BEGIN, CODES, DUTIES, duties, moments, person, rosters, street

NOON = BEGIN + timedelta(hours=12)


def chain(device, facts=None, at=NOON):
    return resolve(facts or street(), device, at)


def told(found):
    return [(link.person, link.role) for link in found.links if link.reachable]


@pytest.mark.parametrize(
    ("device", "why", "grid"),
    [
        (DeviceFacts(building="B1", door="102室"), Why.BUILDING_IN_GRID, "W1"),
        (DeviceFacts(building="B1", door="101室"), Why.DOOR_IN_GRID, "D1"),
        (DeviceFacts(building="B1", unit="U2", door="202室"), Why.UNIT_IN_GRID, "W2"),
        (DeviceFacts(building="B1", unit="U1", door="202室"), Why.BUILDING_IN_GRID, "W1"),
        (DeviceFacts(building="B1", grid="W2", door="101室"), Why.DEVICE_LISTED, "W2"),
        (DeviceFacts(building="B2"), Why.BLOCK_IN_GRID, "D1"),
        (DeviceFacts(building="B3"), Why.BUILDING_IN_ESTATE, None),
        (DeviceFacts(building="B4"), Why.BUILDING_IN_BLOCK, None),
        (DeviceFacts(position=(1, 1)), Why.DEVICE_IN_GRID, "W1"),
        (DeviceFacts(position=(3.5, 0.5)), Why.DEVICE_IN_GRID, "D1"),
        (DeviceFacts(position=(9, 9)), Why.IN_COMMUNITY, None),
        (DeviceFacts(position=(50, 50)), Why.OUTSIDE_EVERY_GRID, None),
        (None, Why.NOT_REGISTERED, None),
    ],
)
def test_the_narrowest_thing_that_is_named_decides_and_then_the_smallest_polygon(device, why, grid):
    found = chain(device)
    assert found.grid == grid
    said = [reason.code for link in found.links for reason in link.why]
    assert why in said


def test_the_chain_goes_from_the_grid_upward_to_the_desk():
    assert told(chain(DeviceFacts(building="B1", grid="W2"))) == [
        ("zhao", Role.LEADER),
        ("chen", Role.OFFICER),
        ("room", Role.DUTY_ROOM),
        ("liu", Role.SECRETARY),
        ("fix", Role.MAINTAINER),
        ("desk", Role.DESK),
    ]
    assert ("porter", Role.DUTY_ROOM) in told(chain(DeviceFacts(building="B2")))


def test_a_grid_that_names_no_parent_belongs_to_the_comprehensive_grid_around_it():
    assert ("chen", Role.OFFICER) in told(chain(DeviceFacts(position=(1, 1))))


def test_whom_the_register_names_for_a_device_comes_before_everybody():
    found = chain(DeviceFacts(building="B1", responsible="sun"))
    assert found.owner.person == "sun"
    assert found.reason == "由sun负责，因为登记表指定sun负责这个设备。"
    assert [person for person, _ in told(found)][1:3] == ["wang", "li"]


def test_on_a_border_both_leaders_are_told_and_one_owns_it():
    found = chain(DeviceFacts(position=(2, 1)))
    assert (found.grid, found.neighbours) == ("W1", ("W2",))
    assert found.owner.person == "wang"
    assert [person for person, role in told(found) if role is Role.LEADER] == ["wang", "zhao"]
    assert "边界" in found.reason
    assert "边界" in chain(DeviceFacts(position=(2, 1))).links[2].reason
    assert "told as well" in next(link for link in found.links if link.person == "zhao").reason_in("en")


def test_on_a_border_the_deputy_who_leads_the_other_side_is_told_as_a_leader():
    """Neighbours stand in for each other: the deputy on one side is mostly the leader of the other."""
    rows = [*DUTIES, ("zhao", Role.DEPUTY, Scope.GRID, "W1"), ("wang", Role.DEPUTY, Scope.GRID, "W2")]
    found = resolve(
        street(Roster([person(c) for c in CODES], duties(rows))), DeviceFacts(position=(2, 1)), BEGIN
    )
    assert found.owner.person == "wang"
    assert [person for person, role in told(found) if role is Role.LEADER] == ["wang", "zhao"]
    assert len([link for link in found.links if link.person == "zhao"]) == 1


def test_coordinates_of_another_datum_are_not_compared():
    """GCJ-02 lies some hundred metres away, by a rule that is not published: no guess is made."""
    assert chain(DeviceFacts(position=(21, 1))).grid is None
    assert chain(DeviceFacts(position=(21, 1), datum=Datum.GCJ02)).grid == "G1"
    assert chain(DeviceFacts(position=(1, 1), datum=Datum.GCJ02)).grid is None
    assert chain(DeviceFacts(position=(1, 1), datum=Datum.CGCS2000)).grid == "W1"


def test_the_reason_says_who_is_away_and_until_when_in_both_languages():
    away = AbsenceFacts(person="wang", begins=BEGIN, ends=BEGIN + timedelta(hours=18))
    facts = street(Roster([person(code) for code in CODES], duties(), absences=[away]))
    found = chain(DeviceFacts(building="B1"), facts)
    assert found.owner.person == "li"
    assert found.reason == (
        "由li负责，因为1幢属于一号微网格，li是副网格长；wang（网格长）不在，11月23日18:00回来。"
    )
    assert found.reason_in("en") == (
        "To li, because 1幢 belongs to 一号微网格, li is the deputy grid leader;"
        " wang (grid leader) is away until 18:00 on 23 Nov."
    )


def test_a_stand_in_is_told_as_the_one_they_stand_in_for():
    away = AbsenceFacts(person="wang", begins=BEGIN, ends=BEGIN + timedelta(days=1), stand_in="zhao")
    found = chain(
        DeviceFacts(building="B1"), street(Roster([person(c) for c in CODES], duties(), absences=[away]))
    )
    assert (found.owner.person, found.owner.role) == ("zhao", Role.LEADER)
    assert "zhao代wang（网格长）值班" in found.reason


def test_off_duty_is_silent_and_duty_at_another_post_still_counts():
    rows = (*DUTIES, ("wang", Role.SECRETARY, Scope.COMMUNITY, "C1"))
    held = duties(rows)
    roster = Roster(
        [person(c) for c in CODES], held, times={held[0]: [Times(days="7", begins="00:00", ends="01:00")]}
    )
    found = chain(DeviceFacts(building="B1"), street(roster))
    assert (found.links[0].person, found.links[0].presence) == ("wang", Presence.OFF_DUTY)
    assert [role for who, role in told(found) if who == "wang"] == [Role.SECRETARY]
    assert "wang（网格长）现在不值班" in found.reason


def test_a_desk_that_nobody_can_reach_is_still_the_last():
    nobody = street(Roster([person(c, reachable=False) for c in CODES], duties()))
    found = chain(DeviceFacts(building="B1"), nobody)
    assert found.owner is found.links[-1]
    assert found.owner.role is Role.DESK
    assert "指挥中心的页面" in found.reason
    assert "desk's page" in chain(DeviceFacts(building="B1"), street(Roster([], []))).reason_in("en")


_points = st.one_of(
    st.none(),
    st.tuples(st.floats(-2, 24, allow_nan=False), st.floats(-2, 12, allow_nan=False)),
    st.just((2, 1)),
)
devices = st.none() | st.builds(
    DeviceFacts,
    building=st.sampled_from([None, "B1", "B2", "B3", "B4", "B9"]),
    unit=st.sampled_from([None, "U1", "U2", "U9"]),
    door=st.sampled_from(["", "101室"]),
    position=_points,
    datum=st.sampled_from(list(Datum)),
    grid=st.sampled_from([None, "W2", "W9"]),
    responsible=st.sampled_from([None, "sun", "nobody"]),
    maintainer=st.sampled_from([None, "fix", "wang"]),
)


@given(device=devices, at=moments, roster=rosters())
def test_for_any_place_minute_and_set_of_absences_there_is_an_owner(device, at, roster):
    found = resolve(street(roster), device, at)
    assert found.owner in found.links
    assert found.links[-1].role is Role.DESK
    assert found.reason.endswith("。")
    assert found.reason_in("en").endswith(".")
    reached = [link for link in found.links if link.reachable]
    assert found.owner.reachable or not [one for one in reached if one.role is not Role.MAINTAINER]
    assert found.owner.reachable or found.owner.person == "", "else it is the desk's page itself"
    for link in reached:
        assert not any(away.holds(at) for away in roster.absences.get(link.person, ())), "off duty is silent"
