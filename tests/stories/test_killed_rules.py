"""kill -9 while rules of every kind hold alarms: each goes on as the same one, with its stage and its latch."""

import pytest

from tests.harness.street import SITE
from tests.harness.waiting import until

pytestmark = [pytest.mark.story, pytest.mark.fault]

HALL = "  - {{id: gas-hall, bus: relays, unit: 3, profile: honeywell-midas, period_s: 0.2}}\n"
RULES = """\
  - id: gas-mean
    type: window
    devices: [gas-kitchen]
    point: gas_lel
    measure: mean
    window_s: 10
    above: 30
    kind: gas
    class: hazard
  - id: both
    type: k_of_n
    devices: [gas-kitchen, gas-hall]
    point: gas_lel
    above: 40
    need: 2
    reported_on: gas-kitchen
    kind: gas
    class: hazard
"""


def site() -> str:
    staged = SITE.replace(
        "    above: 25\n    hysteresis: 5\n    latching: true\n",
        "    above: 25\n    hysteresis: 5\n    latching: true\n    stages: [{{limit: 50, class: life_safety}}]\n",
    )
    assert staged != SITE
    return staged.replace("rules:\n", HALL + "rules:\n", 1) + RULES


async def test_a_kill_keeps_stage_latch_window_and_votes_and_doubles_no_alarm(street):
    await street.add_devices("  - {name: gas-hall, model: honeywell-midas, bus: relays, unit: 3}\n")
    street.write_site(site())
    await street.start()
    await street.set_values("leakage-kitchen", residual_current_ma=400)
    await street.set_values("gas-hall", gas_lel=60)
    await street.set_values("gas-kitchen", gas_lel=60)
    rules = ("gas-high", "gas-mean", "both", "leakage")
    before = {}
    for rule in rules:
        street.gateway_clock.move(5)  # a window fills with time
        before[rule] = (await street.journalled(rule, "raised"))["alarm"]
    await street.kill("gateway")
    await street.set_values("gas-kitchen", gas_lel=3)
    gateway = await street.start_gateway()
    restored = await gateway.ready("journal_restored")
    assert restored["open_alarms"] == len(rules)
    for rule in ("gas-high", "both"):
        await street.journalled(rule, "normal")
    told = [line for line in gateway.lines if line.get("event") == "alarm_journalled"]
    assert all(line["alarm"] == before[line["rule"]] for line in told), "no alarm was raised anew"
    (latched,) = [line for line in told if line["rule"] == "gas-high" and line["change"] == "normal"]
    assert latched["latched"] is True

    async def staged() -> bool:
        alarms = {alarm["rule"]: alarm for alarm in await street.desk.alarms()}
        return "gas-high" in alarms and alarms["gas-high"]["condition"] == "normal"

    await until(staged, what="the server knows")
    alarms = {alarm["rule"]: alarm for alarm in await street.desk.alarms()}
    assert alarms["gas-high"]["stage"] == 2
    assert alarms["gas-high"]["latched"]
    assert alarms["both"]["voters"]
    assert len(await street.desk.alarms()) == len(rules)
