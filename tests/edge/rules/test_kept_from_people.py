"""What is kept from people: shelved, out of service, explained by its cause, silenced."""

from dataclasses import replace
from datetime import timedelta

import pytest

from edge.rules import orders
from edge.rules.model import (
    ContactRule,
    RuleAction,
    ThresholdRule,
)
from edge.rules.suppression import RefusedError
from tests.edge.rules.room import COMMON, GAS, TWO, Room
from wire.vocabulary import Kind, Quality, Suppression


def until(room, hours):
    return room.now().moment.as_datetime() + timedelta(hours=hours)


def test_a_shelved_alarm_is_judged_marked_and_shown_again_by_itself():
    room = Room(ThresholdRule(**GAS, above=5.0, actions=(RuleAction(action="close_valve", device="b"),)))
    orders.shelve(room.engine, key=("r", "a"), until=until(room, 1), person=TWO, now=room.now())
    (raised,) = room.say(9)
    assert (raised.alarm.suppression, raised.alarm.suppressed_by) == (Suppression.SHELVED, "op-1, op-2")
    assert raised.actions, "a shelf hides, it does not disarm"
    room.restart()
    assert room.engine.book.shelves.all
    told = [d.alarm for d in room.wait(3600) if d.alarm]
    assert [alarm.suppression for alarm in told] == [Suppression.NONE]


@pytest.mark.parametrize(
    ("person", "hours", "said"),
    [
        (replace(TWO, agreed_by=""), 1, "second person"),
        (replace(TWO, agreed_by="op-1"), 1, "second person"),
        (replace(TWO, reason=" "), 1, "reason"),
        (replace(TWO, issuer=""), 1, "nobody"),
        (TWO, -1, "past"),
        (TWO, 25, "24 hours"),
    ],
)
def test_life_safety_is_shelved_by_two_with_a_reason_and_for_a_shift(person, hours, said):
    room = Room(ThresholdRule(**GAS, above=5.0))
    with pytest.raises(RefusedError, match=said):
        orders.shelve(room.engine, key=("r", "a"), until=until(room, hours), person=person, now=room.now())
    assert not room.engine.book.shelves


def test_out_of_service_does_nothing_and_back_in_service_acts():
    room = Room(ThresholdRule(**GAS, above=5.0, actions=(RuleAction(action="close_valve", device="b"),)))
    orders.take_out_of_service(room.engine, device="a", until=until(room, 2), person=TWO, now=room.now())
    (raised,) = room.say(9)
    assert (raised.alarm.suppression, raised.actions) == (Suppression.OUT_OF_SERVICE, ())
    told = orders.put_back_in_service(room.engine, device="a", now=room.now())
    assert [plan.action for d in told for plan in d.actions] == ["close_valve"]
    assert next(iter(room.engine.alarms.values())).suppression is Suppression.NONE


def test_a_cause_explains_the_silence_and_when_it_is_hidden_or_over_the_silence_is_shown():
    power = replace(ThresholdRule(**COMMON, below=100.0), id="power-out", kind=Kind.ELECTRIC)
    silent = ContactRule(device="b", after_ms=30_000, explained_by=("power-out",))
    room = Room(power, silent)
    (cause,) = room.say(0, "a")
    room.say(None, "b", Quality.COMM_FAULT)
    told = [d.alarm for d in room.wait(30) if d.alarm]
    assert (told[-1].suppression, told[-1].explained_by) == (Suppression.BY_DESIGN, cause.alarm.alarm)
    shown = orders.shelve(
        room.engine, key=("power-out", "a"), until=until(room, 1), person=TWO, now=room.now()
    )
    marks = {d.alarm.rule: d.alarm.suppression for d in shown if d.alarm}
    assert marks == {"power-out": Suppression.SHELVED, "contact": Suppression.NONE}


def test_a_silenced_siren_sounds_again_when_the_cause_returns_and_stops_when_it_is_over():
    siren = RuleAction(action="sound", device="b", undo="silence")
    room = Room(ThresholdRule(**GAS, above=5.0, off_delay_ms=5_000, actions=(siren,)))
    room.say(9)
    (silenced,) = orders.silence(room.engine, alarm=None, person=TWO, now=room.now())
    assert [plan.action for plan in silenced.actions] == ["silence"]
    with pytest.raises(RefusedError, match="no siren"):
        orders.silence(room.engine, alarm=None, person=TWO, now=room.now())
    room.wait(1)
    room.say(0)
    assert [plan.action for d in room.say(9) for plan in d.actions] == ["sound"]
    room.say(0)
    room.wait(6)
    assert [plan.action for d in room.say(0) for plan in d.actions] == ["silence"]
