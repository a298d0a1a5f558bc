"""What is shipped for watching: its rules fire when they should, its queries ask for what exists."""

import json
import re
from pathlib import Path

import pytest
import yaml

from server.pulse import ALWAYS
from server.tally import Tally
from server.telemetry.exposition import write_metrics
from server.telemetry.model import Findings
from tests.harness.promtool import check_rules, try_rules

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/gridwarden.yml"
PLAYED = ROOT / "deploy/prometheus/gridwarden_test.yml"
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))


def full_metrics() -> str:
    tally = Tally()
    tally.received["alarms"] += 1
    tally.refused_full["alarms"] += 1
    tally.attempts["webhook", "sent"] += 1
    tally.waiting["alarms"] = 1
    found = Findings(
        canary_age_s=1.0,
        gateways={"online": 1},
        notices={("webhook", "pending"): 1},
        database_bytes={"main": 1},
    )
    return write_metrics(found, tally, dict.fromkeys(ALWAYS, 1.0)).decode()


@pytest.fixture(scope="module")
def known() -> set[str]:
    return set(re.findall(r"^([a-z_]+)(?:\{| )", full_metrics(), re.MULTILINE))


def named(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:gridwarden_server|process)_[a-z_]+", expression))


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
    copy = tmp_path / PLAYED.name
    copy.write_text(PLAYED.read_text())
    assert "GridwardenNobodyReached" in try_rules(copy)


def test_each_rule_of_the_server_asks_for_what_it_measures(known):
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            assert named(rule["expr"]) <= known, rule["alert"]


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
