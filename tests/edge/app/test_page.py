"""The gateway's own page and measurements: what is shown, to whom, and that nothing shown is believed."""

import re
import shutil
import subprocess

import pytest
from starlette.testclient import TestClient

from edge.clock import ManualClock
from edge.model import Snapshot
from edge.site.siteloader import load_site
from edge.site.trial import TrialRecord
from edge.watch.health import SelfReport
from edge.watch.metrics import metrics_page
from edge.watch.page import LocalPage
from edge.watch.pagetext import _ENGLISH
from tests.edge.app.test_local_door import answers
from tests.edge.config.test_site_file import GOOD
from tests.edge.site import GAS, Bench
from wire.messages import LaneDepth
from wire.statusparts import BusState
from wire.vocabulary import Lane

CODE = "4711-0815"


@pytest.fixture
def told(tmp_path):
    """What a gateway with one alarm and one bus tells of itself."""
    clock = ManualClock()
    (tmp_path / "site.yaml").write_text(GOOD)
    snapshot = Snapshot(device="gas", points=GAS, values=(61.5,), at=clock.moment())
    made = answers({"gas": snapshot}, clock)
    report = SelfReport(
        site=load_site(tmp_path / "site.yaml"),
        record=TrialRecord(starts=3, starts_this_boot=1),
        clock=clock,
        buses=lambda: (BusState(bus="kitchen", connected=True),),
        lanes=lambda: (
            LaneDepth(lane=Lane.ALARMS, run="r", waiting=2),
            LaneDepth(lane=Lane.READINGS, run="r", shed=5),
        ),
        store_failed=lambda: False,
        volatile=lambda: False,
        suppressions=tuple,
        warming=lambda _moment: (("gas-mean", "gas"),),
        store_bytes=lambda: 0,
        certificate_expires_at=lambda: None,
        folder=tmp_path,
    )
    bench = Bench(clock=clock)
    bench.measure(61.5)
    made._status = report
    made._alarms = lambda: bench.engine.alarms
    made._measures = lambda: {
        "connected": False,
        "last_ack_age_ms": 4_000,
        "alarms_written_bytes": 10,
        "readings_written_bytes": 20,
    }
    return made


@pytest.fixture
def client(told, tmp_path):
    (tmp_path / "code").write_text(CODE + "\n")
    page = LocalPage(
        host="127.0.0.1",
        port=0,
        code_file=tmp_path / "code",
        answers=told,
        metrics=metrics_page(told),
        clock=ManualClock(),
    )
    return TestClient(page.application())


def test_nothing_is_shown_without_the_code(client):
    for path in ("/", "/metrics", "/api/values", "/api/nothing"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert "61.5" not in answer.text
    assert client.post("/code", data={"code": "0000"}).status_code == 401
    assert client.post("/code", data={"code": "x" * 5000}).status_code == 413
    assert client.get("/").status_code == 401


def test_with_the_code_values_alarms_buses_and_lanes_are_shown(client):
    page = client.post("/code", data={"code": CODE})
    assert page.status_code == 200
    for text in (
        "网关 gw-north-07",
        "gas-high",
        "life_safety",
        "61.5 %{LEL}",
        "kitchen",
        "gas-2",
        "从未收到",
        "未连接",
    ):
        assert text in page.text, text
    assert "Alarms not acknowledged" in client.get("/?lang=en").text


def test_without_a_file_with_a_code_nobody_gets_in(client, tmp_path):
    (tmp_path / "code").unlink()
    assert client.post("/code", data={"code": ""}).status_code == 401
    (tmp_path / "code").write_text("")
    assert client.post("/code", data={"code": ""}).status_code == 401
    assert client.get("/", headers={"Authorization": "Bearer "}).status_code == 401


def test_rules_that_cannot_say_yet_that_all_is_well_are_named(client):
    assert "1: gas-mean (gas)" in client.post("/code", data={"code": CODE}).text
    (told,) = client.get("/api/status").json()["warming"]
    assert told == {"rule": "gas-mean", "device": "gas"}


def test_names_from_the_site_file_are_shown_as_text(client, told):
    told._devices = (told._devices[0].__class__(id="x", label="<script>", bus="b", profile="p"),)
    page = client.post("/code", data={"code": CODE}).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_nothing_is_fetched_from_elsewhere(client):
    answer = client.post("/code", data={"code": CODE})
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r'(src|href)="', answer.text)


def test_every_text_has_its_english(client):
    client.post("/code", data={"code": CODE})
    assert not re.search(r"[一-鿿]", re.sub(r"探测器", "", client.get("/?lang=en").text))
    assert all(_ENGLISH.values())


def test_the_measurements_satisfy_promtool(client):
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: apt-get install prometheus"
    page = client.get("/metrics", headers={"Authorization": f"Bearer {CODE}"})
    assert 'gridwarden_edge_active_alarms{class="life_safety"} 1.0' in page.text
    assert "gridwarden_edge_readings_shed_total 5.0" in page.text
    done = subprocess.run(
        [promtool, "check", "metrics"], input=page.text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_measurements_hold_no_label_that_grows(client):
    page = client.get("/metrics", headers={"Authorization": f"Bearer {CODE}"}).text
    assert set(re.findall(r"[{,]([a-z]+)=", page)) <= {"lane", "bus", "class"}
