"""Rules in the site file, in the document, and on the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.cli import app
from edge.ruledocs import _EXAMPLES, write_rules
from edge.site.ruledefaults import default_rules
from edge.site.siteloader import SiteError, load_site
from edge.site.siterules import rules_of
from edge.stores.recorded import RecordingError, Row, as_record, read_lines

ROOT = Path(__file__).parents[3]
HEAD = """\
gateway: gw-1
server: {host: 127.0.0.1}
buses: [{id: bus, technique: modbus_tcp, host: 127.0.0.1}]
devices:
  - {id: gas-1, bus: bus, unit: 1, profile: honeywell-midas}
  - {id: gas-2, bus: bus, unit: 2, profile: honeywell-midas}
  - {id: valve-1, bus: bus, unit: 9, profile: coil-relay}
"""
VALVE = "actions: [{do: close_valve, device: valve-1}]"


def site(tmp_path, rules):
    path = tmp_path / "site.yaml"
    path.write_text(HEAD + "rules:\n" + rules, encoding="utf-8")
    return path


def test_the_document_is_that_of_the_code_and_has_an_example_of_every_kind():
    page = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
    assert page == write_rules(), "run `make api`"
    assert all(f"### {kind}" in page for kind in _EXAMPLES)


def test_a_rule_that_ships_watches_every_device_with_its_point_and_can_be_overridden(tmp_path):
    loaded = load_site(site(tmp_path, f"  - {{use: default-gas, above: 20, {VALVE}}}\n"))
    rule = rules_of(loaded.settings)[0]
    assert (rule.id, rule.devices, rule.above, rule.stages[0].limit) == (
        "default-gas",
        ("gas-1", "gas-2"),
        20,
        50,
    )


def test_every_rule_that_ships_names_its_clause_and_how_sure_that_is():
    for rule in default_rules().values():
        assert rule.clause
        assert rule.confidence in ("verified", "sourced", "low")


COMMON = "kind: gas, class: life_safety"


@pytest.mark.parametrize(
    ("rule", "column", "said"),
    [
        ("{use: default-gaz}", 11, "did you mean 'default-gas'"),
        ("{use: default-water-ph}", 5, "no device with point 'ph'"),
        ("{use: default-gas, abov: 3}", 24, "did you mean 'above'"),
        ("{id: r, type: threshold, devices: [gas-1], point: gas_lel, above: 25, "
         + COMMON + ", stages: [{limit: 20, class: life_safety}]}", None, "lies beyond the one before"),
        ("{id: r, type: threshold, devices: [gas-1], point: gas_lel, above: 25, "
         + COMMON + ", stages: [{limit: 50, class: advice}]}", None, "a class never falls"),
        ("{id: r, type: threshold, devices: [gas-1], point: gas_lel, above: 25, "
         + COMMON + ", active: {days: [mon]}}", None, "it watches always"),
        ("{id: r, type: threshold, devices: [gas-1], point: gas_lel, above: 25, "
         + COMMON + ", explained_by: [contact]}", None, "never hidden"),
        ("{id: r, type: rate, devices: [gas-1], point: gas_lel, window_s: 60, " + COMMON + "}", None, "neither rising"),
        ("{id: r, type: k_of_n, devices: [gas-1, gas-2], point: gas_lel, above: 25, need: 3, "
         "reported_on: gas-1, " + COMMON + "}", None, "at most 2"),
        ("{id: r, type: all_of, of: [{rule: q, device: gas-1}, {rule: contact, device: gas-2}], "
         "reported_on: gas-3, " + COMMON + "}", None, "rule 'q'"),
        ("{id: r, type: bits, devices: [gas-1], point: fault, bits: [32], " + COMMON + "}", None, "at most 31"),
        ("{id: r, type: window, devices: [gas-1], point: gas_lel, measure: median, window_s: 5, above: 1, "
         + COMMON + "}", None, "median"),
    ],
)  # fmt: skip
def test_what_a_rule_cannot_mean_is_said_at_its_place(tmp_path, rule, column, said):
    with pytest.raises(SiteError) as refusal:
        load_site(site(tmp_path, f"  - {rule}\n"))
    found = [one for one in refusal.value.problems if said in one.text]
    assert found, str(refusal.value)
    assert found[0].line == HEAD.count("\n") + 2
    assert column is None or found[0].column == column


def rows(*values):
    return [Row(1_764_000_000_000 + n * 1000, "gas-1", "gas_lel", float(v)) for n, v in enumerate(values)]


def test_recorded_readings_go_through_the_rules_and_are_compared(tmp_path):
    path = site(tmp_path, f"  - {{use: default-gas, latching: false, {VALVE}}}\n")
    recording = tmp_path / "readings.jsonl"
    recording.write_text("".join(json.dumps(as_record(r)) + "\n" for r in rows(1, 2, 30, 55, 10, 1)), "utf-8")
    run = CliRunner().invoke(app, ["rules", "replay", str(path), str(recording), "--json"])
    assert run.exit_code == 0, run.output
    (alarm,) = json.loads(run.stdout)["alarms"]
    assert (alarm["rule"], alarm["stage"], alarm["cleared_at"] is not None) == ("default-gas", 2, True)
    raised = tmp_path / "raised.jsonl"
    raised.write_text(json.dumps({**alarm, "device": "gas-2"}) + "\n", "utf-8")
    run = CliRunner().invoke(app, ["rules", "replay", str(path), str(recording), "--raised", str(raised)])
    assert run.exit_code == 1
    assert "only in the replay" in run.output
    assert "only on the gateway" in run.output


def test_csv_is_read_too_and_a_wrong_line_is_named():
    head = "at,device,point,value,quality\n"
    (row,) = read_lines([head, "2026-11-24T04:00:00Z,gas-1,gas_lel,7.5,\n"], origin="f.csv")
    assert row.value == 7.5
    for wrong in ("2026-11-24T04:00:00,gas-1,gas_lel,7.5,\n", "2026-11-24T04:00:00Z,gas-1,gas_lel,much,\n"):
        with pytest.raises(RecordingError, match=r"f\.csv:2"):
            list(read_lines([head, wrong], origin="f.csv"))


def test_rules_are_said_in_words(tmp_path):
    run = CliRunner().invoke(app, ["rules", "list", str(site(tmp_path, "  - {use: default-gas}\n"))])
    assert "高于 25 %LEL" in run.output
    assert "above 25 %LEL, stage 2 at 50 %LEL" in run.output
