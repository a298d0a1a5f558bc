"""The judge of rehearsals is shown records that went wrong, one way each, and has to say so."""

import copy

import pytest

from firmware_sim.rehearsal.judge import count
from firmware_sim.rehearsal.promises import PROMISES, broken
from firmware_sim.rehearsal.record import Record
from firmware_sim.scenario import Scenario
from firmware_sim.steps import ItemExpectation, ToldExpectation

GAS, STORM, METER = "item-gas", "item-storm", "item-meter"
OPENED = "2026-03-01T12:00:00+00:00"


def item(number: str, **more) -> dict:
    values = {
        "id": number, "device": "gas", "kind": "gas", "class": "life_safety", "state": "accepted", "owner": "wang",
        "building": "B01", "outcome": None, "alarm_over": False, "opened_at": OPENED, "closed_at": None,
        "parent": None, "grouping": None, "held_until": None,
    }  # fmt: skip
    return values | more


def line(alarm: str, device: str, rule: str) -> dict:
    return {
        "event": "alarm_journalled", "level": "info", "change": "raised", "alarm": alarm, "device": device,
        "rule": rule, "condition": "active", "count": 1,
    }  # fmt: skip


def held(alarm: str) -> dict:
    return {"alarm": alarm, "condition": "active", "count": 1}


def right() -> dict:
    """What happens when gas leaks while a meter falls silent, and all goes well."""
    told = [{"id": f"n-{who}", "person": who, "bundle": None} for who in ("wang", "chen")]
    move = {"actor_kind": "person", "move": "accept"}
    return {
        "gateway": [line("a-gas", "gas", "gas-high"), line("a-meter", "meter", "contact")],
        "server": [{"event": "server_started", "level": "info"}],
        "items": [
            item(GAS),
            item(STORM, grouping="storm", device="meter", kind="contact", **{"class": "fault"}),
            item(METER, parent=STORM, device="meter", kind="contact", **{"class": "fault"}),
        ],
        "stories": {
            GAS: {"alarms": [held("a-gas")], "moves": [move], "notices": told},
            STORM: {"alarms": [], "moves": [], "notices": []},
            METER: {"alarms": [held("a-meter")], "moves": [], "notices": []},
        },
        "messages": [
            {"id": one["id"], "person": one["person"], "received_at": "2026-03-01T12:00:02+00:00", "title": "燃气泄漏"}
            for one in told
        ],
    }  # fmt: skip


def told(**more) -> ToldExpectation:
    return ToldExpectation.model_validate({"by": 1, "expect": "told", "people": ["wang", "chen"], **more})


SCENARIO = Scenario.model_validate(
    {
        "name": "s",
        "buses": {"a": {}},
        "devices": [{"name": "gas", "model": "honeywell-midas", "bus": "a"}],
        "expect": [
            {"by": 1, "expect": "told", "device": "gas", "people": ["wang", "chen"]},
            {"by": 1, "expect": "item", "grouping": "storm", "devices": 1},
        ],
    }
)


def lose_the_alarm(found):
    found["stories"][GAS]["alarms"] = []


def make_two_items_of_it(found):
    found["items"].append(item("item-again"))
    found["stories"]["item-again"] = found["stories"][GAS] | {"alarms": [held("a-gas")]}


def open_a_second_one(found):
    found["items"].append(item("item-again"))
    found["stories"]["item-again"] = found["stories"][GAS] | {"alarms": []}


def miss_that_it_came_back(found):
    found["gateway"].append(line("a-gas", "gas", "gas-high") | {"change": "raised_again", "count": 2})


def miss_that_it_is_over(found):
    found["gateway"].append(line("a-meter", "meter", "contact") | {"change": "normal", "condition": "normal"})


def fold_the_gas_away(found):
    found["items"][0]["parent"] = STORM


def hold_the_gas_back(found):
    found["items"][0]["held_until"] = OPENED


def tell_nobody(found):
    found["messages"] = []


def tell_too_late(found):
    for message in found["messages"]:
        message["received_at"] = "2026-03-01T12:00:16+00:00"


def tell_all_but_the_owner(found):
    found["messages"] = [one for one in found["messages"] if one["person"] != "wang"]


def leave_the_desk_out(found):
    found["items"][0]["owner"] = None


def end_without_anybody(found):
    found["items"][0] |= {"closed_at": OPENED, "alarm_over": True, "outcome": "handled"}
    found["stories"][GAS]["moves"] = [{"actor_kind": "system", "move": "close"}]


def end_while_it_stands(found):
    found["items"][0] |= {"closed_at": OPENED, "outcome": "handled"}


def tell_a_stranger(found):
    found["messages"].append(found["messages"][0] | {"person": "zhao"})


def make_something_else(found):
    found["items"].append(item("item-else", device="river", kind="water", **{"class": "fault"}))
    found["stories"]["item-else"] = found["stories"][STORM]


def crash_the_server(found):
    found["server"].append({"event": "request_crashed", "level": "error"})


def crash_the_gateway(found):
    found["gateway"].append({"event": "edge_crashed", "level": "critical"})


WRONG = {
    lose_the_alarm: "nothing_is_lost",
    make_two_items_of_it: "nothing_is_lost",
    open_a_second_one: "nothing_is_doubled",
    miss_that_it_came_back: "server_knows_how_it_stands",
    miss_that_it_is_over: "server_knows_how_it_stands",
    fold_the_gas_away: "grave_stands_alone",
    hold_the_gas_back: "grave_stands_alone",
    tell_nobody: "grave_is_told_in_time",
    tell_too_late: "grave_is_told_in_time",
    tell_all_but_the_owner: "grave_is_told_in_time",
    leave_the_desk_out: "grave_is_told_in_time",
    end_without_anybody: "grave_is_ended_by_somebody",
    end_while_it_stands: "grave_is_ended_by_somebody",
    tell_a_stranger: "messages_are_about_something",
    make_something_else: "everything_was_expected",
    crash_the_server: "nothing_crashed",
    crash_the_gateway: "nothing_crashed",
}


def test_the_judge_is_content_when_all_goes_well():
    assert broken(Record(**right()), SCENARIO) == []


@pytest.mark.parametrize("go_wrong", WRONG, ids=lambda one: one.__name__)
def test_the_judge_sees_what_went_wrong(go_wrong):
    found = copy.deepcopy(right())
    go_wrong(found)
    said = {sentence.split(":")[0] for sentence in broken(Record(**found), SCENARIO)}
    assert WRONG[go_wrong] in said


def test_every_promise_is_seen_broken():
    assert set(WRONG.values()) == PROMISES.keys()


def test_a_danger_whose_people_the_scenario_does_not_name_is_not_judged_well():
    silent = SCENARIO.model_copy(update={"expect": SCENARIO.expect[1:]})
    item_alone = ItemExpectation.model_validate({"by": 1, "expect": "item", "device": "gas"})
    silent = silent.model_copy(update={"expect": (*silent.expect, item_alone)})
    assert [one.split(":")[0] for one in broken(Record(**right()), silent)] == ["everything_was_expected"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (told(device="gas"), 1),
        (told(device="gas", people=["wang"]), 0),
        (told(device="gas", people=["wang", "chen", "li"]), 0),
        (told(device="gas", within_s=1), 0),
        (told(people=["wang", "chen"]), 0),
        (told(grouping="storm", people=[]), 1),
        (told(device="river"), 0),
    ],
    ids=["right", "one too many", "one too few", "too late", "not of each", "nobody", "no item"],
)
def test_who_was_told_is_exact_and_in_time(wanted, found):
    assert count(Record(**right()), wanted) == found


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"device": "gas", "state": "accepted", "owner": "wang"}, 1),
        ({"device": "gas", "owner": "li"}, 0),
        ({"device": "gas", "outcome": "handled"}, 0),
        ({"grouping": "storm", "devices": 1}, 1),
        ({"grouping": "storm", "devices": 2}, 0),
        ({"building": "B02"}, 0),
    ],
)
def test_whose_an_item_is_and_how_it_ended_is_judged(more, found):
    wanted = ItemExpectation.model_validate({"by": 1, "expect": "item", **more})
    assert count(Record(**right()), wanted) == found
