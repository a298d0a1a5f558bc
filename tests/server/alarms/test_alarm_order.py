"""Which of two states is newer."""

import pytest

from server.alarms.order import Order, Position, compare
from tests.server.world import at


def position(run: str = "r1", seq: int = 5, boot: str = "b1", up_ms: int = 1000, changed_s: float = 0):
    return Position(run=run, seq=seq, boot=boot, up_ms=up_ms, changed_at=at(seconds=changed_s))


@pytest.mark.parametrize(
    ("arriving", "order"),
    [
        (position(seq=6, changed_s=-9, up_ms=1), Order.NEWER),
        (position(seq=5, up_ms=2000), Order.SAME),
        (position(seq=4, changed_s=9, up_ms=2000), Order.OLDER),
        (position("memory", seq=1, changed_s=1, up_ms=1), Order.NEWER),
        (position("memory", seq=900, changed_s=-1, up_ms=2000), Order.OLDER),
        (position("memory", up_ms=1001), Order.NEWER),
        (position("memory", up_ms=1000), Order.OLDER),
        (position("card-2", boot="b2", changed_s=1, up_ms=1), Order.NEWER),
        (position("card-2", boot="b2", up_ms=9000), Order.OLDER),
    ],
)
def test_number_within_a_run_time_of_change_between_runs(arriving, order):
    assert compare(position(), arriving) is order
