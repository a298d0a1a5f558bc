"""One alarm is found in the logs of gateway and server by its id, at every station and in order."""

import json
from itertools import pairwise

import httpx2
import pytest

from firmware_sim.phone.accounts import Accounts
from tests.harness.street import LEADER
from tests.harness.waiting import until

pytestmark = pytest.mark.story
KEY = "callbacks-of-this-story"
TEMPLATE = "SMS_STORY"


def write_accounts(path, phones):
    """An account for short messages: they have receipts."""
    aliyun = Accounts().aliyun
    sms = {
        "name": "main",
        "access_key": aliyun.access_key,
        "access_secret": aliyun.access_secret,
        "sign_name": aliyun.sign_name,
        "template": TEMPLATE,
        "base_url": phones,
    }
    path.write_text(json.dumps({"sms": [sms]}))
    path.chmod(0o600)


async def report_receipts(street):
    async with httpx2.AsyncClient(base_url=street.phones.url, verify=False) as client:
        answer = await client.post(
            "/api/settings",
            json={
                "callbacks": {"sms": f"http://127.0.0.1:{street.server_port}/callbacks/{KEY}/sms"},
                "templates": {TEMPLATE: "${what} ${where}，请打开 ${link} 处理"},
                "strangers": True,
            },
        )
        answer.raise_for_status()


async def test_an_alarm_is_traced_from_the_detector_to_the_receipt_of_its_message(street, tmp_path):
    write_accounts(tmp_path / "accounts.json", street.phones.url)
    await report_receipts(street)
    server = await street.start_server(
        GRIDWARDEN_CHANNELS_FILE=str(tmp_path / "accounts.json"), GRIDWARDEN_CALLBACK_KEY=KEY
    )
    gateway = await street.start_gateway()
    await server.ready("open_alarms_listed")

    await street.set_values("gas-kitchen", gas_lel=60.0)
    raised = await street.journalled("gas-high", "raised")
    await server.wait_for(lambda line: line.get("event") == "receipt")
    page = await street.page_of(LEADER)
    await page.press("accept")
    await server.wait_for(lambda line: line.get("event") == "item_moved" and line.get("move") == "accept")

    async def acknowledged() -> bool:
        said = [line for line in gateway.lines if line.get("event") == "alarms_acknowledged"]
        return any(raised["alarm"] in line["alarms"] for line in said)

    await until(acknowledged, what="the gateway knows that the server holds the alarm")

    (tmp_path / "gateway.log").write_text("\n".join(gateway.raw), encoding="utf-8")
    (tmp_path / "server.log").write_text("\n".join(server.raw), encoding="utf-8")
    logs = [str(tmp_path / name) for name in ("server.log", "gateway.log")]
    traced = await street.run_to_its_end("gridwarden-server", "trace", raised["alarm"], *logs, "--json")
    events = [line["event"] for line in traced.lines]
    order = (
        "alarm_journalled",
        "alarm_sent",
        "alarm_received",
        "alarm_committed",
        "item_routed",
        "item_moved",
        "notice_attempted",
        "receipt",
    )
    for earlier, later in pairwise(order):
        assert events.index(earlier) < events.index(later), (earlier, later, events)
    assert events.index("alarm_committed") < events.index("alarms_acknowledged")
    item = next(line["item"] for line in traced.lines if line["event"] == "alarm_committed")
    assert {line["item"] for line in traced.lines if line.get("item")} == {item}
    assert [line["move"] for line in traced.lines if line["event"] == "item_moved"] == ["open", "accept"]
    other = await street.run_to_its_end("gridwarden-server", "trace", "no-such-alarm", *logs)
    assert other.process.returncode == 1
