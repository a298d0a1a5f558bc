"""What the desk orders a gateway to do."""

import pytest

from tests.harness.waiting import until

pytestmark = pytest.mark.story


async def order(street, **wanted):
    answer = await street.desk.client.post(
        f"{street.desk.url}/api/v1/gateways/gw-demo-01/commands", json={"reason": "story", **wanted}
    )
    assert answer.status_code == 202, answer.text
    command = answer.json()

    async def answered() -> dict | None:
        now = await street.desk.get(f"gateways/gw-demo-01/commands/{command['id']}")
        return now if now["state"] != "waiting" else None

    return await until(answered, what="the gateway's answer")


async def test_a_test_of_a_rule_goes_the_whole_way_marked_as_a_test_and_closes_no_valve(street):
    await street.start()
    answer = await order(street, order="test", device="gas-kitchen", rule="gas-high")
    assert (answer["state"], answer["outcome"]) == ("answered", "done")
    item = await street.item_of("gas-kitchen")
    assert item["mode"] == "test"
    (message,) = await street.rings("wang")
    assert message["payload"]["title"] == "【测试】燃气泄漏"
    assert message["payload"]["mode"] == "test"
    street.gateway_clock.move(11)

    async def over() -> bool:
        return (await street.item_of("gas-kitchen"))["alarm_over"]

    await until(over, what="the end of the test")
    started = [line for line in street.parts["gateway"].lines if line.get("event") == "action_started"]
    assert started == []


async def test_a_test_of_a_rule_that_is_not_there_is_refused_by_the_gateway_with_a_reason(street):
    await street.start()
    answer = await order(street, order="test", device="gas-kitchen", rule="no-such-rule")
    assert answer["outcome"] == "refused"
    assert "no-such-rule" in answer["detail"]


async def test_everything_is_stated_anew_on_demand(street):
    await street.start()
    await street.set_values("gas-kitchen", gas_lel=60)
    await street.rings("wang")
    said = len(street.parts["gateway"].lines)
    answer = await order(street, order="resync")
    assert answer["outcome"] == "done"
    line = await street.parts["gateway"].wait_for(
        lambda one: one.get("event") == "open_alarms_stated", since=said
    )
    assert line["alarms"] == 1
    assert len(await street.desk.items()) == 1
    assert len(await street.phones.messages("wang")) == 1


async def test_an_order_to_a_gateway_that_is_away_expires_and_is_never_carried_out_late(street):
    await street.start()
    await street.stop("gateway")
    answer = await street.desk.client.post(
        f"{street.desk.url}/api/v1/gateways/gw-demo-01/commands",
        json={"order": "test", "device": "gas-kitchen", "rule": "gas-high", "reason": "story"},
    )
    command = answer.json()
    street.server_clock.move(61)

    async def expired() -> bool:
        now = await street.desk.get(f"gateways/gw-demo-01/commands/{command['id']}")
        return now["state"] == "expired"

    await until(expired, what="the order expires")
    server = street.parts["server"]
    await street.start_gateway()
    await server.wait_for(lambda line: line.get("event") == "open_alarms_listed", since=len(server.lines) - 1)
    assert await street.desk.items() == []


async def test_a_stranger_orders_nothing(street):
    await street.start_server()
    street.desk.client.cookies.clear()
    answer = await street.desk.client.post(
        f"{street.desk.url}/api/v1/gateways/gw-demo-01/commands", json={"order": "resync", "reason": "story"}
    )
    assert answer.status_code == 401
