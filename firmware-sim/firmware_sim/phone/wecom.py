"""WeCom: application messages and template cards whose buttons call back.

Sources: developer.work.weixin.qq.com, documents 91039 (token), 90236 (messages and their limits), 94867
(recall), 94888 (updating a card), 90376 (events), 90313 (error codes).
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from firmware_sim.phone.behaviour import Behaviour, Provider
from firmware_sim.phone.inbox import Button, MessageState, Received
from firmware_sim.phone.network import NoSuchMessageError, Outcome, PhoneNetwork
from firmware_sim.phone.quotas import WECOM_MEMBER, Meter
from firmware_sim.phone.wecomcallback import CardPress, send_press

TOKEN_LIFE_S: Final = 7200
CODE_LIFE: Final = timedelta(hours=72)
_TEXT_BYTES: Final = 2048
_MOST_MEMBERS: Final = 1000
_MOST_BUTTONS: Final = 6

ERRORS: Final = {
    -1: "system busy",
    40001: "invalid credential",
    40008: "invalid message type",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40058: "invalid parameter",
    41001: "access_token missing",
    42001: "access_token expired",
    44004: "empty content",
    45009: "api freq out of limit",
    60020: "not allow to access from your ip",
    81013: "user & party & tag all invalid",
    301002: "not allow operate another agent with this accesstoken",
}
"""Document 90313. The texts may change: a sender goes by the number."""


class WecomError(Exception):
    """A request is refused with one of `ERRORS`."""

    def __init__(self, code: int, detail: str = "") -> None:
        """Keep the code."""
        super().__init__(f"{ERRORS.get(code, 'error')}{', ' + detail if detail else ''}")
        self.code = code


@dataclass(slots=True, kw_only=True)
class _Card:
    """What a response code leads to."""

    msgid: str
    person: str | None
    """Whose press gave the code; None is the code that sending gave."""
    until: datetime


@dataclass(slots=True)
class Wecom:
    """The provider."""

    network: PhoneNetwork
    meter: Meter = field(default_factory=lambda: Meter(WECOM_MEMBER))
    _tokens: dict[str, datetime] = field(default_factory=dict)
    _codes: dict[str, _Card] = field(default_factory=dict)
    _behaviours: dict[tuple[str, str], Behaviour] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take the presses on its cards."""
        self.network.presses[Provider.WECOM] = self.press

    def routes(self) -> list[Route]:
        """Return what it answers to."""
        return [
            Route("/cgi-bin/gettoken", self.give_token),
            Route("/cgi-bin/message/send", self.send, methods=["POST"]),
            Route("/cgi-bin/message/update_template_card", self.update, methods=["POST"]),
            Route("/cgi-bin/message/recall", self.recall, methods=["POST"]),
        ]

    async def give_token(self, request: Request) -> JSONResponse:
        """Answer `gettoken`: the same token until it expires."""
        account = self.network.accounts.wecom
        behaviour = await self.network.meet(Provider.WECOM, None)
        query = request.query_params
        if query.get("corpid") != account.corpid:
            return _refuse(WecomError(40013))
        if query.get("corpsecret") != account.secret:
            return _refuse(WecomError(40001))
        if behaviour.error:
            return _refuse(WecomError(int(behaviour.error)))
        now = self.network.agenda.now()
        token = next((one for one, until in self._tokens.items() if until > now), None)
        if token is None:
            token = secrets.token_urlsafe(32)
            self._tokens[token] = now + timedelta(seconds=TOKEN_LIFE_S)
        left_s = int((self._tokens[token] - now).total_seconds())
        return JSONResponse({"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": left_s})

    def expire_tokens(self) -> None:
        """Let every token expire before its time, as the provider may."""
        now = self.network.agenda.now()
        self._tokens = dict.fromkeys(self._tokens, now)

    async def send(self, request: Request) -> JSONResponse:
        """Answer `message/send`."""
        body = await _json_of(request)
        members = [one for one in str(body.get("touser", "")).split("|") if one]
        found = {one: self.network.directory.by_wecom(one) for one in members}
        first = next((person for person in found.values() if person), None)
        behaviour = await self.network.meet(Provider.WECOM, first)
        try:
            self._check_sender(request, body, behaviour)
            invalid = _invalid_of(found)
            shown = _shown(body)
        except WecomError as error:
            self.network.record(Provider.WECOM, "|".join(members), Outcome.REFUSED, str(error))
            return _refuse(error)
        msgid = secrets.token_urlsafe(24)
        for member, person in found.items():
            if person is not None:
                sending = _Sending(msgid=msgid, body=body, shown=shown, behaviour=behaviour)
                self._hand_over(sending, member, person)
        answer = {"errcode": 0, "errmsg": "ok", "msgid": msgid}
        if invalid:
            answer["invaliduser"] = "|".join(invalid)
        if shown.buttons:
            answer["response_code"] = self._new_code(msgid, None)
        return JSONResponse(answer)

    async def update(self, request: Request) -> JSONResponse:
        """Answer `update_template_card`: a code works once, for three days."""
        body = await _json_of(request)
        behaviour = await self.network.meet(Provider.WECOM, None)
        try:
            self._check_sender(request, body, behaviour)
            card = self._redeem(str(body.get("response_code", "")))
        except WecomError as error:
            self.network.record(Provider.WECOM, "update", Outcome.REFUSED, str(error))
            return _refuse(error)
        members = set(body.get("userids") or ())
        for message in self.network.inbox.messages:
            if message.id == card.msgid and (body.get("atall") == 1 or message.address in members):
                _rewrite(message, body)
                self.network.inbox.tell(message)
        known = {m.address for m in self.network.inbox.messages if m.id == card.msgid}
        return JSONResponse({"errcode": 0, "errmsg": "ok", "invaliduser": sorted(members - known)})

    async def recall(self, request: Request) -> JSONResponse:
        """Answer `recall`: the message disappears from its phones."""
        body = await _json_of(request)
        await self.network.meet(Provider.WECOM, None)
        try:
            self._check_token(request)
        except WecomError as error:
            return _refuse(error)
        for message in self.network.inbox.messages:
            if message.id == body.get("msgid"):
                message.state = MessageState.RECALLED
                self.network.inbox.tell(message)
        return JSONResponse({"errcode": 0, "errmsg": "ok"})

    async def press(self, message: Received, key: str) -> None:
        """Press a button of a card: the sender is told, with a fresh code to rewrite the card.

        Raises:
            NoSuchMessageError: the card has no such button (any more).
        """
        if key not in {button.key for button in message.buttons}:
            raise NoSuchMessageError(f"the card offers no button {key!r}")
        message.pressed.append(key)
        message.state = MessageState.PRESSED
        behaviour = self._behaviours.get((message.id, message.person), Behaviour())
        card = message.payload["template_card"]
        press = CardPress(
            member=message.address,
            key=key,
            task_id=str(card.get("task_id", "")),
            card_type=str(card.get("card_type", "")),
            response_code=self._new_code(message.id, message.person),
        )
        for number in range(behaviour.receipts):
            self.network.agenda.after(
                number, f"card-press-{message.id}", lambda: send_press(self.network, press)
            )

    def _check_sender(self, request: Request, body: dict[str, Any], behaviour: Behaviour) -> None:
        self._check_token(request)
        if behaviour.error:
            raise WecomError(int(behaviour.error))
        if body.get("agentid") != self.network.accounts.wecom.agentid:
            raise WecomError(301002)

    def _redeem(self, code: str) -> _Card:
        card = self._codes.pop(code, None)
        if card is None or card.until <= self.network.agenda.now():
            raise WecomError(40058, "response_code invalid, used or older than 72 hours")
        return card

    def _check_token(self, request: Request) -> None:
        token = request.query_params.get("access_token")
        if not token:
            raise WecomError(41001)
        if token not in self._tokens:
            raise WecomError(40014)
        if self._tokens[token] <= self.network.agenda.now():
            raise WecomError(42001)

    def _hand_over(self, sending: "_Sending", member: str, person: str) -> None:
        now = self.network.agenda.now()
        if not self.meter.take(member, now):
            self.network.record(Provider.WECOM, member, Outcome.DROPPED, "over the member's quota")
            return
        self._behaviours[sending.msgid, person] = sending.behaviour
        message = Received(
            id=sending.msgid,
            person=person,
            channel=Provider.WECOM,
            address=member,
            received_at=now,
            title=sending.shown.title,
            text=sending.shown.text,
            link=sending.shown.link,
            buttons=sending.shown.buttons,
            payload=sending.body,
        )
        self.network.deliver(message, sending.behaviour)

    def _new_code(self, msgid: str, person: str | None) -> str:
        code = secrets.token_urlsafe(32)
        until = self.network.agenda.now() + CODE_LIFE
        self._codes[code] = _Card(msgid=msgid, person=person, until=until)
        return code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    title: str
    text: str
    link: str = ""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sending:
    msgid: str
    body: dict[str, Any]
    shown: _Shown
    behaviour: Behaviour


def _invalid_of(found: dict[str, str | None]) -> list[str]:
    """Return the members that do not exist.

    Raises:
        WecomError: none exists, or there are too many.
    """
    if len(found) > _MOST_MEMBERS:
        raise WecomError(40058, "touser")
    invalid = [member for member, person in found.items() if person is None]
    if len(invalid) == len(found):
        raise WecomError(81013)
    return invalid


def _shown(body: dict[str, Any]) -> _Shown:
    """Return what a message looks like.

    Raises:
        WecomError: its kind is unknown here, or it is empty.
    """
    kind = body.get("msgtype")
    match kind:
        case "text" | "markdown":
            content = str((body.get(kind) or {}).get("content", ""))
            if not content:
                raise WecomError(44004)
            cut = content.encode()[:_TEXT_BYTES].decode(errors="ignore")
            return _Shown(title=cut.splitlines()[0], text=cut)
        case "textcard":
            card = body.get("textcard") or {}
            if not card.get("title") or not card.get("url"):
                raise WecomError(44004)
            return _Shown(title=card["title"], text=str(card.get("description", "")), link=card["url"])
        case "template_card":
            return show_card(body.get("template_card") or {})
        case _:
            raise WecomError(40008)


def show_card(card: dict[str, Any]) -> _Shown:
    """Return what a template card looks like.

    Raises:
        WecomError: it lacks what its type needs.
    """
    kind = card.get("card_type")
    title = card.get("main_title") or {}
    if kind not in ("text_notice", "button_interaction"):
        raise WecomError(40058, "card_type")
    if not title.get("title"):
        raise WecomError(40058, "main_title.title")
    buttons: tuple[Button, ...] = ()
    if kind == "button_interaction":
        listed = card.get("button_list") or []
        if not card.get("task_id") or not 1 <= len(listed) <= _MOST_BUTTONS:
            raise WecomError(40058, "task_id or button_list")
        if any(not one.get("text") or not one.get("key") for one in listed):
            raise WecomError(40058, "button_list.key")
        buttons = tuple(Button(key=one["key"], text=one["text"]) for one in listed)
    facts = [
        f"{one.get('keyname', '')}：{one.get('value', '')}"
        for one in card.get("horizontal_content_list") or ()
    ]
    lines = [title.get("desc", ""), card.get("sub_title_text", ""), *facts]
    link = str((card.get("card_action") or {}).get("url", ""))
    return _Shown(
        title=title["title"], text="\n".join(line for line in lines if line), link=link, buttons=buttons
    )


def _rewrite(message: Received, body: dict[str, Any]) -> None:
    """Update one phone's card: another card, or words in place of its buttons."""
    if body.get("template_card"):
        shown = show_card(body["template_card"])
        message.title, message.text, message.link = shown.title, shown.text, shown.link or message.link
        message.buttons = shown.buttons
        message.payload = {**message.payload, "template_card": body["template_card"]}
        message.state = MessageState.ARRIVED if shown.buttons else MessageState.ENDED
    else:
        message.note = str((body.get("button") or {}).get("replace_name", ""))
        message.buttons = ()
        message.state = MessageState.ENDED


async def _json_of(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _refuse(error: WecomError) -> JSONResponse:
    return JSONResponse({"errcode": error.code, "errmsg": str(error)})
