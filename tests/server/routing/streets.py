"""A small street of facts, and one in which hypothesis moves everything."""

from datetime import datetime, timedelta

from hypothesis import strategies as st

from server.clock import STREET_ZONE
from server.people.model import DutyFacts, PersonFacts, Role, Scope
from server.people.roster import Roster
from server.people.shifts import AbsenceFacts, SwapFacts, Times
from server.places.tables import Datum, GridKind
from server.routing.street import (
    BlockFacts,
    BuildingFacts,
    CommunityFacts,
    EstateFacts,
    GridFacts,
    Street,
    UnitFacts,
)

BEGIN = datetime(2026, 11, 23, 0, 0, tzinfo=STREET_ZONE)
"""A Monday."""
DUTIES = (
    ("wang", Role.LEADER, Scope.GRID, "W1"),
    ("li", Role.DEPUTY, Scope.GRID, "W1"),
    ("zhao", Role.LEADER, Scope.GRID, "W2"),
    ("sun", Role.LEADER, Scope.GRID, "D1"),
    ("chen", Role.OFFICER, Scope.GRID, "Z1"),
    ("room", Role.DUTY_ROOM, Scope.ESTATE, "E1"),
    ("porter", Role.DUTY_ROOM, Scope.BLOCK, "S1"),
    ("liu", Role.SECRETARY, Scope.COMMUNITY, "C1"),
    ("fix", Role.MAINTAINER, Scope.STREET, ""),
    ("desk", Role.DESK, Scope.STREET, ""),
)
CODES = tuple(duty[0] for duty in DUTIES)


def box(west, south, east, north):
    return f"POLYGON(({west} {south},{east} {south},{east} {north},{west} {north},{west} {south}))"


def person(code, *, reachable=True):
    return PersonFacts(code=code, name=code, reachable=reachable)


def duties(rows=DUTIES):
    return [DutyFacts(person=who, role=role, scope=scope, code=code) for who, role, scope, code in rows]


def street(roster=None, **changes):
    """Two micro-grids side by side in a comprehensive grid, a dedicated one in the second."""
    facts = {
        "communities": {
            "C1": CommunityFacts(code="C1", name="枫桥里社区", polygon=box(0, 0, 10, 10)),
            "C2": CommunityFacts(code="C2", name="运河湾社区"),
        },
        "estates": {"E1": EstateFacts(code="E1", name="枫桥新村", community="C1")},
        "grids": {
            grid.code: grid
            for grid in (
                GridFacts(
                    code="Z1",
                    name="综合网格",
                    kind=GridKind.COMPREHENSIVE,
                    community="C1",
                    polygon=box(0, 0, 4, 2),
                ),
                GridFacts(
                    code="W1", name="一号微网格", kind=GridKind.MICRO, community="C1", polygon=box(0, 0, 2, 2)
                ),
                GridFacts(
                    code="W2",
                    name="二号微网格",
                    kind=GridKind.MICRO,
                    community="C1",
                    parent="Z1",
                    polygon=box(2, 0, 4, 2),
                ),
                GridFacts(
                    code="D1",
                    name="学校专属网格",
                    kind=GridKind.DEDICATED,
                    community="C1",
                    parent="Z1",
                    polygon=box(3, 0, 4, 1),
                ),
                GridFacts(
                    code="G1",
                    name="旧图网格",
                    kind=GridKind.MICRO,
                    community="C2",
                    polygon=box(20, 0, 22, 2),
                    datum=Datum.GCJ02,
                ),
            )
        },
        "buildings": {
            building.code: building
            for building in (
                BuildingFacts(code="B1", name="1幢", grid="W1", estate="E1"),
                BuildingFacts(code="B2", name="汇金大厦", block="S1"),
                BuildingFacts(code="B3", name="2幢", estate="E1"),
                BuildingFacts(code="B4", name="塔楼", block="S2"),
            )
        },
        "blocks": {
            "S1": BlockFacts(code="S1", name="汇金广场", community="C1", grid="D1"),
            "S2": BlockFacts(code="S2", name="新广场", community="C1"),
        },
        "units": {
            "U1": UnitFacts(code="U1", name="1单元"),
            "U2": UnitFacts(code="U2", name="2单元", grid="W2"),
        },
        "doors": {("B1", "101室"): "D1"},
        "roster": roster or Roster([person(code) for code in CODES], duties()),
    }
    return Street(**{**facts, **changes})


MINUTES = 7 * 24 * 60
_spans = st.tuples(st.integers(-2000, MINUTES), st.integers(1, 4000)).map(
    lambda pair: (BEGIN + timedelta(minutes=pair[0]), BEGIN + timedelta(minutes=sum(pair)))
)
_clock = st.tuples(st.integers(0, 23), st.sampled_from([0, 15, 30, 59])).map(
    lambda hm: f"{hm[0]:02}:{hm[1]:02}"
)
_days = st.sets(st.sampled_from("1234567"), min_size=1).map(lambda days: "".join(sorted(days)))
_times = st.builds(
    Times,
    days=_days,
    begins=_clock,
    ends=st.one_of(_clock, st.just("24:00")),
    cycle_weeks=st.integers(1, 3),
    cycle_start=st.one_of(st.none(), st.just(BEGIN.date())),
)


@st.composite
def rosters(draw):
    """Duty times, absences with stand-ins, swaps, holidays and lost channels, all at once."""
    held = duties()
    absences = [
        AbsenceFacts(person=who, begins=begins, ends=ends, stand_in=other if other != who else None)
        for who, (begins, ends), other in draw(
            st.lists(
                st.tuples(st.sampled_from(CODES), _spans, st.one_of(st.none(), st.sampled_from(CODES))),
                max_size=8,
            )
        )
    ]
    swaps = [
        SwapFacts(duty=duty, begins=begins, ends=ends, taken_by=taker)
        for duty, (begins, ends), taker in draw(
            st.lists(st.tuples(st.sampled_from(held), _spans, st.sampled_from(CODES)), max_size=4)
        )
        if taker != duty.person
    ]
    mute = draw(st.sets(st.sampled_from(CODES)))
    return Roster(
        [person(code, reachable=code not in mute) for code in CODES],
        held,
        times=draw(st.dictionaries(st.sampled_from(held), st.lists(_times, min_size=1, max_size=2))),
        absences=absences,
        swaps=swaps,
        holidays=draw(
            st.dictionaries(
                st.integers(-1, 8).map(lambda n: (BEGIN + timedelta(days=n)).date()), st.integers(1, 7)
            )
        ),
    )


moments = st.integers(0, MINUTES - 1).map(lambda minute: BEGIN + timedelta(minutes=minute))
