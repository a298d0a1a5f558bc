"""What the desk gives to somebody is followed like anything else: whoever does not answer is not the end."""

import pytest

from server.items.model import ItemState, Move


@pytest.mark.parametrize("told_before_s", [0, 60, 180], ids=["at the start", "with the backup", "at the desk"])
async def test_an_item_given_to_somebody_who_does_not_answer_comes_back_to_the_desk(world, told_before_s):
    await world.raise_alarm()
    await world.pass_time(told_before_s)
    await world.press("op-li", Move.REASSIGN, to="deputy")
    await world.settle()
    heard_before = len(world.heard("desk"))
    await world.pass_time(900)
    assert (await world.item()).state is ItemState.NEW
    assert len(world.heard("desk")) > heard_before
    assert await world.waiting(), "and it goes on, as long as nobody takes it"
