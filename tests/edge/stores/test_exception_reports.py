"""What is stored: changes and heartbeats; rules see everything, and the server is told which."""

import pytest

from edge.clock import ManualClock
from edge.model import Point, Snapshot
from edge.stores.batches import build_batches
from edge.stores.exceptionreport import Deadband, ExceptionFilter, ReportPolicy
from wire.vocabulary import Quality

POINTS = (Point("ph", "[pH]"), Point("temperature_c", "Cel"))


class River:
    def __init__(self, **policy):
        self.clock = ManualClock()
        self.policies = {"river": ReportPolicy(**policy)}
        self.filter = ExceptionFilter(self.policies)

    def say(self, *values, qualities=None, seconds=1, live=True):
        self.clock.advance(seconds=seconds)
        return self.filter.choose(
            Snapshot(
                device="river",
                points=POINTS,
                values=values,
                qualities=qualities,
                at=self.clock.moment(),
                live=live,
            )
        )

    def stored(self, *values, **more):
        chosen = self.say(*values, **more)
        return (
            {} if chosen is None else {p.name: v for p, v in zip(chosen.points, chosen.values, strict=True)}
        )


def test_what_did_not_change_is_not_stored_until_its_heartbeat():
    river = River(heartbeat_ms=60_000)
    assert river.stored(7.0, 15.0) == {"ph": 7.0, "temperature_c": 15.0}
    assert [river.stored(7.0, 15.0) for _ in range(59)] == [{}] * 59
    assert river.stored(7.0, 15.0) == {"ph": 7.0, "temperature_c": 15.0}


def test_only_the_point_that_changed_is_stored():
    river = River(heartbeat_ms=60_000)
    river.stored(7.0, 15.0)
    assert river.stored(7.0, 15.1) == {"temperature_c": 15.1}


@pytest.mark.parametrize(("band", "inside", "outside"), [
    (Deadband(absolute=0.5), 7.5, 7.51),
    (Deadband(percent=10), 7.69, 7.71),
    (Deadband(absolute=0.1, percent=10), 6.31, 6.29),
])  # fmt: skip
def test_a_value_may_wander_within_its_deadband_and_no_further(band, inside, outside):
    river = River(heartbeat_ms=60_000, deadbands={"ph": band})
    river.stored(7.0, 15.0)
    assert river.stored(inside, 15.0) == {}
    assert river.stored(outside, 15.0) == {"ph": outside}


def test_slow_drift_is_measured_from_what_was_stored_not_from_the_last_poll():
    river = River(heartbeat_ms=600_000, deadbands={"ph": Deadband(absolute=0.5)})
    stored = [river.stored(7.0 + step / 10, 15.0).get("ph") for step in range(13)]
    assert [value for value in stored if value is not None] == [7.0, 7.6, pytest.approx(8.2)]


def test_a_change_of_quality_is_always_stored():
    river = River(heartbeat_ms=60_000, deadbands={"ph": Deadband(absolute=5)})
    river.stored(7.0, 15.0)
    lost = (Quality.COMM_FAULT,) * 2
    assert river.stored(None, None, qualities=lost) == {"ph": None, "temperature_c": None}
    assert river.stored(None, None, qualities=lost) == {}
    assert river.stored(7.0, 15.0) == {"ph": 7.0, "temperature_c": 15.0}


def test_a_point_that_a_device_did_not_name_is_no_news():
    river = River(heartbeat_ms=60_000)
    river.stored(7.0, 15.0)
    partial = (Quality.GOOD, Quality.STALE)
    assert river.stored(7.2, None, qualities=partial) == {"ph": 7.2}
    assert river.stored(7.2, None, qualities=partial, seconds=60) == {"ph": 7.2, "temperature_c": None}


def test_what_comes_late_is_stored_as_it_comes():
    river = River(heartbeat_ms=60_000)
    river.stored(7.0, 15.0)
    assert len(river.stored(7.0, 15.0, live=False)) == 2


def test_without_a_heartbeat_every_reading_is_stored():
    river = River(heartbeat_ms=0, deadbands={"ph": Deadband(absolute=5)})
    assert [len(river.stored(7.0, 15.0)) for _ in range(3)] == [2, 2, 2]


def test_a_batch_says_how_its_readings_were_chosen():
    river = River(heartbeat_ms=60_000, deadbands={"ph": Deadband(absolute=0.5, percent=2)})
    said = [river.say(7.0, 15.0), river.say(7.0, 16.0), river.say(9.0, 16.0)]
    (batch,) = build_batches(said, river.policies)
    assert [(one.point, one.heartbeat_ms, one.deadband, one.deadband_percent) for one in batch.series] == [
        ("ph", 60_000, 0.5, 2.0),
        ("temperature_c", 60_000, 0.0, 0.0),
    ]
    assert batch.s == (0, 1, 1, 0)
    assert batch.value == (7.0, 15.0, 16.0, 9.0)
