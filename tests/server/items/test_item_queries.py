"""What pages read of items."""

from server.items import queries
from server.items.machine import Refusal
from server.items.model import ActorKind, ItemState, Move
from server.items.queries import ItemFilter
from server.people.tables import Person
from wire.vocabulary import AlarmClass, Condition, Kind, Mode


async def test_lists_show_the_gravest_first_and_closed_ones_last(world):
    await world.raise_alarm("a1", kind=Kind.WATER, class_=AlarmClass.ADVICE)
    world.clock.advance(seconds=1)
    await world.raise_alarm("a2", "gas-2")
    world.clock.advance(seconds=1)
    await world.raise_alarm("a3", kind=Kind.ELECTRIC, class_=AlarmClass.HAZARD)
    world.clock.advance(seconds=1)
    await world.raise_alarm("a4", mode=Mode.DRILL)
    await world.press("op-li", Move.CLOSE_EXCEPTION, reason="演练结束")
    async with world.database.read() as session:
        shown = await queries.list_items(session, ItemFilter(open=None))
        assert [item.class_ for item in shown] == [
            AlarmClass.LIFE_SAFETY,
            AlarmClass.HAZARD,
            AlarmClass.ADVICE,
            AlarmClass.LIFE_SAFETY,
        ]
        assert shown[-1].state is ItemState.CLOSED
        assert await queries.count_items(session, ItemFilter()) == 3
        assert await queries.count_items(session, ItemFilter(open=False, mode=Mode.DRILL)) == 1
        assert await queries.count_items(session, ItemFilter(community="c1", grid="g1")) == 3
        assert await queries.count_items(session, ItemFilter(at_desk=True)) == 0
        assert len(await queries.list_items(session, ItemFilter(), limit=1, offset=2)) == 1


async def test_a_persons_list_holds_what_they_were_told_and_did_not_refuse(world):
    item = await world.raise_alarm()
    async with world.database.read() as session:
        assert [i.id for i in await queries.items_of_person(session, "officer")] == [item.id]
        assert await queries.items_of_person(session, "deputy") == []
    await world.press("officer", Move.NOT_MINE)
    await world.press("leader", Move.FINISH)
    await world.clear_alarm()
    async with world.database.read() as session:
        assert await queries.items_of_person(session, "officer", closed_since=item.opened_at) == []
        assert await queries.items_of_person(session, "leader") == []
        [closed] = await queries.items_of_person(session, "leader", closed_since=item.opened_at)
        assert closed.state is ItemState.CLOSED


async def test_a_story_holds_everything(world):
    item = await world.raise_alarm()
    await world.press("leader", Move.ACCEPT)
    async with world.database.read() as session:
        story = await queries.item_story(session, item.id)
        assert await queries.item_story(session, "none") is None
        assert await queries.find_item(session, "none") is None
    assert story is not None
    assert [alarm.alarm for alarm in story.alarms] == ["a1"]
    assert [row.move for row in story.moves] == [Move.OPEN, Move.ACCEPT]
    assert {party.person for party in story.parties} == {"leader", "officer", "room"}
    assert len(story.notices) == 3
    assert len(story.dues) == 3


async def test_which_presses_are_open(world):
    await world.raise_alarm()
    await world.press("leader", Move.ACCEPT)
    item = await world.item()
    async with world.database.read() as session:
        own = await queries.open_moves(session, item, ActorKind.PERSON, "leader", now=world.clock.now())
        other = await queries.open_moves(session, item, ActorKind.PERSON, "officer", now=world.clock.now())
        stranger = await queries.open_moves(session, item, ActorKind.PERSON, "deputy", now=world.clock.now())
        desk = await queries.open_moves(session, item, ActorKind.OPERATOR, "li", now=world.clock.now())
    assert own[Move.ARRIVE] is None
    assert own[Move.UNDO] is None
    assert other[Move.UNDO] is Refusal.NOTHING_TO_UNDO
    assert own[Move.ACCEPT] is Refusal.ALREADY
    assert other[Move.ARRIVE] is Refusal.TAKEN
    assert stranger[Move.ARRIVE] is Refusal.NOT_TOLD
    assert desk[Move.CLOSE_EXCEPTION] is None
    assert desk[Move.CONFIRM_FALSE_ALARM] is Refusal.NOTHING_CLAIMED


async def test_no_persons_name_leaves_the_register_with_a_notice(world):
    await world.raise_alarm()
    await world.raise_alarm(condition=Condition.ACTIVE, count=2)
    await world.pass_time(300)
    names = [person.name for person in await world.rows(Person)]
    for message in world.channel.sent:
        assert not any(name in message.rendered.text for name in names)
