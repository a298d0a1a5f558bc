"""One alarm is gathered from the logs of gateways and server, in order, and nothing of another."""

import json

from typer.testing import CliRunner

from server.cli import app
from server.telemetry.trace import follow, read_lines

GATEWAY = [
    ("05.000", "alarm_journalled", {"alarm": "a1", "run": "r", "seq": 4}),
    ("05.010", "alarm_sent", {"alarm": "a1", "run": "r", "seq": 4}),
    ("05.020", "alarm_sent", {"alarm": "a2", "run": "r", "seq": 5}),
    ("05.300", "alarms_acknowledged", {"run": "r", "seqs": [4, 5], "alarms": ["a1", "a2"]}),
]
SERVER = [
    ("05.100", "alarm_received", {"alarm": "a1"}),
    ("05.200", "alarm_committed", {"alarm": "a1", "item": "i1"}),
    ("05.201", "alarm_committed", {"alarm": "a2", "item": "i1"}),
    ("05.202", "alarm_committed", {"alarm": "a3", "item": "i3"}),
    ("05.210", "item_moved", {"item": "i1", "move": "open"}),
    ("05.211", "item_moved", {"item": "i3", "move": "open"}),
    ("06.000", "notice_attempted", {"item": "i1", "notice": "n1", "outcome": "sent"}),
    ("07.000", "receipt", {"notice": "n1", "receipt": "delivered"}),
    ("07.001", "receipt", {"notice": "n3", "receipt": "delivered"}),
]


def written(lines) -> str:
    return "".join(
        json.dumps({"event": event, "level": "info", "timestamp": f"2026-03-01T04:00:{at}Z", **fields}) + "\n"
        for at, event, fields in lines
    )


def test_an_alarm_is_followed_over_both_logs_to_its_message():
    both = (written(SERVER) + written(GATEWAY)).splitlines()
    assert [line["event"] for line in follow(read_lines(both), "a1")] == [
        "alarm_journalled",
        "alarm_sent",
        "alarm_received",
        "alarm_committed",
        "item_moved",
        "alarms_acknowledged",
        "notice_attempted",
        "receipt",
    ]


def test_the_command_reads_files_and_what_a_container_engine_puts_before_them(tmp_path):
    (tmp_path / "server.log").write_text(written(SERVER) + "not JSON {\n\n")
    prefixed = "".join(f"gateway-1  | {line}\n" for line in written(GATEWAY).splitlines())
    given = ["trace", "a1", str(tmp_path / "server.log"), "-"]
    result = CliRunner().invoke(app, given, input=prefixed)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert len(lines) == 8
    assert "gateway: the alarm's state is on its disk" in lines[0]
    assert "+2.000 s  receipt" in lines[-1]
    as_json = CliRunner().invoke(app, [*given, "--json"], input=prefixed).output
    assert json.loads(as_json.splitlines()[0])["event"] == "alarm_journalled"


def test_an_alarm_that_no_line_names_is_said_and_ends_with_1(tmp_path):
    result = CliRunner().invoke(app, ["trace", "a9"], input=written(SERVER))
    assert result.exit_code == 1
    assert "a9" in result.output
