"""The proof says of each grid and hour what asking minute by minute would say, and says it quickly."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.people.model import Role
from server.people.roster import Roster
from server.people.shifts import AbsenceFacts, Times
from server.routing.proof import prove
from server.routing.resolve import resolve
from server.routing.street import DeviceFacts
from tests.server.routing.streets import BEGIN, CODES, MINUTES, duties, person, rosters, street

GRIDS = ("W1", "W2", "D1", "G1", "Z1")


def everybody(**changes):
    return Roster([person(code) for code in CODES], duties(), **changes)


def told(facts, grid, minute):
    """How many different people a device in the grid reaches, asked the long way."""
    found = resolve(facts, DeviceFacts(grid=grid), BEGIN + timedelta(minutes=minute))
    return len({link.person for link in found.links if link.reachable and link.role is not Role.MAINTAINER})


def proved(proof, grid, minute):
    at = BEGIN + timedelta(minutes=minute)
    gaps = [gap.least for gap in proof.gaps if gap.grid == grid and gap.begins_at <= at < gap.ends_at]
    return gaps[0] if gaps else 2


def test_a_street_with_two_people_everywhere_has_nothing_listed_but_the_grid_without_people():
    proof = prove(street(everybody()), BEGIN)
    assert proof.grids == 5
    assert [(gap.grid, gap.least) for gap in proof.gaps] == [("G1", 1)], (
        "its community has nobody but the desk"
    )
    assert proof.thin_hours == 7 * 24


def test_an_absence_lists_exactly_its_hours_of_the_grid_that_it_leaves_thin():
    away = AbsenceFacts(
        person="desk", begins=BEGIN + timedelta(hours=30, minutes=59), ends=BEGIN + timedelta(hours=32)
    )
    proof = prove(street(everybody(absences=[away])), BEGIN)
    gaps = [(gap.begins_at - BEGIN, gap.ends_at - BEGIN, gap.least) for gap in proof.gaps if gap.grid == "G1"]
    hours = timedelta(hours=1)
    assert gaps == [(0 * hours, 30 * hours, 1), (30 * hours, 32 * hours, 0), (32 * hours, 168 * hours, 1)]
    assert {gap.grid for gap in proof.gaps} == {"G1"}


def test_a_hole_of_one_minute_between_two_shifts_lists_its_hour():
    leader, deputy, *_ = duties()
    shifts = {
        leader: [Times(days="1234567", begins="00:00", ends="12:00")],
        deputy: [Times(days="1234567", begins="12:01", ends="24:00")],
    }
    alone = Roster([person("wang"), person("li"), person("desk")], duties(), times=shifts)
    proof = prove(street(alone), BEGIN + timedelta(minutes=17))
    assert [gap.begins_at.hour for gap in proof.gaps if gap.grid == "W1"] == [12] * 7
    assert all(gap.least == 1 for gap in proof.gaps if gap.grid == "W1")


@settings(max_examples=60, deadline=None)
@given(roster=rosters(), minutes=st.lists(st.integers(0, MINUTES - 1), min_size=1, max_size=12))
def test_no_minute_has_fewer_people_than_the_proof_says(roster, minutes):
    facts = street(roster)
    proof = prove(facts, BEGIN)
    for grid in GRIDS:
        for minute in minutes:
            assert told(facts, grid, minute) >= proved(proof, grid, minute), (grid, minute)


@settings(max_examples=12, deadline=None)
@given(roster=rosters(), hour=st.integers(0, 167), grid=st.sampled_from(GRIDS))
def test_the_worst_minute_of_an_hour_is_as_thin_as_the_proof_says(roster, hour, grid):
    facts = street(roster)
    worst = min(told(facts, grid, hour * 60 + minute) for minute in range(60))
    assert proved(prove(facts, BEGIN), grid, hour * 60) == min(worst, 2)


def test_a_street_without_anybody_lists_everything():
    proof = prove(street(Roster([], [])), BEGIN, hours=3)
    assert {(gap.grid, gap.least) for gap in proof.gaps} == {(grid, 0) for grid in GRIDS}
    assert proof.thin_hours == 15


def test_a_beginning_without_an_offset_is_refused():
    with pytest.raises(TypeError, match="offset"):
        prove(
            street(everybody(absences=[AbsenceFacts(person="li", begins=BEGIN, ends=BEGIN)])),
            BEGIN.replace(tzinfo=None),
        )
