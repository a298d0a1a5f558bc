"""Every standing of an alarm × everything that is said of it: the whole table, written out once more and compared."""

import itertools

import pytest

from server.alarms.machine import RULES, Change, Held, Said, Standing, decide, follows, held_as
from server.alarms.order import Order
from server.items import opening
from server.items.model import ItemState, Move
from server.items.tables import ItemParty
from tests.server.world import GATEWAY
from wire.vocabulary import AlarmClass, Condition, Suppression

# What is said:     pending active clearing latched hidden cleared unreadable gone; "a/b": b if it is more than was heard of.
TABLE = {
    Held.UNKNOWN: "W N N N W N N .",
    Held.UNTOLD: "W N N N W N N S",
    Held.HIDDEN_UNTOLD: "W N N N W W N S",
    Held.ENDED_UNTOLD: "W N N N W W/N N .",
    Held.PENDING: "W R R R W C ~ S",
    Held.ACTIVE: "W ~/R ~/R ~/R W C ~ S",
    Held.CLEARING: "W ~/R ~/R ~/R W C ~ S",
    Held.LATCHED: "W ~/R ~/R ~/R W C ~ S",
    Held.HIDDEN: "W R R R W C ~ S",
    Held.UNREADABLE: "W R R R W C ~ S",
    Held.OVER: "W R R R W C/R R .",
}
# What a gateway says next if nothing was missed ("+"), and what it cannot say next ("!").
NEXT = {
    Held.UNKNOWN: "++!!+!++",
    Held.PENDING: "++!!++++",
    Held.ACTIVE: "!+++++++",
    Held.CLEARING: "!+++++++",
    Held.LATCHED: "!+!+++++",
    Held.ENDED_UNTOLD: "++!!++++",
    Held.OVER: "++!!++++",
}
LETTERS = {
    "N": Change.RAISED,
    "R": Change.RERAISED,
    "~": Change.CHANGED,
    "C": Change.CLEARED,
    "W": Change.WITHHELD,
    "S": Change.SUPERSEDED,
    ".": Change.REPEATED,
}
PAIRS = list(itertools.product(Held, Said))


def expected(held: Held, said: Said, *, more: bool = False) -> Change:
    letters = TABLE[held].split()[list(Said).index(said)].split("/")
    return LETTERS[letters[-1] if more else letters[0]]


@pytest.mark.parametrize(("held", "said"), PAIRS)
def test_every_word_in_every_standing_more_or_not(held, said):
    for more in (False, True):
        assert decide(held, said, Order.NEWER, more=more) is expected(held, said, more=more)


@pytest.mark.parametrize(("held", "said"), PAIRS)
def test_no_word_counts_that_is_not_newer(held, said):
    for more in (False, True):
        assert decide(held, said, Order.OLDER, more=more) is Change.OLDER
        assert decide(held, said, Order.SAME, more=more) is Change.REPEATED


@pytest.mark.parametrize(("held", "said"), PAIRS)
def test_a_word_that_cannot_come_next_is_known_as_one(held, said):
    assert follows(held, said) is (NEXT.get(held, "+" * 8)[list(Said).index(said)] == "+")


def test_the_table_is_whole():
    assert set(RULES) == set(Held) == set(TABLE)
    assert all(set(row) == set(Said) for row in RULES.values())


def said_by(condition: Condition, latched: bool, suppression: Suppression) -> Said:
    if suppression is not Suppression.NONE:
        return Said.CLEARED if condition is Condition.NORMAL and not latched else Said.HIDDEN
    return {
        (Condition.NORMAL, False): Said.CLEARED,
        (Condition.NORMAL, True): Said.LATCHED,
        (Condition.PENDING, False): Said.PENDING,
        (Condition.PENDING, True): Said.LATCHED,
        (Condition.ACTIVE, False): Said.ACTIVE,
        (Condition.ACTIVE, True): Said.ACTIVE,
        (Condition.CLEARING, False): Said.CLEARING,
        (Condition.CLEARING, True): Said.CLEARING,
    }[condition, latched]


@pytest.mark.parametrize("fields", list(itertools.product(Condition, (False, True), Suppression)))
def test_three_fields_say_one_thing_and_stand_as_one(fields):
    condition, latched, suppression = fields
    standing = Standing(condition=condition, latched=latched, suppression=suppression)
    said = said_by(*fields)
    assert standing.said is said
    for told, over, readable in itertools.product((False, True), repeat=3):
        held = held_as(standing, told=told, over=over, readable=readable)
        if over:
            assert held is (Held.OVER if told else Held.ENDED_UNTOLD)
        elif not told:
            assert held is (Held.UNTOLD if suppression is Suppression.NONE else Held.HIDDEN_UNTOLD)
        elif not readable:
            assert held is Held.UNREADABLE
        else:
            assert held.value == ("over" if said is Said.CLEARED else said.value)


# --- the same through rows ------------------------------------------------------------------------

WORDS = {
    Said.PENDING: {"condition": Condition.PENDING},
    Said.ACTIVE: {"condition": Condition.ACTIVE},
    Said.CLEARING: {"condition": Condition.CLEARING},
    Said.LATCHED: {"condition": Condition.NORMAL, "latched": True},
    Said.HIDDEN: {"suppression": Suppression.SHELVED},
    Said.CLEARED: {"condition": Condition.NORMAL},
}
# What was said before, so that it stands so.
BEFORE = {
    Held.UNKNOWN: (),
    Held.UNTOLD: (Said.PENDING,),
    Held.HIDDEN_UNTOLD: (Said.HIDDEN,),
    Held.ENDED_UNTOLD: (Said.HIDDEN, Said.CLEARED),
    Held.PENDING: (Said.ACTIVE, Said.CLEARED, Said.PENDING),
    Held.ACTIVE: (Said.ACTIVE,),
    Held.CLEARING: (Said.ACTIVE, Said.CLEARING),
    Held.LATCHED: (Said.ACTIVE, Said.LATCHED),
    Held.HIDDEN: (Said.ACTIVE, Said.HIDDEN),
    Held.UNREADABLE: (Said.UNREADABLE,),
    Held.OVER: (Said.ACTIVE, Said.CLEARED),
}


def message(world, name: str, said: Said, count: int = 1):
    if said is Said.UNREADABLE:
        return world.alarm_message(f'{{"alarm":"{name}","device":"{name}","kind":"telepathy"}}'.encode())
    return world.alarm_message(world.state(name, name, count=count, **WORDS[said]))


async def test_whatever_is_said_in_whatever_standing_is_taken_as_it_is_said(world, monkeypatch):
    """No word of a gateway is refused: what is held is what was said last, and it means what the table says."""
    heard = {}
    follow = opening.follow

    async def listen(session, applied, **options):
        heard[applied.alarm.alarm] = applied.change, applied.missed
        await follow(session, applied, **options)

    monkeypatch.setattr(opening, "follow", listen)
    cases = {
        f"{held}-{said}-{count}": (held, said, count)
        for held, said in PAIRS
        for count in (1, 2)
        if said is not Said.GONE or (held not in {Held.UNKNOWN, Held.OVER, Held.ENDED_UNTOLD} and count == 1)
    }
    for step in range(3):
        world.clock.advance(seconds=1)
        await world.take(
            *(
                message(world, name, BEFORE[held][step])
                for name, (held, _, _) in cases.items()
                if step < len(BEFORE[held])
            )
        )
    world.clock.advance(seconds=1)
    spoken = {name: case for name, case in cases.items() if case[1] is not Said.GONE}
    await world.take(*(message(world, name, said, count) for name, (_, said, count) in spoken.items()))
    await world.take(world.open_alarms(*spoken, up_ms=10**9))
    for name, (held, said, count) in cases.items():
        more = count == 2 and said is not Said.UNREADABLE
        missed = said not in {Said.UNREADABLE, Said.GONE} and not follows(held, said)
        assert heard[name] == (expected(held, said, more=more), missed), name
        row = await world.alarm(name)
        if said is Said.UNREADABLE:
            assert row.raw is not None, name
            assert row.readable is (heard[name][0] is Change.CHANGED and held is not Held.UNREADABLE), name
        elif said is Said.GONE:
            assert row.superseded_at == world.clock.now(), name
        else:
            assert (row.condition, row.latched, row.suppression, row.count) == (
                WORDS[said].get("condition", Condition.ACTIVE),
                WORDS[said].get("latched", False),
                WORDS[said].get("suppression", Suppression.NONE),
                count,
            ), name
            assert (row.cleared_at is None) == (said is not Said.CLEARED), name


async def closed(world) -> None:
    """An item that was seen to, and over, long before."""
    await world.raise_alarm()
    await world.press("leader", Move.FINISH)
    await world.clear_alarm()
    world.clock.advance(seconds=3600)
    assert [item.state for item in await world.items()] == [ItemState.CLOSED]


async def test_a_cause_that_waited_after_the_end_is_told_when_it_is_there_whatever_it_counts(world):
    await closed(world)
    await world.take(world.alarm_message(world.state(condition=Condition.PENDING)))
    assert len(await world.items()) == 1
    await world.raise_alarm()
    assert [item.state for item in await world.items()] == [ItemState.CLOSED, ItemState.NEW]


async def test_a_further_stage_of_the_same_class_is_told_again(world):
    await world.raise_alarm(stage=1)
    await world.settle()
    world.clock.advance(seconds=20)
    await world.raise_alarm(stage=1, value=30.0)
    await world.settle()
    assert len(world.heard("leader")) == 1, "a value alone is no news"
    await world.raise_alarm(stage=2, value=60.0)
    await world.settle()
    assert len(world.heard("leader")) == 2


@pytest.mark.parametrize("later_s", [60, 7200])
@pytest.mark.parametrize("worse", [{"class_": AlarmClass.LIFE_SAFETY}, {"stage": 2}], ids=["class", "stage"])
async def test_what_gets_worse_after_the_desk_closed_it_is_told(world, later_s, worse):
    first = {"class_": AlarmClass.HAZARD, "stage": 1}
    await world.raise_alarm(**first)
    await world.press("op-li", Move.CLOSE_EXCEPTION, reason="明天更换")
    world.clock.advance(seconds=later_s)
    await world.raise_alarm(**first, value=9.0)
    assert (await world.item()).state is ItemState.CLOSED
    await world.raise_alarm(**{**first, **worse})
    item = await world.item()
    assert (item.state, item.alarm_over) == (ItemState.NEW, False)
    assert item.class_ is worse.get("class_", AlarmClass.HAZARD)
    await world.settle()
    assert world.heard("leader")


async def test_a_latched_alarm_first_heard_of_while_its_cause_waits_again_is_told(world):
    await world.take(world.alarm_message(world.state(condition=Condition.PENDING, latched=True)))
    [item] = await world.items()
    assert (item.owner, item.class_) == ("leader", AlarmClass.LIFE_SAFETY)


@pytest.mark.parametrize("before", [closed, None], ids=["after its end", "while it is hidden"])
async def test_what_nobody_can_read_goes_to_the_desk_where_nobody_looks_at_the_alarm(world, before):
    """It may say that it is back, or shown."""
    if before is None:
        await world.take(world.alarm_message(world.state(suppression=Suppression.SHELVED)))
    else:
        await before(world)
    world.clock.advance(seconds=1)
    await world.take(world.alarm_message(b'{"alarm":"a1","kind":"telepathy"}'))
    item = await world.item()
    assert (item.state, item.owner, item.alarm_over) == (ItemState.NEW, None, False)
    await world.settle()
    parties = [party.person for party in await world.rows(ItemParty) if party.item == item.id]
    assert parties == ["desk"]
    assert world.heard("desk")
    await world.clear_alarm()
    assert (await world.item()).alarm_over


async def test_one_that_ended_while_it_was_hidden_stays_nothing_when_its_time_is_corrected(world):
    await world.take(world.alarm_message(world.state(suppression=Suppression.SHELVED)))
    await world.clear_alarm()
    await world.clear_alarm(raised_at=world.clock.now())
    assert await world.items() == []
    assert (await world.alarm()).gateway == GATEWAY
