"""`doctor`: every check in all its states, in both languages, with its exit code."""

import json
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from edge.cli import app
from edge.site.siteloader import Inspection, Problem, load_site
from edge.tools.doctor import Level, examine, exit_code
from edge.tools.doctorwords import WORDS, put_into_words
from edge.tools.facts import Facts, gather_facts
from edge.uplink.certificates import read_expiry

SITE = """\
gateway: gw-north-07
server: {host: 127.0.0.1, port: 9, password_file: password}
buses:
  - {id: kitchen, technique: modbus_tcp, host: 127.0.0.1}
devices:
  - {id: gas, bus: kitchen, profile: honeywell-midas}
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    (tmp_path / "password").write_text("hush-hush")
    (tmp_path / "password").chmod(0o600)
    return file


@pytest.fixture
def healthy(path):
    site = load_site(path)
    status = {
        "software": "gridwarden 1",
        "boot": "b",
        "clock": "synced",
        "volatile": False,
        "config": {"hash": site.hash, "rejected": ""},
        "lanes": [{"lane": "alarms", "waiting": 0}],
    }
    return Facts(
        inspection=Inspection(site=site),
        answers={
            "status": status,
            "buses": [{"bus": "kitchen", "connected": True, "devices": 1, "silent": [], "attempts": 5}],
            "metrics": {"connected": True},
        },
        broker="connected",
        certificates={"ca.pem": 300.0},
        clock="synced",
        disk_free_bytes=10_000_000_000,
        stores={"alarms.db": 1_000_000},
        unit={"ActiveState": "active", "WatchdogUSec": "1min", "NRestarts": "0"},
        python=(3, 11, 7),
    )


def found(facts):
    return {(one.said, one.level) for one in examine(facts) if one.level is not Level.OK}


def status(facts, **changes):
    answers = {**facts.answers, "status": {**facts.answers["status"], **changes}}
    return replace(facts, answers=answers)


def buses(facts, **changes):
    return replace(facts, answers={**facts.answers, "buses": [{**facts.answers["buses"][0], **changes}]})


def test_a_healthy_gateway_is_all_well(healthy):
    findings = examine(healthy)
    assert exit_code(findings) == 0
    assert {one.level for one in findings} == {Level.OK}
    assert {one.check for one in findings} >= {"site_file", "gateway", "config", "broker", "buses", "clock"}


PROBLEM = Problem("site.yaml", 3, 4, "found a thing")
ILL = [
    (lambda f: replace(f, inspection=Inspection(site=None, problems=(PROBLEM,))), "site_problems", "fail"),
    (
        lambda f: replace(f, inspection=Inspection(site=f.inspection.site, warnings=(PROBLEM,))),
        "site_warnings",
        "warn",
    ),
    (lambda f: replace(f, answers={}), "gateway_silent", "fail"),
    (lambda f: status(f, volatile=True), "stores_volatile", "fail"),
    (lambda f: status(f, config={"hash": "x", "rejected": "why"}), "config_rejected", "fail"),
    (lambda f: status(f, config={"hash": "x", "rejected": ""}), "config_differs", "warn"),
    (
        lambda f: status(f, warming=[{"rule": "mean", "device": "gas"}], warming_count=1),
        "rules_warming",
        "warn",
    ),
    (lambda f: status(f, clock="unsure"), "clock_unsure", "warn"),
    (lambda f: status(f, lanes=[{"lane": "alarms", "waiting": 2}]), "acks_waiting", "warn"),
    (
        lambda f: replace(f, answers={**f.answers, "metrics": {"last_ack_age_ms": 7_200_000}}),
        "acks_old",
        "warn",
    ),
    (lambda f: buses(f, connected=False), "bus_away", "fail"),
    (lambda f: buses(f, silent=["gas"]), "bus_silent", "fail"),
    (lambda f: replace(f, closed_ports=("/dev/x is not there",)), "port_closed", "fail"),
    (lambda f: replace(f, broker="no route"), "broker_away", "fail"),
    (lambda f: replace(f, certificates={"a": None}), "certificate_unreadable", "fail"),
    (lambda f: replace(f, certificates={"a": -2.0}), "certificate_expired", "fail"),
    (lambda f: replace(f, certificates={"a": 12.0}), "certificate_soon", "warn"),
    (lambda f: replace(f, folder_writable=False), "disk_closed", "fail"),
    (lambda f: replace(f, disk_free_bytes=1_000_000), "disk_full", "fail"),
    (lambda f: replace(f, disk_free_bytes=100_000_000), "disk_little", "warn"),
    (lambda f: replace(f, lost_files=("password",)), "secret_lost", "fail"),
    (lambda f: replace(f, open_secrets=("password",)), "secret_open", "warn"),
    (lambda f: replace(f, unit={}), "supervisor_absent", "warn"),
    (lambda f: replace(f, unit={"ActiveState": "failed"}), "unit_inactive", "fail"),
    (lambda f: replace(f, unit={"ActiveState": "active", "WatchdogUSec": "0"}), "unit_unwatched", "warn"),
    (lambda f: replace(f, mismatched=("rich 1, wanted 2",)), "versions_differ", "warn"),
]


@pytest.mark.parametrize(("harm", "said", "level"), ILL, ids=[said for _, said, _ in ILL])
def test_each_harm_is_found_and_nothing_else(healthy, harm, said, level):
    facts = harm(healthy)
    assert found(facts) == {(said, Level(level))}
    findings = examine(facts)
    assert exit_code(findings) == {"warn": 1, "fail": 2}[level]
    for language in WORDS:
        for finding in findings:
            how, advice = put_into_words(finding, language)
            assert how
            assert (finding.level is Level.OK) == (advice == "")


def test_both_languages_say_the_same_things_with_the_same_values():
    assert WORDS["en"].keys() == WORDS["zh"].keys()

    def blanks(texts):
        return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}

    for said, english in WORDS["en"].items():
        assert blanks(english) == blanks(WORDS["zh"][said]), said


def test_facts_are_gathered_from_a_machine_without_a_gateway(path, tmp_path):
    facts = gather_facts(path)
    assert facts.answers == {}
    assert facts.broker  # why not
    assert facts.lost_files == facts.open_secrets == ()
    (tmp_path / "password").chmod(0o644)
    assert gather_facts(path).open_secrets == ("password",)
    (tmp_path / "password").unlink()
    assert gather_facts(path).lost_files == ("password",)


def test_a_file_that_cannot_be_used_is_a_finding_and_no_crash(path):
    path.write_text("gateway: [")
    said = CliRunner().invoke(app, ["doctor", str(path), "--json"])
    assert said.exit_code == 2
    document = json.loads(said.stdout)
    assert document[0]["key"] == "site_problems"
    assert document[0]["advice"]
    chinese = CliRunner().invoke(app, ["doctor", str(path), "--lang", "zh"])
    assert "站点文件有 1 处错误" in chinese.stdout


def test_the_earliest_expiry_of_a_chain_counts():
    now = datetime.now(UTC).replace(microsecond=0)
    chain = b"".join(_certificate(now + timedelta(days=days)) for days in (90, 20))
    assert read_expiry(chain) == now + timedelta(days=20)
    assert read_expiry(b"nothing of the kind") is None


def _certificate(until):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gw")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(until - timedelta(days=400))
        .not_valid_after(until)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
