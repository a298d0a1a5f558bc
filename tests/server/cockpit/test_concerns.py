"""What must be zero on the wall, and when it is not."""

from datetime import UTC, datetime, timedelta

import pytest

from server.cockpit.model import Concern, Handling, all_told_after, concerns_of, quantile
from server.escalation.plan import DEFAULT_POLICIES
from wire.vocabulary import AlarmClass

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def handling(**changes) -> Handling:
    usual = {
        "opened_at": BEGIN,
        "told_from": BEGIN,
        "owned": True,
        "accepted": False,
        "reached": True,
        "waits": False,
        "next_at": BEGIN + timedelta(hours=1),
        "told_at": BEGIN + timedelta(minutes=3),
    }
    return Handling(**{**usual, **changes})


@pytest.mark.parametrize(
    ("changes", "after_s", "found"),
    [
        ({}, 200, ()),
        ({}, 241, (Concern.OVERDUE,)),
        ({"accepted": True}, 241, ()),
        ({"accepted": True, "next_at": BEGIN}, 61, (Concern.OVERDUE,)),
        ({"owned": False}, 0, (Concern.UNOWNED,)),
        ({"reached": False}, 60, ()),
        ({"reached": False}, 61, (Concern.UNREACHED,)),
        ({"reached": False, "accepted": True}, 61, ()),
        ({"reached": False, "told_from": BEGIN + timedelta(minutes=2)}, 180, ()),
        ({"reached": False, "told_from": BEGIN + timedelta(minutes=2)}, 181, (Concern.UNREACHED,)),
        ({"owned": False, "reached": False, "waits": True}, 9_999, ()),
        ({"owned": False, "reached": False}, 241, tuple(Concern)),
    ],
)
def test_each_concern_begins_when_it_should(changes, after_s, found):
    assert concerns_of(handling(**changes), BEGIN + timedelta(seconds=after_s)) == found


def test_everybody_was_told_when_the_last_step_is_due():
    assert all_told_after(DEFAULT_POLICIES[AlarmClass.LIFE_SAFETY]) == timedelta(seconds=180)
    assert all_told_after(DEFAULT_POLICIES[AlarmClass.HAZARD]) == timedelta(minutes=30)


def test_the_median_and_the_ninetieth_percentile_are_values_that_were_there():
    assert quantile([], 0.5) is None
    assert quantile([5.0], 0.9) == 5
    assert quantile([float(n) for n in range(1, 11)], 0.5) == 5
    assert quantile([float(n) for n in range(10, 0, -1)], 0.9) == 9
