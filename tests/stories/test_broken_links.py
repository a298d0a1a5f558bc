"""What happens when the broker, the gateway or the server goes away at the worst moment."""

import pytest

from server.failpoints import EXIT_CODE, Failpoint
from tests.harness.street import LEADER
from tests.harness.waiting import until
from tests.harness.wiretap import listen_to_alarms

pytestmark = [pytest.mark.story, pytest.mark.fault, pytest.mark.timeout(300)]


async def test_the_broker_is_away_for_a_while_nothing_is_lost_and_the_order_is_kept(street):
    await street.start()
    await street.broker.stop()
    raised = {}
    for device, rule, values in (
        ("leakage-kitchen", "leakage", {"residual_current_ma": 600}),
        ("gas-kitchen", "gas-high", {"gas_lel": 60}),
        ("hydrant-1", "hydrant-low", {"pressure_kpa": 40}),
        ("river-1", "oxygen-low", {"dissolved_oxygen_mg_l": 1}),
    ):
        await street.set_values(device, **values)
        raised[device] = (await street.journalled(rule, "raised"))["alarm"]
    await street.set_values("river-1", dissolved_oxygen_mg_l=8)
    await street.journalled("oxygen-low", "normal")
    assert await street.desk.items() == []

    street.proxy.cut()
    await street.broker.start()
    async with listen_to_alarms(street.broker.port) as heard:
        street.proxy.mend()

        async def all_arrived() -> bool:
            return len(await street.desk.items()) == len(raised)

        await until(all_arrived, what="an item of every alarm")

    first_heard = list(dict.fromkeys(alarm.device for alarm in heard))
    assert first_heard == ["gas-kitchen", "leakage-kitchen", "hydrant-1", "river-1"], (
        "what a life depends on goes first, the rest in the order in which it happened"
    )
    alarms = {alarm["device"]: alarm for alarm in await street.desk.alarms()}
    assert {device: alarm["alarm"] for device, alarm in alarms.items()} == raised
    conditions = {device: alarm["condition"] for device, alarm in alarms.items()}
    assert conditions.pop("river-1") == "normal", "its end came with it, or behind it, never before"
    assert set(conditions.values()) == {"active"}


async def test_a_sensor_that_flaps_through_an_outage_is_one_item_with_a_count(street):
    await street.start()
    street.proxy.cut()
    for count in (1, 2, 3):
        await street.set_values("leakage-kitchen", residual_current_ma=600)
        await street.journalled("leakage", "raised", count=count)
        await street.set_values("leakage-kitchen", residual_current_ma=10)
        await street.journalled("leakage", "normal", count=count)
    street.proxy.mend()
    item = await street.item_of("leakage-kitchen")
    (alarm,) = (await street.desk.item(item["id"]))["alarms"]
    assert (alarm["count"], alarm["condition"]) == (3, "normal")
    assert item["alarm_over"]
    assert len(await street.desk.items()) == 1


async def test_a_gateway_killed_after_its_commit_tells_the_alarm_once_under_its_first_id(street):
    await street.start()
    street.proxy.cut()
    await street.set_values("gas-kitchen", gas_lel=60)
    line = await street.journalled("gas-high", "raised")
    await street.kill("gateway")
    assert await street.desk.items() == []

    street.proxy.mend()
    await street.start_gateway()

    await street.rings(LEADER)
    await street.parts["gateway"].wait_for(lambda said: said.get("event") == "alarms_acknowledged")
    (alarm,) = await street.desk.alarms()
    assert alarm["alarm"] == line["alarm"]
    assert alarm["condition"] == "active"
    assert len(await street.phones.messages(LEADER)) == 1


async def test_a_line_that_stalls_without_breaking_loses_nothing(street):
    """A mobile network keeps a connection up for minutes that carries nothing."""
    await street.start()
    street.proxy.stall()
    await street.set_values("gas-kitchen", gas_lel=60)
    line = await street.journalled("gas-high", "raised")
    await street.parts["gateway"].wait_for(
        lambda said: said.get("event") == "action_settled" and said.get("state") == "confirmed"
    )  # the valve does not wait for any network
    street.proxy.mend()
    await street.rings(LEADER)
    (alarm,) = await street.desk.alarms()
    assert alarm["alarm"] == line["alarm"]


async def test_a_server_killed_between_commit_and_ack_makes_no_second_item(street):
    await street.start_gateway()
    server = await street.start_server(failpoint=Failpoint.AFTER_COMMIT_BEFORE_ACK.value)
    await street.set_values("gas-kitchen", gas_lel=60)
    line = await street.journalled("gas-high", "raised")
    assert await server.process.wait() == EXIT_CODE
    assert all(said.get("event") != "alarms_acknowledged" for said in street.parts["gateway"].lines)

    await street.start_server()
    await street.parts["gateway"].ready("alarms_acknowledged")

    await street.rings(LEADER)
    (item,) = await street.desk.items()
    (alarm,) = (await street.desk.item(item["id"]))["alarms"]
    assert alarm["alarm"] == line["alarm"]
    assert len(await street.phones.messages(LEADER)) == 1


async def test_a_gateway_that_restarts_during_an_alarm_still_has_it_under_its_id(street):
    await street.start()
    await street.set_values("gas-kitchen", gas_lel=60)
    line = await street.journalled("gas-high", "raised")
    await street.rings(LEADER)

    assert await street.stop("gateway") == 0
    gateway = await street.start_gateway()
    restored = await gateway.ready("journal_restored")
    assert restored["open_alarms"] == 1
    await gateway.ready("open_alarms_stated")

    (alarm,) = await street.desk.alarms()
    assert (alarm["alarm"], alarm["condition"]) == (line["alarm"], "active")
    await street.set_values("gas-kitchen", gas_lel=0)
    ended = await street.journalled("gas-high", "normal")
    assert ended["alarm"] == line["alarm"]
    assert len(await street.desk.items()) == 1
    assert len(await street.phones.messages(LEADER)) == 1


async def test_a_database_restored_from_an_older_copy_gets_back_what_was_acked_since(street):
    await street.start()
    await street.stop("server")
    older = {path.name: path.read_bytes() for path in (street.folder / "server").glob("gridwarden.db*")}
    await street.start_server()

    await street.set_values("gas-kitchen", gas_lel=60)
    line = await street.journalled("gas-high", "raised")
    await street.parts["gateway"].wait_for(lambda said: said.get("event") == "alarms_acknowledged")
    await street.rings(LEADER)
    await street.stop("server")
    for path in (street.folder / "server").glob("gridwarden.db*"):
        path.unlink()
    for name, content in older.items():
        (street.folder / "server" / name).write_bytes(content)

    await street.start_server()

    await street.item_of("gas-kitchen")
    (alarm,) = await street.desk.alarms()
    assert (alarm["alarm"], alarm["condition"]) == (line["alarm"], "active")
    await street.rings(LEADER, count=2)  # the new item is told again: better twice than never


async def test_the_server_stays_away_longer_than_the_gateway_remembers_connections(street):
    """Both were restarted meanwhile: nothing but the disk knows of the alarm."""
    await street.start()
    await street.stop("server")
    await street.set_values("gas-kitchen", gas_lel=60)
    line = await street.journalled("gas-high", "raised")
    assert await street.stop("gateway") == 0
    await street.broker.stop()
    await street.broker.start()
    await street.start_server()
    await street.start_gateway()
    await street.rings(LEADER)
    (alarm,) = await street.desk.alarms()
    assert alarm["alarm"] == line["alarm"]
