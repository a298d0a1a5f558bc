"""What a gateway does when its devices or its site file let it down."""

import pytest

from tests.harness.street import LEADER, SITE
from tests.harness.waiting import until

pytestmark = pytest.mark.story


async def test_a_device_that_stops_answering_raises_its_own_alarm_and_the_others_keep_their_pace(street):
    await street.start()
    await street.set_fault("hydrant-1", "mute")
    line = await street.journalled("contact", "raised")
    assert line["device"] == "hydrant-1"
    item = await street.item_of("hydrant-1")
    (alarm,) = (await street.desk.item(item["id"]))["alarms"]
    assert alarm["rule"] == "contact"

    async def desk_sees_it() -> bool:
        (status,) = [g["status"] for g in await street.desk.get("gateways") if g["id"] == "gw-demo-01"]
        return any("hydrant-1" in bus.get("silent", ()) for bus in status["buses"])

    await until(desk_sees_it, what="the status says so, not only the alarm")

    # Beside it on its bus stands the river station, polled as often as the electricity meter on
    # another bus. Both are slowed alike by a busy machine; only one has a dead neighbour.
    since = alarm["raised_at"]

    async def readings(device: str, point: str) -> list[dict]:
        found = await street.desk.get(
            "readings",
            gateway="gw-demo-01",
            device=device,
            point=point,
            start=since,
            end="2100-01-01T00:00:00Z",
        )
        return [one for one in found if one["quality"] == "good"]

    async def enough() -> bool:
        return len(await readings("mains-kitchen", "voltage_v")) >= 12

    await until(enough, what="a dozen readings of the meter")
    beside = len(await readings("river-1", "dissolved_oxygen_mg_l"))
    elsewhere = len(await readings("mains-kitchen", "voltage_v"))
    assert beside >= 0.6 * elsewhere

    await street.set_fault("hydrant-1", "none")
    back = await street.journalled("contact", "normal")
    assert back["alarm"] == line["alarm"]


async def test_a_bad_site_file_leaves_the_last_good_one_in_force_and_the_desk_is_told(street):
    await street.start()
    assert await street.stop("gateway") == 0
    street.write_site(SITE.replace("above: 25\n", "above: lots\n").replace("bus: relays", "bus: relais"))
    bad_lines = street.site.read_text().splitlines()
    gateway = await street.start_gateway()

    rejected = await gateway.ready("config_rejected")
    problems = "\n".join(rejected["problems"])
    for wrong in ("above: lots", "relais"):
        number = next(n for n, text in enumerate(bad_lines, 1) if wrong in text)
        assert f"site.yaml:{number}:" in problems, problems

    async def told() -> bool:
        (status,) = [g["status"] for g in await street.desk.get("gateways") if g["id"] == "gw-demo-01"]
        return "relais" in status["config"].get("rejected", "")

    await until(told, what="the desk is told that the newest file is not in force")
    await street.set_values("gas-kitchen", gas_lel=60)
    await street.rings(LEADER)


async def test_a_bad_site_file_on_a_new_gateway_is_refused_with_every_error_at_once(street):
    street.write_site(SITE.replace("above: 25\n", "above: lots\n").replace("bus: relays", "bus: relais"))
    process = await street.run_to_its_end("gridwarden-edge", "run", str(street.site))
    said = "\n".join(process.raw)
    assert process.process.returncode == 2
    assert said.count("site.yaml:") == 2, said


async def test_a_river_that_cannot_be_read_at_first_is_read_as_soon_as_it_answers(street):
    await street.set_fault("river-1", "mute")
    await street.start()
    await street.set_fault("river-1", "none")
    await street.set_values("river-1", dissolved_oxygen_mg_l=1)
    await street.item_of("river-1")


async def test_a_gateway_that_lost_its_power_is_seen_to_be_gone(street):
    """Nobody says goodbye in a power cut: the broker speaks for the dead."""
    await street.start()
    await street.kill("gateway")

    async def gone() -> bool:
        (gateway,) = [g for g in await street.desk.get("gateways") if g["id"] == "gw-demo-01"]
        return gateway["presence"] == "offline"

    await until(gone, what="the desk sees the gateway gone")
    assert "失联" in await street.desk.page("/desk/gateways")
    await street.start_gateway()

    async def back() -> bool:
        return "在线" in await street.desk.page("/desk/gateways")

    await until(back, what="and back again")
