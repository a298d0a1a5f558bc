"""WeCom: application cards with buttons that are rewritten in place.

Sources: developer.work.weixin.qq.com, documents 91039 (token: cached, fetched anew when refused), 90236
(messages; what exceeds the quota is dropped and answered with 0), 94888 (rewriting a card: a code works
once, for 72 hours), 90313 (error codes).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from server.clock import Clock
from server.notify.accounts import WecomAccount
from server.notify.channels import Message, Outcome, Verdict
from server.notify.channels.door import Door, UnreachableError
from server.notify.render import first_line, narrow_place

_TOKEN_REFUSED: Final = frozenset({40001, 40014, 42001})
_NEVER: Final = frozenset({81013, 60111, 44004, 40008, 40058})
"""No such member, or a message that will always be refused."""
_EARLY_S: Final = 300.0
"""How long before its end a token is no longer used."""
_TITLE_CHARS: Final = 26
_DESC_CHARS: Final = 30
_TEXT_CHARS: Final = 112

Buttons = tuple[tuple[str, str, int], ...]
"""(key, words, style) of each button; style 1 is the main one."""

FIRST_BUTTONS: Final[Buttons] = (
    ("accept", "已收到", 1),
    ("need_help", "请求支援", 2),
    ("not_mine", "不归我管", 3),
)
LATER_BUTTONS: Final[Buttons] = (
    ("arrive", "已到场", 1),
    ("finish", "已处理", 1),
    ("need_help", "请求支援", 2),
)
LAST_BUTTONS: Final[Buttons] = (("finish", "已处理", 1), ("need_help", "请求支援", 2))


class WecomError(Exception):
    """WeCom refused; `code` is its number."""

    def __init__(self, code: int) -> None:
        """Keep the number."""
        super().__init__(f"errcode {code}")
        self.code = code


@dataclass(slots=True)
class _Token:
    text: str
    until_boot_s: float


class WecomChannel:
    """Sends and rewrites cards."""

    name = "wecom"

    def __init__(self, account: WecomAccount, door: Door, clock: Clock) -> None:
        """Take the account, the way out and the clock by which tokens age."""
        self._account = account
        self._door = door
        self._clock = clock
        self._token: _Token | None = None
        self._fetching = asyncio.Lock()

    async def send(self, message: Message) -> Outcome:
        """Hand a card over."""
        buttons = FIRST_BUTTONS if self._account.has_callback and message.items == 1 else ()
        body = {
            "touser": message.address,
            "agentid": self._account.agentid,
            "msgtype": "template_card",
            "template_card": make_card(
                task_id=message.id,
                title=message.rendered.title,
                where=message.where,
                text=message.rendered.text,
                link=message.link,
                buttons=buttons,
            ),
        }
        try:
            found = await self._call("/cgi-bin/message/send", body)
        except WecomError as error:
            verdict = Verdict.PERMANENT if error.code in _NEVER else Verdict.TEMPORARY
            return Outcome(verdict=verdict, reason=str(error), provider=self.name)
        except UnreachableError as error:
            return Outcome(verdict=Verdict.TEMPORARY, reason=str(error), provider=self.name)
        if message.address in str(found.get("invaliduser", "")).split("|"):
            return Outcome(verdict=Verdict.PERMANENT, reason="no such member", provider=self.name)
        return Outcome(
            verdict=Verdict.SENT,
            provider=self.name,
            receipt=found.get("msgid"),
            update_code=str(found.get("response_code", "")),
        )

    async def rewrite(
        self, member: str, code: str, *, words: str = "", card: Mapping[str, Any] | None = None
    ) -> None:
        """Put words in place of a card's buttons, or another card in its place.

        Args:
            member: whose card.
            code: what the provider gave for it; works once.
            words: what stands where the buttons were.
            card: the new card, if `words` is empty.

        Raises:
            WecomError: the code is used or too old.
            UnreachableError: no answer came.
        """
        body: dict[str, Any] = {
            "userids": [member],
            "agentid": self._account.agentid,
            "response_code": code,
        }
        if card is None:
            body["button"] = {"replace_name": words}
        else:
            body["template_card"] = dict(card)
        await self._call("/cgi-bin/message/update_template_card", body)

    async def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        for last in (False, True):
            token = await self._valid_token()
            answer = await self._door.exchange(
                "POST", self._account.base_url + path, params={"access_token": token}, as_json=body
            )
            found = answer.as_object()
            if "errcode" not in found:
                raise UnreachableError(f"status {answer.status} without an errcode")
            if found["errcode"] == 0:
                return found
            if last or found["errcode"] not in _TOKEN_REFUSED:
                raise WecomError(int(found["errcode"]))
            self._token = None
        raise AssertionError("the second round returns or raises")

    async def _valid_token(self) -> str:
        async with self._fetching:
            if self._token is None or self._token.until_boot_s <= self._clock.boot_s():
                self._token = await self._fetch_token()
            return self._token.text

    async def _fetch_token(self) -> _Token:
        asked = {"corpid": self._account.corpid, "corpsecret": self._account.secret}
        answer = await self._door.exchange("GET", f"{self._account.base_url}/cgi-bin/gettoken", params=asked)
        found = answer.as_object()
        if found.get("errcode", 0) != 0:
            raise WecomError(int(found["errcode"]))
        if "access_token" not in found:
            raise UnreachableError(f"status {answer.status} without a token")
        left_s = max(float(found.get("expires_in", 0)) - _EARLY_S, 0.0)
        return _Token(text=found["access_token"], until_boot_s=self._clock.boot_s() + left_s)


def make_card(
    *, task_id: str, title: str, where: str, text: str, link: str, buttons: Buttons
) -> dict[str, Any]:
    """Return a template card: with buttons, or a notice that opens the page."""
    card: dict[str, Any] = {
        "card_type": "button_interaction" if buttons else "text_notice",
        "main_title": {
            "title": first_line(title, where)[:_TITLE_CHARS],
            "desc": narrow_place(where, _DESC_CHARS),
        },
        "sub_title_text": text[:_TEXT_CHARS],
        "task_id": task_id,
        "card_action": {"type": 1, "url": link},
    }
    if buttons:
        card["button_list"] = [{"key": key, "text": words, "style": style} for key, words, style in buttons]
    return card
