"""Messages that come twice, in the wrong order, from nowhere, or are none at all."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.harness.street import OTHER_GATEWAY
from tests.harness.waiting import until
from tests.harness.wiretap import SpokenGateway, fresh_id, publish
from wire.topics import Up, up_topic
from wire.vocabulary import Condition

pytestmark = pytest.mark.story
TOPIC = up_topic(OTHER_GATEWAY, Up.ALARMS)


async def test_twice_and_in_the_wrong_order_it_is_one_item_in_the_right_state(street):
    await street.start_server()
    words = SpokenGateway(OTHER_GATEWAY)
    began = datetime.now(UTC) - timedelta(minutes=3)
    twice, swapped = fresh_id(), fresh_id()
    raised_twice = words.alarm(twice, device="gas-twice", seq=1)
    raised = words.alarm(swapped, device="gas-swapped", seq=2, raised_at=began, changed_at=began)
    ended = words.alarm(swapped, device="gas-swapped", seq=3, raised_at=began, condition=Condition.NORMAL)
    last = words.alarm(fresh_id(), device="gas-last", seq=4)

    await publish(street.broker.port, TOPIC, raised_twice, raised_twice, ended, raised, raised_twice, last)

    await street.item_of("gas-last")  # everything before it was judged
    items = {item["device"]: item for item in await street.desk.items()}
    assert sorted(items) == ["gas-last", "gas-swapped", "gas-twice"]
    alarms = {device: (await street.desk.item(item["id"]))["alarms"] for device, item in items.items()}
    assert [alarm["condition"] for alarm in alarms["gas-twice"]] == ["active"]
    assert [alarm["condition"] for alarm in alarms["gas-swapped"]] == ["normal"]
    assert items["gas-swapped"]["alarm_over"]
    assert not items["gas-twice"]["alarm_over"]


async def test_an_alarm_of_a_device_nobody_registered_becomes_an_item_for_the_desk(street):
    await street.start_server()
    words = SpokenGateway("gw-nobody-knows")
    topic = up_topic("gw-nobody-knows", Up.ALARMS)
    await publish(street.broker.port, topic, words.alarm(fresh_id(), device="gas-unknown", seq=1))

    item = await street.item_of("gas-unknown")
    assert item["grid"] is None
    assert item["reason"], "the desk is told why nobody is responsible"
    unadopted = await street.desk.get("devices", adopted=False)
    assert [(d["gateway"], d["device"]) for d in unadopted] == [("gw-nobody-knows", "gas-unknown")]
    assert "gas-unknown" in await street.desk.page("/desk/unassigned")
    await street.rings("desk")


async def test_bytes_that_are_no_message_go_to_quarantine_and_the_next_message_goes_through(street):
    await street.start_server()
    words = SpokenGateway(OTHER_GATEWAY)
    good = words.alarm(fresh_id(), device="gas-behind", seq=9)
    rubbish = (b"\x00\xff\xfe", b"{}", b"[1,2,3]", b'{"v":1', good[: len(good) // 2], b"")

    await publish(street.broker.port, TOPIC, *rubbish, good)

    await street.item_of("gas-behind")
    page = await street.desk.page("/desk/quarantine")
    assert page.count(TOPIC) == len(rubbish)
    assert len(await street.desk.items()) == 1


async def test_an_alarm_of_a_later_version_is_not_refused_because_of_words_it_adds(street):
    """A gateway updated before its server still gets help."""
    await street.start_server()
    words = SpokenGateway(OTHER_GATEWAY)
    good = words.alarm(fresh_id(), device="gas-later", seq=1)
    later = good.replace(b'"device":', b'"colour":"red","device":', 1)
    assert later != good
    await publish(street.broker.port, TOPIC, later)
    item = await street.item_of("gas-later")
    assert item["kind"] == "gas"


async def test_an_alarm_whose_content_cannot_be_read_still_becomes_an_item(street):
    await street.start_server()
    words = SpokenGateway(OTHER_GATEWAY)
    good = words.alarm(fresh_id(), device="gas-odd", seq=1)
    odd = good.replace(b'"kind":"gas"', b'"kind":"earthquake"', 1)
    assert odd != good
    await publish(street.broker.port, TOPIC, odd)

    async def told() -> bool:
        return bool(await street.desk.items())

    await until(told, what="an item for an alarm that this server does not understand")
