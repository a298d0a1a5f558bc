"""A street's gateways, played: what they count as committed is what the server's databases hold."""

import json

import pytest

from firmware_sim.relay import Relay
from tests.harness.loaded import open_loaded_server
from tests.harness.waiting import until

pytestmark = pytest.mark.story


@pytest.fixture
async def loaded(tmp_path):
    async with open_loaded_server(tmp_path, "small", 1) as opened:
        yield opened


def agrees(report, counts):
    """The report of the load mode and a count made in the databases say the same."""
    assert report["alarms_committed"] == counts["alarms"]
    assert report["readings"]["committed"] == counts["batches"]
    assert report["readings"]["rows_committed"] == counts["rows"]
    assert report["alarms"]["acknowledged_again"] + report["alarms"]["committed"] >= counts["alarms"]


async def test_every_reading_and_alarm_of_a_played_street_is_committed_and_leads_to_its_leader(loaded):
    load = await loaded.start_load(
        *("--seconds", "6", "--readings", "400", "--alarms", "6", "--hold", "2", "--batch-every", "1"),
        *("--outage", "2+1:0.5"),
    )
    report = await loaded.finished(load)
    counts = loaded.counts()
    assert report["exit"] == 0, json.dumps(report, indent=1)
    assert report["cut"] == 3
    assert report["alarms_raised"] == report["alarms_committed"] >= 30
    assert report["readings"]["rows_made"] >= 1_500
    agrees(report, counts)
    assert counts["alarms_over"] > 0, "alarms that do not latch are over when their cause is gone"
    assert counts["items_led"] == counts["items_told"] == counts["items"] > 0
    assert (counts["quarantined"], counts["unadopted"], counts["alarms_without_item"]) == (0, 0, 0)


async def test_what_did_not_reach_the_server_is_reported_as_lost(loaded):
    async with Relay(loaded.broker.port).serve() as proxy:
        load = await loaded.start_load(
            *("--seconds", "6", "--readings", "200", "--alarms", "4", "--batch-every", "0.5"),
            *("--drain", "0"),
            port=proxy.port,
        )

        async def some_arrived() -> bool:
            return loaded.counts()["rows"] > 0

        await until(some_arrived, what="readings in the server's database")
        proxy.cut()
        report = await loaded.finished(load)
    counts = loaded.counts()
    assert report["exit"] == 1
    assert report["readings"]["lost"] > 0
    assert counts["rows"] >= report["readings"]["rows_committed"], "an ack may be lost, a commit is not"
    assert report["readings"]["rows_made"] > counts["rows"]
