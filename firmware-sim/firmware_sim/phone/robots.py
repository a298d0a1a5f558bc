"""Group robots of WeCom, DingTalk and Feishu: one address, a quota, no receipt.

Sources: developer.work.weixin.qq.com, document 91770; open.dingtalk.com, custom robots; open.feishu.cn,
custom bots. The group is a phone of its own on the wall.
"""

import base64
import hashlib
import hmac
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from firmware_sim.phone.agenda import machine_time
from firmware_sim.phone.behaviour import Provider
from firmware_sim.phone.inbox import Received
from firmware_sim.phone.network import Outcome, PhoneNetwork
from firmware_sim.phone.quotas import DINGTALK_ROBOT, FEISHU_ROBOT, WECOM_ROBOT, Meter

_MOST_AGE_S: Final = 3600.0
"""DingTalk and Feishu refuse a signature that is older than an hour."""
_GROUPS: Final = {
    Provider.WECOM_ROBOT: "企业微信群",
    Provider.DINGTALK: "钉钉群",
    Provider.FEISHU: "飞书群",
}


_OK: Final = {"errcode": 0, "errmsg": "ok"}
_BAD: Final = {
    Provider.WECOM_ROBOT: (40008, "invalid message type"),
    Provider.DINGTALK: (40035, "param error"),
    Provider.FEISHU: (9499, "Bad Request"),
}
_TOO_MANY: Final = {
    Provider.WECOM_ROBOT: (45009, "api freq out of limit"),
    Provider.DINGTALK: (130101, "send too fast, exceed 20 times per minute"),
    Provider.FEISHU: (11232, "frequency limited psm"),
}


class RobotError(Exception):
    """A request is refused."""

    def __init__(self, code: int, text: str) -> None:
        """Keep the code."""
        super().__init__(text)
        self.code = code


def dingtalk_signature(secret: str, timestamp: str) -> str:
    """Return DingTalk's `sign` for a time in milliseconds."""
    digest = hmac.digest(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def feishu_signature(secret: str, timestamp: str) -> str:
    """Return Feishu's `sign` for a time in seconds: time and secret are the key, the text is empty."""
    return base64.b64encode(hmac.digest(f"{timestamp}\n{secret}".encode(), b"", hashlib.sha256)).decode()


@dataclass(slots=True)
class Robots:
    """The three providers."""

    network: PhoneNetwork
    meters: dict[Provider, Meter] = field(
        default_factory=lambda: {
            Provider.WECOM_ROBOT: Meter(WECOM_ROBOT),
            Provider.DINGTALK: Meter(DINGTALK_ROBOT),
            Provider.FEISHU: Meter(FEISHU_ROBOT),
        }
    )

    def routes(self) -> list[Route]:
        """Return what they answer to."""
        return [
            Route("/cgi-bin/webhook/send", self.take_wecom, methods=["POST"]),
            Route("/robot/send", self.take_dingtalk, methods=["POST"]),
            Route("/open-apis/bot/v2/hook/{token}", self.take_feishu, methods=["POST"]),
        ]

    async def take_wecom(self, request: Request) -> JSONResponse:
        """Answer the robot of a WeCom group."""
        known = request.query_params.get("key") in self.network.accounts.wecom_robots
        problem = None if known else RobotError(93000, "invalid webhook url")
        key = request.query_params.get("key", "")
        refusal = await self._take(Provider.WECOM_ROBOT, key, await _json_of(request), problem)
        return JSONResponse({"errcode": refusal.code, "errmsg": str(refusal)} if refusal else _OK)

    async def take_dingtalk(self, request: Request) -> JSONResponse:
        """Answer the robot of a DingTalk group."""
        accounts, query = self.network.accounts, request.query_params
        stamp, problem = query.get("timestamp", ""), None
        expected = dingtalk_signature(accounts.dingtalk_secret, stamp)
        if query.get("access_token") != accounts.dingtalk_token:
            problem = RobotError(300001, "token is not exist")
        elif not _fresh(stamp, 1000.0) or not hmac.compare_digest(query.get("sign", ""), expected):
            problem = RobotError(310000, "sign not match")
        refusal = await self._take(
            Provider.DINGTALK, accounts.dingtalk_token, await _json_of(request), problem
        )
        return JSONResponse({"errcode": refusal.code, "errmsg": str(refusal)} if refusal else _OK)

    async def take_feishu(self, request: Request) -> JSONResponse:
        """Answer the bot of a Feishu group."""
        accounts, body = self.network.accounts, await _json_of(request)
        stamp, problem = str(body.get("timestamp", "")), None
        expected = feishu_signature(accounts.feishu_secret, stamp)
        if request.path_params["token"] != accounts.feishu_token:
            problem = RobotError(19001, "param invalid: incoming webhook access token invalid")
        elif not _fresh(stamp, 1.0) or not hmac.compare_digest(str(body.get("sign", "")), expected):
            problem = RobotError(19021, "sign match fail or timestamp is not within one hour")
        refusal = await self._take(Provider.FEISHU, accounts.feishu_token, body, problem)
        if refusal:
            return JSONResponse({"code": refusal.code, "msg": str(refusal), "data": {}})
        return JSONResponse({"code": 0, "msg": "success", "data": {}})

    async def _take(
        self, provider: Provider, key: str, body: dict[str, Any], problem: RobotError | None
    ) -> RobotError | None:
        """Take a message and put it on the group's phone; returns why not."""
        person = _GROUPS[provider]
        behaviour = await self.network.meet(provider, person)
        shown = _shown(provider, body)
        if behaviour.error:
            problem = RobotError(int(behaviour.error), "refused")
        elif problem is None and shown is None:
            problem = RobotError(*_BAD[provider])
        elif problem is None and not self.meters[provider].take(key, self.network.agenda.now()):
            problem = RobotError(*_TOO_MANY[provider])
        if problem is not None or shown is None:
            self.network.record(provider, key, Outcome.REFUSED, str(problem))
            return problem
        message = Received(
            id=uuid.uuid4().hex,
            person=person,
            channel=provider,
            address=key,
            received_at=self.network.agenda.now(),
            title=shown[0],
            text=shown[1],
            payload=body,
        )
        self.network.deliver(message, behaviour)
        return None


def _fresh(stamp: str, per_second: float) -> bool:
    if not stamp.isdigit():
        return False
    return abs(machine_time().timestamp() - int(stamp) / per_second) <= _MOST_AGE_S


def _shown(provider: Provider, body: dict[str, Any]) -> tuple[str, str] | None:
    """Return title and text of a robot's message; None if its kind is unknown here, or it is empty."""
    if provider is Provider.FEISHU:
        kind, part = body.get("msg_type"), body.get("content") or {}
        text = str(part.get("text", "")) if kind == "text" else ""
        if kind == "interactive" and isinstance(body.get("card"), dict):
            text = str(body["card"].get("header", {}).get("title", {}).get("content", ""))
    else:
        kind = str(body.get("msgtype"))
        part = body.get(kind) or {}
        text = str(part.get("content") or part.get("text") or "") if kind in ("text", "markdown") else ""
        if kind == "template_card":
            text = str((part.get("main_title") or {}).get("title", ""))
    if not text:
        return None
    title = str(part.get("title") or text.splitlines()[0])
    return title, text


async def _json_of(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
