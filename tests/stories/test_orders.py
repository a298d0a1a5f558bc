"""What the desk orders a gateway to do."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from tests.harness.coils import coil_of
from tests.harness.street import SITE
from tests.harness.surfaces import PASSWORD, Desk
from tests.harness.waiting import until

pytestmark = [pytest.mark.story, pytest.mark.timeout(300)]


async def ask(street, **wanted) -> dict:
    """Give an order; returns how the server keeps it."""
    answer = await street.desk.client.post(
        f"{street.desk.url}/api/v1/gateways/gw-demo-01/commands", json={"reason": "story", **wanted}
    )
    assert answer.status_code == 202, answer.text
    return answer.json()


async def answer_to(street, command: dict) -> dict:
    """Wait for what became of an order that may go out."""

    async def answered() -> dict | None:
        now = await street.desk.get(f"gateways/gw-demo-01/commands/{command['id']}")
        return now if now["state"] != "waiting" else None

    return await until(answered, what="the gateway's answer")


async def agree(second: Desk, proposed: dict) -> None:
    """Agree, as a second account, to an order that waits for one."""
    path = f"gateways/gw-demo-01/commands/{proposed['id']}/agreement"
    agreed = await second.client.post(f"{second.url}/api/v1/{path}")
    assert agreed.status_code == 202, agreed.text
    assert agreed.json()["order"]["agreed_by"] == "接班人"


async def order(street, **wanted) -> dict:
    """Give an order that one person may give, and wait for what became of it."""
    return await answer_to(street, await ask(street, **wanted))


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


def soon(street, *, hours: float = 1):
    """A time by the gateway's clock, as an order says it."""
    return (datetime.now(UTC) + timedelta(seconds=street.gateway_clock.seconds, hours=hours)).isoformat()


async def colleague_of(street, name: str) -> Desk:
    """Another operator, signed in at a desk of their own."""
    body = {"name": name, "password": PASSWORD, "grants": [{"role": "desk", "scope": "street"}]}
    made = await street.desk.client.post(f"{street.desk.url}/api/v1/accounts", json=body)
    assert made.status_code == 201, made.text
    client = await street.stack.enter_async_context(httpx2.AsyncClient(timeout=60, verify=False))
    answer = await client.post(f"{street.desk.url}/login", data={"name": name, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return Desk(url=street.desk.url, code="", client=client)


def audited(street, order: str, reason: str) -> list[dict]:
    """What the audit holds of an order."""
    path = street.folder / "server" / "gridwarden.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT actor, reason, detail FROM audit_row WHERE action = 'command_ordered'"
        ).fetchall()
    said = [json.loads(detail) for actor, why, detail in rows if actor == "值班员" and why == reason]
    return [one for one in said if one["order"]["order"] == order]


async def alarm_of(street, **wanted):
    """Wait until the server holds an alarm of the gas detector that stands so."""

    async def found() -> dict | None:
        alarms = [alarm for alarm in await street.desk.alarms() if alarm["device"] == "gas-kitchen"]
        return next((one for one in alarms if all(one[k] == v for k, v in wanted.items())), None)

    return await until(found, what=f"an alarm that stands so: {wanted}")


async def test_a_life_safety_rule_is_shelved_by_two_people_makes_no_noise_and_makes_it_when_it_is_shown(
    street,
):
    await street.start()
    named = {"device": "gas-kitchen", "rule": "gas-high", "until": soon(street)}
    proposed = await ask(street, order="shelve", **named)
    assert proposed["state"] == "proposed"
    agreement = f"{street.desk.url}/api/v1/gateways/gw-demo-01/commands/{proposed['id']}/agreement"
    assert (await street.desk.client.post(agreement)).status_code == 409, "one person is not two"
    still = await street.desk.get(f"gateways/gw-demo-01/commands/{proposed['id']}")
    assert (still["state"], still["outcome"]) == ("proposed", None)
    await agree(await colleague_of(street, "接班人"), proposed)
    assert (await answer_to(street, proposed))["outcome"] == "done"
    assert len(audited(street, "shelve", "story")) == 1
    await street.set_values("gas-kitchen", gas_lel=60)
    await street.journalled("gas-high", "raised")
    await street.parts["gateway"].ready("alarms_acknowledged")
    assert await street.desk.items() == []
    assert await street.phones.messages("wang") == []
    shown = await order(street, order="unshelve", device="gas-kitchen", rule="gas-high")
    assert shown["outcome"] == "done"
    await street.item_of("gas-kitchen")
    await street.rings("wang")
    alarm = await alarm_of(street, suppression="none")
    assert alarm["sentence"]
    assert alarm["rule_hash"]


async def test_a_device_out_of_service_closes_no_valve_until_it_is_back(street):
    await street.start()
    proposed = await ask(street, order="out_of_service", device="gas-kitchen", until=soon(street))
    assert proposed["state"] == "proposed"
    await agree(await colleague_of(street, "接班人"), proposed)
    assert (await answer_to(street, proposed))["outcome"] == "done"
    await street.set_values("gas-kitchen", gas_lel=60)
    await street.journalled("gas-high", "raised")
    assert not await coil_of(street.ports["relays"], unit=1)
    assert (await order(street, order="back_in_service", device="gas-kitchen"))["outcome"] == "done"

    async def closed() -> bool:
        return await coil_of(street.ports["relays"], unit=1)

    await until(closed, what="the valve is closed")
    await street.rings("wang")


async def test_a_valve_is_closed_by_order_and_read_back_and_nothing_else_is(street):
    await street.start()
    answer = await order(street, order="close_valve", device="valve-kitchen")
    assert answer["outcome"] == "done", answer
    assert await coil_of(street.ports["relays"], unit=1)
    assert len(audited(street, "close_valve", "story")) == 1
    wrong = await order(street, order="close_valve", device="gas-kitchen")
    assert wrong["outcome"] == "refused"


async def test_a_siren_is_silenced_by_order_and_bus_traffic_is_shown(street):
    await street.add_devices("  - {name: siren-hall, model: siren-relay, bus: relays, unit: 2}\n")
    siren = "  - {{id: siren-hall, bus: relays, unit: 2, profile: siren-relay, label: 大厅警号}}\nrules:\n"
    site = SITE.replace("rules:\n", siren, 1)
    site = site.replace("{{do: close_valve, device: valve-kitchen}}", "{{do: sound, device: siren-hall}}")
    street.write_site(site)
    await street.start()
    assert (await order(street, order="silence"))["outcome"] == "refused", "none sounds"
    await street.set_values("gas-kitchen", gas_lel=60)

    async def sounds() -> bool:
        return await coil_of(street.ports["relays"], unit=2)

    await until(sounds, what="the siren sounds")
    assert (await order(street, order="silence"))["outcome"] == "done"

    async def is_still() -> bool:
        return not await sounds()

    await until(is_still, what="the siren is silent")
    assert (await order(street, order="raw_traffic", bus="kitchen", seconds=60))["outcome"] == "done"

    async def shown() -> list:
        return await street.desk.get("gateways/gw-demo-01/buses/kitchen/traffic")

    (first, *_) = await until(shown, what="bytes of the bus")
    assert "read holding registers" in " ".join(frame["text"] for frame in first["frames"])
    assert (await order(street, order="raw_traffic", bus="no-such-bus", seconds=60))["outcome"] == "refused"
