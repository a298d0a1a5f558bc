"""What an alarm says of its rule is kept; what is kept from people makes no noise until it is shown again."""

from datetime import timedelta

from sqlalchemy import select

from server.alarms.tables import Alarm
from server.items.model import Move
from server.items.tables import ItemMove
from server.notify.tables import Notice
from wire.messages import Voter
from wire.vocabulary import Condition, Measure, Suppression, Vote


async def only(world):
    async with world.database.read() as session:
        (alarm,) = await session.scalars(select(Alarm))
        return alarm


async def notices(world) -> int:
    async with world.database.read() as session:
        return len(list(await session.scalars(select(Notice))))


async def test_rule_sentence_voters_stage_and_who_hides_it_are_kept(world):
    until = world.clock.now() + timedelta(hours=2)
    said = world.state(
        rule_hash="0123456789abcdef",
        sentence="两个探测器里有两个报警",
        sentence_en="two of two detectors",
        measure=Measure.MEAN,
        window_ms=60_000,
        stage=2,
        votes_needed=2,
        voters=(Voter(device="gas-1", point="gas_lel", vote=Vote.YES, value=31.0, unit="%{LEL}"),),
        suppression=Suppression.SHELVED,
        suppressed_until=until,
        suppressed_by="op-1, op-2",
        suppressed_why="calibration",
        explained_by="a0",
    )
    await world.take(world.alarm_message(said))
    kept = await only(world)
    for name in (
        "rule_hash",
        "sentence",
        "sentence_en",
        "measure",
        "window_ms",
        "stage",
        "votes_needed",
        "suppressed_until",
        "suppressed_by",
        "suppressed_why",
        "explained_by",
    ):
        assert getattr(kept, name) == getattr(said, name), name
    assert kept.voters[0]["vote"] == "yes"
    assert kept.voters[0]["value"] == 31.0


async def test_a_shelved_alarm_makes_no_noise_and_one_that_is_shown_again_does(world):
    hidden = {"suppression": Suppression.SHELVED, "suppressed_by": "op-1", "suppressed_why": "paint"}
    await world.take(world.alarm_message(world.state(**hidden)))
    world.clock.advance(seconds=400)
    assert await world.items() == []
    assert await notices(world) == 0
    await world.take(world.alarm_message(world.state()))
    assert (await world.item()).device == "gas-1"
    assert await notices(world) > 0


async def test_a_shelved_alarm_that_ends_while_it_is_hidden_was_never_anything(world):
    hidden = {"suppression": Suppression.OUT_OF_SERVICE}
    await world.take(world.alarm_message(world.state(**hidden)))
    await world.take(world.alarm_message(world.state(condition=Condition.NORMAL, **hidden)))
    assert await world.items() == []
    assert await notices(world) == 0


async def test_an_item_whose_alarm_was_hidden_and_is_shown_again_is_told_again(world):
    await world.raise_alarm()
    await world.take(world.alarm_message(world.state(suppression=Suppression.SHELVED)))
    before = await notices(world)
    world.clock.advance(seconds=30)
    await world.take(world.alarm_message(world.state()))
    moves = [move for move in await world.rows(ItemMove) if move.move is Move.RAISE]
    assert len(moves) == 1
    assert await notices(world) >= before


async def test_an_ended_alarm_whose_time_of_raise_is_corrected_later_changes_nothing_else(world):
    item = await world.raise_alarm()
    await world.clear_alarm()
    raised = world.clock.now() - timedelta(days=3)
    await world.clear_alarm(raised_at=raised)
    assert (await only(world)).raised_at == raised
    assert [one.id for one in await world.items()] == [item.id]
