"""Robots through Apprise, and the file of accounts."""

import asyncio
import json

import pytest
from apprise.plugins.wecombot import NotifyWeComBot

from server.errors import SettingsError
from server.notify.accounts import load_accounts
from server.notify.channels import Verdict
from server.notify.channels.robot import RobotChannel
from tests.server.notify.test_webhook_channel import message, receiver

# Apprise reads all its services at once, one of which imports a module that Python will drop.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def robots():
    opened = []

    def make(entries):
        opened.append(RobotChannel(entries))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


async def test_a_group_robot_is_told_by_the_name_of_its_entry(robots, monkeypatch):
    answer = b'HTTP/1.1 200 OK\r\ncontent-length: 27\r\n\r\n{"errcode":0,"errmsg":"ok"}'
    async with receiver(answer) as (port, requests):
        monkeypatch.setattr(NotifyWeComBot, "notify_url", f"http://127.0.0.1:{port}/send?key={{key}}")
        channel = robots({"desk-group": "wecombot://secretkey"})
        outcome = await channel.send(message("desk-group"))
    assert outcome.verdict is Verdict.SENT
    head, body = requests[0].split(b"\r\n\r\n", 1)
    assert b"key=secretkey" in head
    assert "燃气泄漏" in json.loads(body)["text"]["content"]


async def test_a_json_service_that_fails_is_tried_again(robots):
    async with receiver(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n") as (port, _):
        channel = robots({"desk": f"json://127.0.0.1:{port}"})
        assert (await channel.send(message("desk"))).verdict is Verdict.TEMPORARY


async def test_an_entry_that_is_not_there_is_never_there(robots):
    channel = robots({"odd": "no address at all"})
    assert (await channel.send(message("nobody"))).verdict is Verdict.PERMANENT
    assert (await channel.send(message("odd"))).verdict is Verdict.PERMANENT


async def test_a_service_that_hangs_does_not_hold_up_the_loop(robots):
    async with receiver(b"", hang=True) as (port, _):
        channel = robots({"desk": f"json://127.0.0.1:{port}?rto=1&cto=1"})
        sending = asyncio.create_task(channel.send(message("desk")))
        await asyncio.sleep(0)
        assert not sending.done()
        assert (await sending).verdict is Verdict.TEMPORARY


def test_the_file_is_for_the_server_alone(tmp_path):
    path = tmp_path / "channels.json"
    path.write_text(json.dumps({"robots": {"desk": "json://x"}}))
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        load_accounts(path)
    path.chmod(0o600)
    assert load_accounts(path).robots == {"desk": "json://x"}
    assert load_accounts(None).sms == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "not JSON"), ('{"wecom": {"corpid": "x"}}', "wecom.secret"), ('{"fax": 1}', "fax")],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path, text, said):
    path = tmp_path / "channels.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match=said):
        load_accounts(path)
