"""The card of an item, made from facts: what somebody who may act needs to know."""

import pytest

from server.items.card import (
    AlarmFacts,
    CameraFacts,
    CardFacts,
    PersonFacts,
    Point,
    Viewer,
    make_card,
)
from server.items.model import ItemState
from server.people.model import Role
from tests.server.world import at
from wire.vocabulary import ActionState, AlarmClass, Condition, Kind, Mode, Quality

HERE = Point(longitude=120.0, latitude=30.0, datum="wgs84")
EVERYBODY = Viewer(numbers_of=None, camera_address=True)


def alarm(**values):
    return AlarmFacts(**{"raised_at": at(), **values})


def facts(**values):
    base = {
        "kind": Kind.GAS,
        "class_": AlarmClass.LIFE_SAFETY,
        "mode": Mode.LIVE,
        "state": ItemState.NEW,
        "owner": "leader",
        "accepted": False,
        "opened_at": at(),
        "where": "东苑 3号楼 2层 201",
        "building": "3号楼",
        "building_code": "b1",
        "floor": "2",
        "door": "201",
        "device_name": "厨房探测器",
        "do_now": ("一", "二", "三"),
        "alarms": (alarm(),),
    }
    return CardFacts(**{**base, **values})


def person(code, role, **values):
    return PersonFacts(person=code, name=f"{code}某", role=role, **values)


CHAIN = (
    person("leader", Role.LEADER, phone="1"),
    person("deputy", Role.DEPUTY, phone="2"),
    person("officer", Role.OFFICER, phone="3"),
    person("room", Role.DUTY_ROOM, phone="4"),
    person("desk", Role.DESK, phone="5"),
)


def test_what_where_and_what_to_do():
    card = make_card(facts(), EVERYBODY)
    assert card.what == "燃气泄漏"
    assert (card.where.building, card.where.floor, card.where.door) == ("3号楼", "2", "201")
    assert card.do_now == ("一", "二", "三")


def test_never_more_than_three_lines_and_none_when_it_is_over():
    assert len(make_card(facts(do_now=("1", "2", "3", "4")), EVERYBODY).do_now) == 3
    over = make_card(facts(state=ItemState.CLOSED, chain=CHAIN), EVERYBODY)
    assert (over.do_now, over.call) == ((), ())


@pytest.mark.parametrize(
    ("minutes", "since"),
    [(5, 0), (-90, -90), (-60 * 24 * 8, 0)],
    ids=["a clock ahead", "told late by a gateway that was cut off", "a gateway without time"],
)
def test_since_when(minutes, since):
    late = alarm(raised_at=at(minutes=minutes))
    assert make_card(facts(alarms=(late,)), EVERYBODY).since == at(minutes=since)


def test_since_when_is_not_that_of_an_alarm_that_is_over():
    over = alarm(raised_at=at(minutes=-30), over=True)
    assert make_card(facts(alarms=(over, alarm())), EVERYBODY).since == at()


def test_how_sure_is_said_by_the_newest_alarm_that_is_not_over():
    sure = alarm(
        value=23.0,
        unit="%{LEL}",
        limit=20.0,
        voters=[{"device": "gas-1", "vote": "yes"}],
        votes_needed=1,
        quality=Quality.STALE,
        sentence="燃气浓度高于 20",
        sentence_en="gas above 20",
    )
    card = make_card(facts(alarms=(sure, alarm(value=1.0, over=True))), EVERYBODY)
    assert (card.sure.value, card.sure.limit, card.sure.quality) == (23.0, 20.0, Quality.STALE)
    assert card.sure.voters == ({"device": "gas-1", "vote": "yes"},)
    assert card.sure.sentence == "燃气浓度高于 20"
    english = make_card(facts(alarms=(sure,)), Viewer(english=True))
    assert english.sure.sentence == "gas above 20"
    assert make_card(facts(alarms=(alarm(sentence="只有中文"),)), Viewer(english=True)).sure.sentence


def test_an_alarm_nobody_can_read_claims_nothing():
    card = make_card(facts(alarms=(alarm(readable=False, value=3.0),)), EVERYBODY)
    assert (card.what, card.sure) == ("报警待查", None)


def test_a_latch_that_waits_for_its_reset_is_said():
    held = alarm(condition=Condition.NORMAL, latched=True)
    assert make_card(facts(alarms=(held,)), EVERYBODY).sure.waits_for_reset
    assert not make_card(facts(), EVERYBODY).sure.waits_for_reset


@pytest.mark.parametrize("state", list(ActionState))
def test_only_what_was_read_back_is_confirmed(state):
    acted = alarm(actions=[{"action": "close_valve", "device": "valve-1", "state": state.value}])
    [done] = make_card(facts(alarms=(acted,)), EVERYBODY).done
    assert done.confirmed is (state is ActionState.CONFIRMED)


def test_of_the_same_action_the_newest_word_counts():
    first = alarm(actions=[{"action": "close_valve", "device": "v", "state": "sent"}])
    second = alarm(actions=[{"action": "close_valve", "device": "v", "state": "failed", "detail": "卡住"}])
    [done] = make_card(facts(alarms=(first, second)), EVERYBODY).done
    assert (done.state, done.detail) == (ActionState.FAILED, "卡住")


def test_who_else_knows_and_who_has_it():
    told = (
        person("leader", Role.LEADER, told_at=at()),
        person("deputy", Role.DEPUTY, told_at=at(), refused=True),
        person("room", Role.DUTY_ROOM, told_at=at()),
    )
    card = make_card(facts(told=told, accepted=True), Viewer(person="room"))
    assert [(one.person, one.accepted, one.refused) for one in card.knows] == [
        ("leader", True, False),
        ("deputy", False, True),
    ]
    assert not any(one.accepted for one in make_card(facts(told=told), EVERYBODY).knows)


def test_whom_to_call_is_the_room_the_desk_and_the_next_of_the_chain():
    card = make_card(facts(chain=CHAIN), EVERYBODY)
    assert [(one.person, one.phone) for one in card.call] == [("room", "4"), ("desk", "5"), ("deputy", "2")]
    refused = (person("deputy", Role.DEPUTY, refused=True),)
    card = make_card(facts(chain=CHAIN, told=refused), EVERYBODY)
    assert [one.person for one in card.call] == ["room", "desk", "officer"]
    card = make_card(facts(chain=CHAIN), Viewer(person="room", numbers_of=None))
    assert [one.person for one in card.call] == ["desk", "deputy"]


def test_numbers_and_names_only_for_those_who_may_see_them():
    card = make_card(facts(chain=CHAIN), Viewer(numbers_of={"room"}))
    assert [one.phone for one in card.call] == ["4", None, None]
    assert all(one.phone is None for one in make_card(facts(chain=CHAIN), Viewer()).call)
    told = (person("leader", Role.LEADER), person("room", Role.DUTY_ROOM))
    card = make_card(facts(chain=CHAIN, told=told), Viewer(names_of={"room"}, numbers_of={"room"}))
    assert [one.person for one in card.call] == ["room"]
    assert [one.person for one in card.knows] == ["room"]


def camera(code, building=None, north_m=None, datum="wgs84"):
    where = None
    if north_m is not None:
        where = Point(longitude=120.0, latitude=30.0 + north_m / 111_195, datum=datum)
    return CameraFacts(code=code, name=code, building=building, at=where, address="rtsp://camera.example/1")


@pytest.mark.parametrize(
    ("cameras", "nearest"),
    [
        ([], None),
        ([camera("far", north_m=400)], None),
        ([camera("a", north_m=200), camera("b", north_m=100)], "b"),
        ([camera("near", north_m=10), camera("own", "b1")], "own"),
        ([camera("own-2", "b1", north_m=30), camera("own-1", "b1", north_m=60)], "own-2"),
        ([camera("shifted", north_m=10, datum="gcj02")], None),
        ([camera("other", "b2")], None),
    ],
)
def test_the_nearest_camera(cameras, nearest):
    found = make_card(facts(at=HERE, cameras=cameras), EVERYBODY).camera
    assert (found.name if found else None) == nearest


def test_how_far_the_camera_is_and_its_address_only_for_some():
    seen = facts(at=HERE, cameras=[camera("a", north_m=100)])
    assert make_card(seen, EVERYBODY).camera.metres == pytest.approx(100, abs=1)
    assert make_card(seen, EVERYBODY).camera.address
    assert make_card(seen, Viewer()).camera.address is None
