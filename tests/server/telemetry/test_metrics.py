"""The measurements: true, in Prometheus's manners, and for nobody who is not meant to read them."""

import re
from datetime import timedelta

import pytest

from server.devices.service import SILENT_AFTER
from server.devices.tables import Gateway
from server.escalation.canarystanding import Stage
from server.escalation.tables import CanaryRun
from server.intake.ingest import quarantine
from server.items.model import Move
from server.notify.channels import Outcome, Verdict
from server.pulse import LOOPS
from server.tally import Spread
from server.telemetry.exposition import write_metrics
from server.telemetry.model import Findings
from tests.harness.promtool import lint
from tests.server.web.running_site import open_site
from tests.server.world import GATEWAY
from wire.topics import Up
from wire.vocabulary import AlarmClass, Kind


async def measured(site, **headers: str) -> dict[str, float]:
    client = await site.visitor()
    answer = await client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def test_an_incident_is_seen_in_the_numbers_until_it_is_taken(site):
    site.world.channel.answers["leader"] = Outcome(verdict=Verdict.PERMANENT, reason="no such number")
    await site.world.raise_alarm()
    before = await measured(site)
    new = 'gridwarden_server_open_items{class="life_safety",state="new"}'
    assert before[new] == 1
    assert before['gridwarden_server_open_alarms{class="life_safety"}'] == 1
    assert before['gridwarden_server_waiting_notices{channel="webhook",state="pending"}'] == 3
    assert before["gridwarden_server_unreached_items"] == 0, "nobody can have been reached yet"
    site.clock.advance(seconds=20)
    late = await measured(site)
    assert late["gridwarden_server_unreached_items"] == 1
    assert late["gridwarden_server_notice_overdue_age_seconds"] == 20
    assert late['gridwarden_server_unaccepted_item_age_seconds{class="life_safety"}'] == 20
    await site.world.settle()
    await site.world.press("officer", Move.ACCEPT)
    after = await measured(site)
    assert after[new] == 0
    assert after['gridwarden_server_open_items{class="life_safety",state="accepted"}'] == 1
    assert after["gridwarden_server_unreached_items"] == 0
    assert after['gridwarden_server_unaccepted_item_age_seconds{class="life_safety"}'] == 0
    assert after["gridwarden_server_notice_overdue_age_seconds"] == 0


async def test_rows_that_nobody_carries_out_are_overdue(site):
    await site.world.raise_alarm()
    site.clock.advance(seconds=65)
    found = await measured(site)
    assert found["gridwarden_server_overdue_rows"] >= 1
    assert found["gridwarden_server_overdue_age_seconds"] >= 5


async def test_gateways_are_online_silent_or_were_never_heard(site):
    world = site.world
    assert (await measured(site))['gridwarden_server_gateways{presence="never_heard"}'] == 1
    async with world.database.write() as session:
        gateway = await session.get(Gateway, GATEWAY)
        gateway.heard_at = world.clock.now()
    assert (await measured(site))['gridwarden_server_gateways{presence="online"}'] == 1
    world.clock.advance(seconds=SILENT_AFTER.total_seconds() + 1)
    found = await measured(site)
    assert found['gridwarden_server_gateways{presence="silent"}'] == 1
    assert found['gridwarden_server_gateways{presence="online"}'] == 0


async def test_quarantine_and_canaries_are_counted(site):
    world = site.world
    assert "gridwarden_server_canary_age_seconds" not in await measured(site), "none ever came through"
    async with world.database.write() as session:
        await quarantine(session, world.bytes(b"{", Up.ALARMS), "not JSON", now=world.clock.now())
        sent_at = world.clock.now() - timedelta(seconds=40)
        session.add(CanaryRun(id="c-1", sent_at=sent_at, received_at=world.clock.now()))
        session.add(CanaryRun(id="c-2", sent_at=world.clock.now(), taken_in_at=world.clock.now()))
    found = await measured(site)
    assert found["gridwarden_server_quarantine_messages"] == 1
    assert found["gridwarden_server_canary_age_seconds"] == 40, "one that did not arrive proves nothing"
    stages = {
        stage: found[f'gridwarden_server_canary_stage_age_seconds{{stage="{stage}"}}'] for stage in Stage
    }
    assert stages == {Stage.TAKEN_IN: 0, Stage.HANDED: 40, Stage.RECEIVED: 40}


async def test_what_the_loops_count_is_shown_even_while_a_database_is_away(site, monkeypatch):
    site.pulses.tally.acknowledged["alarms"] += 7
    monkeypatch.setattr("server.telemetry.web.look", _away)
    found = await measured(site)
    assert found['gridwarden_server_acknowledged_messages_total{lane="alarms"}'] == 7
    assert found["gridwarden_server_databases_answer"] == 0
    assert "gridwarden_server_overdue_rows" not in found, "nothing may look like a zero that is unknown"


async def _away(*_args, **_named):
    raise OSError("the disk is gone")


async def test_what_is_due_is_counted_by_how_late_it_was(site):
    await site.world.raise_alarm()
    await site.world.pass_time(67)
    spread = site.world.loop._pulses.tally.due_late
    assert spread.cumulative[-1] >= 1
    assert spread.total_s >= 7


async def test_attempts_are_counted_by_outcome(site):
    site.world.channel.answers["leader"] = Outcome(verdict=Verdict.TEMPORARY, reason="busy")
    await site.world.raise_alarm()
    await site.world.settle()
    attempts = site.world.worker._pulses.tally.attempts
    assert attempts["webhook", "sent"] == 2
    assert attempts["webhook", "failed_temporary"] == 1


async def test_prometheus_own_lint_has_nothing_to_say(site):
    await site.world.raise_alarm()
    await site.world.raise_alarm("a2", "meter-1", kind=Kind.ELECTRIC, class_=AlarmClass.FAULT)
    tally = site.pulses.tally
    tally.received["alarms"] += 1
    tally.refused_full["alarms"] += 1
    tally.attempts["webhook", "sent"] += 1
    tally.waiting["alarms"] = 3
    site.pulses.expect(*LOOPS, boot_s=site.clock.boot_s())
    client = await site.visitor()
    text = (await client.get("/metrics")).content
    assert b"process_resident_memory_bytes" in text
    assert lint(text) == ""
    assert lint(text.replace(b"# HELP gridwarden_server_readings_total", b"# HELP other")) != ""


async def test_no_label_grows_with_the_street(site):
    await site.world.raise_alarm()
    await site.world.settle()
    client = await site.visitor()
    text = (await client.get("/metrics")).text
    labels = set(re.findall(r"(\w+)=\"", text))
    bounded = {"class", "state", "lane", "channel", "outcome", "queue", "loop", "presence", "database", "le"}
    assert labels <= bounded
    item = (await site.world.item()).id
    for secret in (item, GATEWAY, "gas-1", "leader", "3号楼", "phone.example"):
        assert secret not in text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
async def test_what_a_proxy_passes_on_does_not_come_from_this_machine(site, header):
    client = await site.visitor()
    answer = await client.get("/metrics", headers={header: "127.0.0.1"})
    assert answer.status_code == 403
    assert "gridwarden_server_" not in answer.text


async def test_with_a_token_only_its_bearer_reads(tmp_path):
    file = tmp_path / "metrics.token"
    file.write_text("a-long-token\n")
    async with open_site(tmp_path, metrics_token_file=file) as site:
        client = await site.visitor()
        for said in ("", "Bearer wrong", "Bearer", "Bearer a-long-token2"):
            headers = {"Authorization": said} if said else {}
            assert (await client.get("/metrics", headers=headers)).status_code == 403
        found = await measured(site, Authorization="Bearer a-long-token", **{"X-Forwarded-For": "10.0.0.9"})
        assert found["gridwarden_server_databases_answer"] == 1


async def test_an_empty_token_file_is_refused_at_the_start(tmp_path):
    file = tmp_path / "metrics.token"
    file.write_text("\n")
    with pytest.raises(ValueError, match="holds no token"):
        async with open_site(tmp_path, metrics_token_file=file):
            pass


def test_lateness_falls_into_the_bucket_it_belongs_to():
    spread = Spread()
    for seconds in (-3, 0.1, 4, 15, 4000):
        spread.note(seconds)
    assert spread.cumulative == [2, 2, 2, 2, 3, 4, 4, 4, 5]
    assert spread.total_s == pytest.approx(0.1 + 4 + 15 + 4000)


def test_every_class_and_state_is_there_before_the_first_alarm():
    from server.tally import Tally

    text = write_metrics(Findings(), Tally(), {}).decode()
    assert text.count("gridwarden_server_open_items{") == 4 * 5, "a rule on an absent series never fires"
