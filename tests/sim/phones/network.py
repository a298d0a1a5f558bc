"""A phone network on a clock that is pushed, spoken to as senders do, and a sender that hears its reports."""

import hashlib
import time
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from firmware_sim.phone.accounts import Callbacks
from firmware_sim.phone.agenda import Agenda
from firmware_sim.phone.aliyun import acs3_signature, rpc_signature
from firmware_sim.phone.app import build_phones
from firmware_sim.phone.network import PhoneNetwork
from firmware_sim.phone.robots import dingtalk_signature, feishu_signature
from firmware_sim.phone.wecomcipher import Envelope, sign

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSBwaG9uZXMsIDMyIGJ5dGVzIQ=="
START = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)


@dataclass
class Ears:
    """The sender's callbacks: what it heard, and how it answers."""

    heard: dict[str, list[Any]] = field(default_factory=lambda: {n: [] for n in Callbacks.__slots__})
    deaf: bool = False

    def app(self, network: PhoneNetwork) -> Starlette:
        account = network.accounts.wecom

        async def take(request: Request) -> Response:
            if self.deaf:
                return JSONResponse({"code": 1}, status_code=500)
            self.heard[request.path_params["name"]].extend(await request.json())
            return JSONResponse({"code": 0, "msg": "ok"})

        async def take_wecom(request: Request) -> Response:
            if self.deaf:
                return PlainTextResponse("", status_code=500)
            query = request.query_params
            sealed = query.get("echostr")
            if sealed is None:
                sealed = ET.fromstring(await request.body()).findtext("Encrypt")
            assert query["msg_signature"] == sign(account.token, query["timestamp"], query["nonce"], sealed)
            text = Envelope(account.encoding_aes_key, account.corpid).open(sealed)
            if "echostr" in query:
                return PlainTextResponse(text)
            self.heard["wecom"].append({e.tag: e.text for e in ET.fromstring(text)})
            return PlainTextResponse("")

        return Starlette(
            routes=[
                Route("/wecom", take_wecom, methods=["GET", "POST"]),
                Route("/{name}", take, methods=["POST"]),
            ]
        )


@dataclass
class Sender:
    """A customer of every provider."""

    network: PhoneNetwork
    http: httpx2.AsyncClient
    ears: Ears

    async def api(self, method: str, path: str, **more: Any) -> Any:
        answer = await self.http.request(method, f"/api/{path}", **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def rule(self, provider: str, kind: str, **more: Any) -> None:
        await self.api("POST", "rules", json={"provider": provider, "kind": kind, **more})

    async def wait(self, seconds: float) -> None:
        await self.api("POST", "clock", json={"advance_s": seconds})

    async def on_phone(self, person: str) -> list[dict[str, Any]]:
        return await self.api("GET", "messages", params={"person": person})

    # --- WeCom ---------------------------------------------------------------------------------

    async def token(self) -> str:
        account = self.network.accounts.wecom
        asked = {"corpid": account.corpid, "corpsecret": account.secret}
        return (await self.http.get("/cgi-bin/gettoken", params=asked)).json()["access_token"]

    async def wecom(self, path: str, body: dict[str, Any], *, token: str | None = None) -> dict[str, Any]:
        query = {"access_token": token or await self.token()}
        whole = {"agentid": self.network.accounts.wecom.agentid, **body}
        return (await self.http.post(f"/cgi-bin/message/{path}", params=query, json=whole)).json()

    async def text(self, to: str = "wang", content: str = "燃气泄漏") -> dict[str, Any]:
        return await self.wecom("send", {"touser": to, "msgtype": "text", "text": {"content": content}})

    async def card(self, to: str = "wang") -> dict[str, Any]:
        return await self.wecom("send", {"touser": to, "msgtype": "template_card", "template_card": CARD})

    # --- robots --------------------------------------------------------------------------------

    async def robot(self, provider: str, content: str = "值班群") -> dict[str, Any]:
        accounts = self.network.accounts
        if provider == "feishu":
            stamp = str(int(time.time()))
            body = {"msg_type": "text", "content": {"text": content}, "timestamp": stamp}
            body["sign"] = feishu_signature(accounts.feishu_secret, stamp)
            return (await self.http.post(f"/open-apis/bot/v2/hook/{accounts.feishu_token}", json=body)).json()
        body = {"msgtype": "text", "text": {"content": content}}
        if provider == "wecom_robot":
            query = {"key": accounts.wecom_robots[0]}
            return (await self.http.post("/cgi-bin/webhook/send", params=query, json=body)).json()
        stamp = str(int(time.time() * 1000))
        query = {
            "access_token": accounts.dingtalk_token,
            "timestamp": stamp,
            "sign": dingtalk_signature(accounts.dingtalk_secret, stamp),
        }
        return (await self.http.post("/robot/send", params=query, json=body)).json()

    # --- Aliyun --------------------------------------------------------------------------------

    async def rpc(self, action: str, **parameters: str) -> httpx2.Response:
        account = self.network.accounts.aliyun
        whole = {
            "Action": action,
            "AccessKeyId": account.access_key,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": uuid.uuid4().hex,
            "SignatureVersion": "1.0",
            "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Version": "2017-05-25",
            **parameters,
        }
        whole.setdefault("Signature", rpc_signature("POST", whole, account.access_secret))
        return await self.http.post("/", data=whole)

    async def acs3(self, action: str, **parameters: str) -> httpx2.Response:
        account = self.network.accounts.aliyun
        headers = {
            "host": "phones",
            "x-acs-action": action,
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
            "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": uuid.uuid4().hex,
            "x-acs-version": "2017-05-25",
        }
        names = ";".join(sorted(headers))
        signature = acs3_signature(
            method="POST",
            path="/",
            query=dict(parse_qsl(str(httpx2.QueryParams(parameters)))),
            headers=headers,
            signed_headers=names,
            secret=account.access_secret,
        )
        headers["authorization"] = (
            f"ACS3-HMAC-SHA256 Credential={account.access_key},SignedHeaders={names},Signature={signature}"
        )
        return await self.http.post("/", params=parameters, headers=headers)

    async def sms(self, number: str = "19900000001", **more: str) -> dict[str, Any]:
        asked = {
            "PhoneNumbers": number,
            "SignName": "网格哨兵",
            "TemplateCode": "SMS_1",
            "TemplateParam": '{"what":"燃气泄漏"}',
            "OutId": "notice-1",
            **more,
        }
        return (await self.rpc("SendSms", **asked)).json()

    async def call(self, number: str = "19900000001", **more: str) -> dict[str, Any]:
        asked = {
            "CalledNumber": number,
            "StartCode": "TTS_1",
            "StartTtsParams": '{"what":"燃气泄漏"}',
            "MenuKeyMap.1.Key": "1",
            "MenuKeyMap.1.Code": "TTS_ACCEPT",
            "MenuKeyMap.2.Key": "2",
            "MenuKeyMap.2.Code": "TTS_HELP",
            "OutId": "notice-2",
            **more,
        }
        return (await self.rpc("IvrCall", **asked)).json()


CARD = {
    "card_type": "button_interaction",
    "main_title": {"title": "燃气泄漏", "desc": "1幢 2楼 202室"},
    "task_id": "item-1",
    "card_action": {"type": 1, "url": "http://127.0.0.1:1/i/x"},
    "button_list": [
        {"text": "已收到", "style": 1, "key": "accept"},
        {"text": "不归我管", "style": 3, "key": "not_mine"},
    ],
}


@asynccontextmanager
async def open_sender():
    """Give a network and its customer, in one process; nothing listens."""
    callbacks = Callbacks(**{name: f"http://sender/{name}" for name in Callbacks.__slots__})
    network = PhoneNetwork(
        agenda=Agenda(base=lambda: START),
        callbacks=callbacks,
        templates={
            "SMS_1": "${what}，请打开 http://127.0.0.1:1/i/x 处理",
            "TTS_1": "${what}，收到请按1，需要帮助请按2",
            "TTS_ACCEPT": "已收到",
            "TTS_HELP": "需要帮助",
        },
    )
    ears = Ears()
    await network.http.aclose()
    network.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=ears.app(network)))
    transport = httpx2.ASGITransport(app=build_phones(network, secret=SECRET))
    async with httpx2.AsyncClient(transport=transport, base_url="http://phones") as http:
        yield Sender(network=network, http=http, ears=ears)
    await network.http.aclose()
