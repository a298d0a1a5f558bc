"""What a change would leave thin is what the proof finds afterwards and did not find before."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.people.model import Role, Scope
from server.people.roster import Roster
from server.people.shifts import AbsenceFacts, SwapFacts, Times
from server.routing.changing import RosterChange, changed, worse_gaps
from server.routing.proof import prove
from tests.server.routing.streets import BEGIN, CODES, duties, person, rosters, street

HOUR = timedelta(hours=1)
WANG = next(duty for duty in duties() if duty.person == "wang")


def everybody(**more):
    return street(Roster([person(code) for code in CODES], duties(), **more))


def spoken(gaps):
    return [
        (gap.grid, (gap.begins_at - BEGIN) // HOUR, (gap.ends_at - BEGIN) // HOUR, gap.least) for gap in gaps
    ]


def away(who, since, until):
    return RosterChange(
        absence=AbsenceFacts(person=who, begins=BEGIN + since * HOUR, ends=BEGIN + until * HOUR)
    )


def test_an_absence_names_the_grid_and_the_hours_that_nobody_else_covers():
    few = street(Roster([person("wang"), person("li")], duties()))
    assert spoken(worse_gaps(few, away("li", 30, 32), BEGIN + 30 * HOUR, BEGIN + 32 * HOUR)) == [
        ("W1", 30, 32, 1)
    ]
    lonely = street(few.roster.changed(absences=[away("wang", 0, 168).absence]))
    assert spoken(worse_gaps(lonely, away("li", 30, 32), BEGIN + 30 * HOUR, BEGIN + 32 * HOUR)) == [
        ("W1", 30, 32, 0)
    ]


def test_what_was_thin_before_is_not_blamed_on_the_change():
    assert spoken(worse_gaps(everybody(), away("li", 5, 9), BEGIN, BEGIN + 24 * HOUR)) == []
    thin = street(Roster([person("wang")], duties()))
    assert worse_gaps(thin, away("zhao", 5, 9), BEGIN, BEGIN + 24 * HOUR) == ()


def test_a_stand_in_fills_what_the_absence_leaves():
    few = street(Roster([person("wang"), person("li"), person("zhao")], duties()))
    alone = AbsenceFacts(person="li", begins=BEGIN, ends=BEGIN + 9 * HOUR)
    helped = AbsenceFacts(person="li", begins=BEGIN, ends=BEGIN + 9 * HOUR, stand_in="zhao")
    assert worse_gaps(few, RosterChange(absence=alone), BEGIN, BEGIN + 9 * HOUR)
    assert not [
        gap
        for gap in worse_gaps(few, RosterChange(absence=helped), BEGIN, BEGIN + 9 * HOUR)
        if gap.grid == "W1"
    ]


def test_whoever_takes_a_duty_over_while_away_leaves_it_thin():
    few = Roster([person("wang"), person("li"), person("zhao")], duties())
    few = few.changed(absences=[away("zhao", 3, 6).absence])
    swap = SwapFacts(duty=WANG, begins=BEGIN, ends=BEGIN + 8 * HOUR, taken_by="zhao")
    found = worse_gaps(street(few), RosterChange(swap=swap), BEGIN, BEGIN + 8 * HOUR)
    assert spoken(found) == [("W1", 3, 6, 1)]


def test_new_duty_times_are_looked_at_before_they_count():
    few = street(Roster([person("wang"), person("li")], duties()))
    days = RosterChange(duty=WANG, times=[Times(days="1234567", begins="08:00", ends="24:00")])
    assert spoken(worse_gaps(few, days, BEGIN, BEGIN + 24 * HOUR)) == [("W1", 0, 8, 1)]
    always = RosterChange(duty=WANG, times=[])
    assert worse_gaps(street(changed(few.roster, days)), always, BEGIN, BEGIN + 24 * HOUR) == ()


@st.composite
def changes(draw):
    since = draw(st.integers(0, 160))
    until = since + draw(st.integers(1, 30))
    span = {"begins": BEGIN + since * HOUR, "ends": BEGIN + until * HOUR}
    kind = draw(st.sampled_from(["absence", "swap", "times"]))
    who = draw(st.sampled_from(CODES))
    if kind == "absence":
        stand_in = draw(st.one_of(st.none(), st.sampled_from([code for code in CODES if code != who])))
        return RosterChange(absence=AbsenceFacts(person=who, stand_in=stand_in, **span))
    duty = draw(st.sampled_from(duties()))
    if kind == "swap":
        taker = draw(st.sampled_from([code for code in CODES if code != duty.person]))
        return RosterChange(swap=SwapFacts(duty=duty, taken_by=taker, **span))
    times = draw(st.lists(st.sampled_from([Times(days="135", begins="08:00", ends="20:00")]), max_size=1))
    return RosterChange(duty=duty, times=times)


@settings(max_examples=80, deadline=None)
@given(roster=rosters(), change=changes())
def test_nothing_that_gets_thinner_is_left_unsaid(roster, change):
    """The long way: the proof of every grid before and after, hour by hour."""
    facts, hours = street(roster), 7 * 24
    before, after = prove(facts, BEGIN, hours), prove(street(changed(roster, change)), BEGIN, hours)
    said = {
        (grid, hour): least
        for grid, since, until, least in spoken(worse_gaps(facts, change, BEGIN, BEGIN + hours * HOUR))
        for hour in range(since, until)
    }
    was = {
        (grid, hour): least
        for grid, since, until, least in spoken(before.gaps)
        for hour in range(since, until)
    }
    now = {
        (grid, hour): least
        for grid, since, until, least in spoken(after.gaps)
        for hour in range(since, until)
    }
    assert said == {key: least for key, least in now.items() if least < was.get(key, 2)}


@pytest.mark.parametrize("scope", [Scope.GRID])
def test_the_roster_that_was_asked_is_left_as_it_was(scope):
    roster = everybody().roster
    changed(roster, away("wang", 0, 5))
    assert roster.absences == {}
    assert [one.person.code for one in roster.standings((Role.LEADER, scope, "W1"), BEGIN)] == ["wang"]
