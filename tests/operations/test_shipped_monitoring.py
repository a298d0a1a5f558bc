"""What is shipped for watching: its rules fire when they should, its queries ask for what exists.

What the documents say of metrics and alerts is held against the code, and the reverse.
"""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from edge.clock import ManualClock
from edge.watch.answers import Answers
from edge.watch.metrics import metrics_page
from server.escalation.canarystanding import Stage
from server.pulse import ALWAYS
from server.tally import Tally
from server.telemetry.exposition import write_metrics
from server.telemetry.model import Findings
from tests.edge.app.test_local_door import Worker
from tests.harness.promtool import check_rules, lint, try_rules
from wire.messages import LaneDepth, StatusMessage
from wire.statusparts import MachineState
from wire.vocabulary import Clock, Lane, Presence

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/gridwarden.yml"
PLAYED = ROOT / "deploy/prometheus/gridwarden_test.yml"
DOCUMENT = ROOT / "docs/operations/monitoring.md"
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))


def full_metrics() -> str:
    tally = Tally()
    tally.received["alarms"] += 1
    tally.refused_full["alarms"] += 1
    tally.attempts["webhook", "sent"] += 1
    tally.waiting["alarms"] = 1
    tally.held_up["links"] += 1
    found = Findings(
        canary_ages_s=dict.fromkeys(Stage, 1.0),
        gateways={"online": 1},
        notices={("webhook", "pending"): 1},
        database_bytes={"main": 1},
    )
    return write_metrics(found, tally, dict.fromkeys(ALWAYS, 1.0)).decode()


def full_status() -> StatusMessage:
    """The status of a gateway whose machine can tell everything."""
    return StatusMessage(
        v=1,
        gateway="gw-north-07",
        session="s",
        boot="b",
        up_ms=1_000,
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
        clock=Clock.SYNCED,
        presence=Presence.ONLINE,
        lanes=(LaneDepth(lane=Lane.ALARMS, run="r"), LaneDepth(lane=Lane.READINGS, run="r", shed=2)),
        disk_free_bytes=1,
        written_bytes_per_day=1,
        machine=MachineState(
            disk_total_bytes=2,
            memory_total_bytes=2,
            memory_available_bytes=1,
            process_resident_bytes=1,
            cpu_temperature_c=50.0,
            starts=3,
            starts_this_boot=1,
            certificate_expires_at=datetime(2027, 1, 1, tzinfo=UTC),
            write_budget_bytes_per_day=5,
        ),
    )


def full_gateway_metrics() -> str:
    """Everything that a gateway measures, where the machine can tell all of it."""
    status = full_status()
    answers = Answers(
        clock=ManualClock(),
        devices=(),
        status=lambda: status,
        latest={},
        alarms=dict,
        workers={"kitchen": Worker()},
        measures=lambda: {
            "connected": True,
            "last_ack_age_ms": 5,
            "alarms_written_bytes": 1,
            "readings_written_bytes": 1,
        },
    )
    return metrics_page(answers)().decode()


def names_in(text: str) -> set[str]:
    return set(re.findall(r"^([a-z_]+)(?:\{| )", text, re.MULTILINE))


@pytest.fixture(scope="module")
def known() -> set[str]:
    return names_in(full_metrics()) | names_in(full_gateway_metrics())


def named(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:gridwarden_server|gridwarden_edge|process)_[a-z_]+", expression))


def test_the_rules_are_well_formed_and_do_what_their_tests_say():
    assert check_rules(RULES) == ""
    assert try_rules(PLAYED) == ""


def test_each_rule_is_played():
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    fired = {
        case["alertname"]
        for test in yaml.safe_load(PLAYED.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert {rule["alert"] for rule in rules} == fired
    for rule in rules:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]


def test_a_broken_rule_is_noticed(tmp_path):
    (tmp_path / RULES.name).write_text(RULES.read_text().replace("items > 0", "items > 9"))
    played = yaml.safe_load(PLAYED.read_text())
    played["tests"] = [test for test in played["tests"] if "GridwardenNobodyReached" in str(test)]
    copy = tmp_path / PLAYED.name
    copy.write_text(yaml.safe_dump(played))
    assert "GridwardenNobodyReached" in try_rules(copy)


def test_each_rule_asks_for_what_is_measured(known):
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            asked = named(rule["expr"])
            assert asked <= known, rule["alert"]
            assert asked or "up{" in rule["expr"], rule["alert"]


def test_each_alert_is_explained_and_each_explanation_is_of_an_alert():
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    explained = re.findall(
        r"^\| `(Gridwarden\w+)` \| (page|ticket) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE
    )
    assert len(explained) == len(dict(explained))
    assert dict(explained) == {rule["alert"]: rule["labels"]["severity"] for rule in rules}


@pytest.mark.parametrize(
    ("heading", "prefix", "written"),
    [("server", "gridwarden_server_", full_metrics), ("gateway", "gridwarden_edge_", full_gateway_metrics)],
)
def test_each_metric_is_described_and_each_description_is_of_a_metric(heading, prefix, written):
    section = DOCUMENT.read_text("utf-8").split(f"### What the {heading} measures")[1].split("\n#")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    own = {name.removeprefix(prefix) for name in names_in(written()) if name.startswith(prefix)}
    whole = {re.sub(r"_(bucket|count|sum)$", "", name) for name in own}
    assert described == whole


def test_every_metric_that_documents_name_in_full_exists(known):
    for path in (ROOT / "docs").rglob("*.md"):
        assert named(path.read_text("utf-8")) <= known | {"process_"}, path


def test_prometheus_own_lint_has_nothing_to_say_of_either():
    assert lint(full_metrics().encode()) == ""
    assert lint(full_gateway_metrics().encode()) == ""


def test_a_dashboard_shows_what_a_gateway_tells_and_one_what_a_server_tells():
    shown = {path.name: named(path.read_text()) for path in DASHBOARDS}
    assert {name for name in names_in(full_gateway_metrics()) if name.startswith("gridwarden_")} <= shown[
        "gateways.json"
    ]
    assert all(name.startswith(("gridwarden_server_", "process_")) for name in shown["server.json"])


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_each_query_of_a_dashboard_asks_for_what_is_measured(path, known):
    dashboard = json.loads(path.read_text())
    sources = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/gridwarden.yml").read_text())
    uids = {source["uid"] for source in sources["datasources"]}
    seen = set()
    for panel in dashboard["panels"]:
        assert panel["datasource"]["uid"] in uids
        assert panel["title"] not in seen
        seen.add(panel["title"])
        for target in panel["targets"]:
            assert named(target["expr"]), target
            assert named(target["expr"]) <= known, target["expr"]
