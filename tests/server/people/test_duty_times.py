"""Who is on duty when: nights, rotations, holidays, absences, swaps, in the street's own time."""

from datetime import UTC, date, datetime, timedelta

import pytest

from server.clock import STREET_ZONE
from server.people.model import DutyFacts, PersonFacts, Role, Scope
from server.people.roster import Presence, Roster
from server.people.shifts import AbsenceFacts, SwapFacts, Times, held_at, next_beginning

POST = (Role.LEADER, Scope.GRID, "W01")
WANG, LI, ZHAO = (PersonFacts(code=code, name=code, reachable=True) for code in ("wang", "li", "zhao"))
DUTY = DutyFacts(person="wang", role=Role.LEADER, scope=Scope.GRID, code="W01")
NIGHT = Times(days="1234567", begins="20:00", ends="08:00")
WORKDAYS = Times(days="12345", begins="08:00", ends="20:00")
SUNDAYS = Times(days="7", begins="00:00", ends="24:00")
MONDAY = date(2026, 11, 23)


def at(text, day=MONDAY):
    """A time of the street on a day."""
    return datetime.fromisoformat(f"{day} {text}").replace(tzinfo=STREET_ZONE)


def stand(roster, moment, post=POST):
    return [(one.person.code, one.presence) for one in roster.standings(post, moment)]


@pytest.mark.parametrize(
    ("moment", "held"),
    [("19:59:59", False), ("20:00", True), ("23:59", True), ("07:59:59", True), ("08:00", False)],
)
def test_a_night_shift_goes_over_midnight_in_the_streets_time(moment, held):
    assert held_at([NIGHT], at(moment), {}) is held
    assert held_at([NIGHT], at(moment).astimezone(UTC), {}) is held, "whatever offset the moment is told in"


def test_a_night_that_began_on_the_last_day_of_its_week_goes_on_into_the_next():
    friday_night = Times(days="5", begins="20:00", ends="08:00")
    assert held_at([friday_night], at("03:00", MONDAY + timedelta(days=5)), {})
    assert not held_at([friday_night], at("03:00", MONDAY + timedelta(days=4)), {})


def test_two_who_change_every_week_leave_no_minute_and_share_none():
    even = Times(days="1234567", begins="00:00", ends="24:00", cycle_weeks=2, cycle_start=MONDAY)
    odd = Times(
        days="1234567", begins="00:00", ends="24:00", cycle_weeks=2, cycle_start=MONDAY + timedelta(7)
    )
    for hour in range(24 * 7 * 5):
        moment = at("00:00", MONDAY - timedelta(weeks=2)) + timedelta(hours=hour)
        assert held_at([even], moment, {}) is not held_at([odd], moment, {})


def test_a_public_holiday_is_a_sunday_and_a_saturday_worked_instead_is_a_workday():
    holiday, worked = MONDAY, MONDAY + timedelta(days=5)
    calendar = {holiday: 7, worked: 1}
    assert held_at([WORKDAYS], at("10:00", holiday), {})
    assert not held_at([WORKDAYS], at("10:00", holiday), calendar)
    assert held_at([SUNDAYS], at("10:00", holiday), calendar)
    assert held_at([WORKDAYS], at("10:00", worked), calendar)


def test_the_next_beginning_is_known_even_of_a_long_rotation():
    monthly = Times(days="1", begins="08:00", ends="09:00", cycle_weeks=4, cycle_start=MONDAY)
    assert next_beginning([monthly], at("09:00"), {}) == at("08:00", MONDAY + timedelta(weeks=4))
    assert next_beginning([Times(days="7", begins="08:00", ends="09:00")], at("09:00"), {}) == at(
        "08:00", MONDAY + timedelta(days=6)
    )


def test_a_duty_without_times_is_always_held_and_one_with_times_only_then():
    assert stand(Roster([WANG], [DUTY]), at("03:00")) == [("wang", Presence.ON_DUTY)]
    roster = Roster([WANG], [DUTY], times={DUTY: [WORKDAYS]})
    (standing,) = roster.standings(POST, at("03:00"))
    assert (standing.presence, standing.until) == (Presence.OFF_DUTY, at("08:00"))
    assert not standing.reachable
    assert stand(roster, at("09:00")) == [("wang", Presence.ON_DUTY)]


def test_who_is_away_is_silent_and_the_stand_in_takes_the_turn():
    away = AbsenceFacts(person="wang", begins=at("08:00"), ends=at("18:00"), stand_in="li")
    roster = Roster([WANG, LI], [DUTY], absences=[away])
    first, second = roster.standings(POST, at("12:00"))
    assert (first.person, first.presence, first.until) == (WANG, Presence.AWAY, at("18:00"))
    assert (second.person, second.presence, second.instead_of) == (LI, Presence.ON_DUTY, WANG)
    assert stand(roster, at("18:00")) == [("wang", Presence.ON_DUTY)]
    assert stand(roster, at("07:59:59")) == [("wang", Presence.ON_DUTY)]


def test_absences_that_follow_one_another_end_with_the_last():
    parts = [
        AbsenceFacts(person="wang", begins=at("12:00"), ends=at("18:00")),
        AbsenceFacts(person="wang", begins=at("08:00"), ends=at("12:00")),
    ]
    (standing,) = Roster([WANG], [DUTY], absences=parts).standings(POST, at("09:00"))
    assert standing.until == at("18:00")


def test_a_stand_in_who_is_away_too_hands_on_and_a_circle_ends():
    def away(person, stand_in):
        return AbsenceFacts(person=person, begins=at("00:00"), ends=at("23:00"), stand_in=stand_in)

    people = [WANG, LI, ZHAO]
    on = Roster(people, [DUTY], absences=[away("wang", "li"), away("li", "zhao")])
    assert stand(on, at("12:00")) == [
        ("wang", Presence.AWAY),
        ("li", Presence.AWAY),
        ("zhao", Presence.ON_DUTY),
    ]
    circle = Roster(people, [DUTY], absences=[away("wang", "li"), away("li", "wang")])
    assert stand(circle, at("12:00")) == [("wang", Presence.AWAY), ("li", Presence.AWAY)]


def test_a_duty_taken_over_by_somebody_who_left_since_is_where_it_was():
    gone = PersonFacts(code="li", name="li", reachable=False, active=False)
    swap = SwapFacts(duty=DUTY, begins=at("00:00"), ends=at("23:00"), taken_by="li")
    roster = Roster([WANG, gone], [DUTY], swaps=[swap])
    assert stand(roster, at("12:00")) == [("wang", Presence.ON_DUTY)]


def test_a_swap_hands_one_duty_over_for_its_times_and_no_other():
    other = DutyFacts(person="wang", role=Role.DEPUTY, scope=Scope.GRID, code="W02")
    swap = SwapFacts(duty=DUTY, begins=at("00:00"), ends=at("23:00"), taken_by="li")
    roster = Roster([WANG, LI], [DUTY, other], times={DUTY: [WORKDAYS]}, swaps=[swap])
    assert stand(roster, at("12:00")) == [("wang", Presence.GIVEN_AWAY), ("li", Presence.ON_DUTY)]
    assert stand(roster, at("03:00")) == [("wang", Presence.GIVEN_AWAY)], "the duty's times stay its times"
    assert stand(roster, at("12:00"), (Role.DEPUTY, Scope.GRID, "W02")) == [("wang", Presence.ON_DUTY)]


def test_somebody_without_a_channel_or_who_left_is_never_reachable():
    mute = PersonFacts(code="wang", name="wang", reachable=False)
    gone = PersonFacts(code="wang", name="wang", reachable=False, active=False)
    assert stand(Roster([mute], [DUTY]), at("12:00")) == [("wang", Presence.NO_CHANNEL)]
    assert stand(Roster([gone], [DUTY]), at("12:00")) == [("wang", Presence.LEFT)]


def test_a_moment_without_an_offset_is_refused():
    with pytest.raises(ValueError, match="offset"):
        list(Roster([WANG], [DUTY]).standings(POST, datetime(2026, 11, 23, 12)))  # noqa: DTZ001 - the point
