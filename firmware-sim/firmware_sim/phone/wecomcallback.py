"""WeCom calls back: a press on a card, sealed and signed.

Source: developer.work.weixin.qq.com, documents 90930 (callbacks: five seconds, three tries), 90376 (event
`template_card_event`).
"""

import secrets
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

import httpx2

from firmware_sim.phone.agenda import machine_time
from firmware_sim.phone.behaviour import Provider
from firmware_sim.phone.network import Outcome, PhoneNetwork
from firmware_sim.phone.wecomcipher import Envelope, sign

_TRIES: Final = 3
_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPress:
    """Somebody pressed a button of a card."""

    member: str
    key: str
    task_id: str
    card_type: str
    response_code: str


def event_xml(press: CardPress, *, corpid: str, agentid: int, created: int) -> str:
    """Return the event as the sender reads it once it has opened the envelope."""
    fields = {
        "ToUserName": corpid,
        "FromUserName": press.member,
        "CreateTime": str(created),
        "MsgType": "event",
        "Event": "template_card_event",
        "EventKey": press.key,
        "TaskId": press.task_id,
        "CardType": press.card_type,
        "ResponseCode": press.response_code,
        "AgentID": str(agentid),
    }
    return "<xml>" + "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields.items()) + "</xml>"


async def send_press(network: PhoneNetwork, press: CardPress) -> None:
    """Tell the sender, at most three times in a row."""
    url = network.callbacks.wecom
    if not url:
        return
    account = network.accounts.wecom
    envelope = Envelope(account.encoding_aes_key, account.corpid)
    created = int(machine_time().timestamp())
    text = event_xml(press, corpid=account.corpid, agentid=account.agentid, created=created)
    encrypted = envelope.seal(text)
    body = (
        f"<xml><ToUserName>{account.corpid}</ToUserName><AgentID>{account.agentid}</AgentID>"
        f"<Encrypt>{encrypted}</Encrypt></xml>"
    )
    query = _signed(account.token, encrypted, created)
    for _ in range(_TRIES):
        problem = await _post(network, url, query, body)
        outcome = Outcome.NOT_REPORTED if problem else Outcome.REPORTED
        network.record(Provider.WECOM, press.member, outcome, problem)
        if not problem:
            return


async def verify_url(network: PhoneNetwork) -> bool:
    """Do what the administration page does when a callback is set up: the sender must open an envelope."""
    account = network.accounts.wecom
    envelope = Envelope(account.encoding_aes_key, account.corpid)
    word = secrets.token_hex(8)
    encrypted = envelope.seal(word)
    query = _signed(account.token, encrypted, int(machine_time().timestamp())) | {"echostr": encrypted}
    try:
        answer = await network.http.get(network.callbacks.wecom, params=query)
    except httpx2.HTTPError:
        return False
    return answer.status_code == httpx2.codes.OK and answer.text == word


def _signed(token: str, encrypted: str, created: int) -> dict[str, str]:
    nonce = secrets.token_hex(8)
    return {
        "msg_signature": sign(token, str(created), nonce, encrypted),
        "timestamp": str(created),
        "nonce": nonce,
    }


async def _post(network: PhoneNetwork, url: str, query: dict[str, str], body: str) -> str:
    try:
        answer = await network.http.post(
            url, params=query, content=body, headers={"content-type": "text/xml"}, timeout=_TIMEOUT_S
        )
    except httpx2.HTTPError as error:
        return type(error).__name__
    return "" if answer.status_code == httpx2.codes.OK else f"status {answer.status_code}"
