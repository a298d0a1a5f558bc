"""Short messages and calls through Alibaba Cloud.

Sources: help.aliyun.com, "V3 request body and signature" (ACS3-HMAC-SHA256), SendSms (2017-05-25), IvrCall
(114037) and the lists of error codes.
"""

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

from server.notify.accounts import SmsAccount, VoiceAccount
from server.notify.channels import Message, Outcome, Verdict
from server.notify.channels.door import Door, UnreachableError
from server.notify.render import narrow_place

_ALGORITHM: Final = "ACS3-HMAC-SHA256"
_VERSION: Final = "2017-05-25"
_MOST_CHARS: Final = 35
"""Of a template's variable."""
_NEVER: Final = ("isv.MOBILE_NUMBER_ILLEGAL", "isv.MOBILE_COUNT_OVER_LIMIT", "isv.BLACK_KEY_CONTROL_LIMIT")
"""What no attempt and no other provider changes."""

ACCEPT_KEY: Final = "1"
HELP_KEY: Final = "2"


def machine_time() -> datetime:
    """Return the machine's time, which signatures are judged by even where a test moves the server's."""
    return datetime.now(UTC)


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Return parameters sorted and encoded as RFC 3986 has it."""
    pairs = ((quote(name, safe="-_.~"), quote(parameters[name], safe="-_.~")) for name in sorted(parameters))
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed_headers(
    *, action: str, host: str, parameters: Mapping[str, str], key: str, secret: str, now: datetime
) -> dict[str, str]:
    """Return the headers of a signed request without a body."""
    empty = hashlib.sha256(b"").hexdigest()
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": empty,
        "x-acs-date": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-acs-version": _VERSION,
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join(("POST", "/", canonical_query(parameters), lines, names, empty))
    text = f"{_ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(secret.encode(), text.encode(), hashlib.sha256).hex()
    authorization = f"{_ALGORITHM} Credential={key},SignedHeaders={names},Signature={signature}"
    return {**headers, "authorization": authorization}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    code: str
    text: str
    receipt: str | None


async def _ask(
    door: Door,
    account: SmsAccount | VoiceAccount,
    action: str,
    parameters: Mapping[str, str],
    *,
    now: datetime,
    receipt: str,
) -> _Reply:
    """Do an action.

    Raises:
        UnreachableError: no answer came, or none of the provider's.
    """
    headers = signed_headers(
        action=action,
        host=urlsplit(account.base_url).netloc,
        parameters=parameters,
        key=account.access_key,
        secret=account.access_secret,
        now=now,
    )
    url = f"{account.base_url}/?{canonical_query(parameters)}"
    answer = await door.exchange("POST", url, headers=headers)
    found = answer.as_object()
    if "Code" not in found:
        raise UnreachableError(f"status {answer.status} without a code")
    return _Reply(code=str(found["Code"]), text=str(found.get("Message", "")), receipt=found.get(receipt))


def _judge(reply: _Reply, provider: str) -> Outcome:
    if reply.code == "OK":
        return Outcome(verdict=Verdict.SENT, provider=provider, receipt=reply.receipt)
    verdict = Verdict.PERMANENT if reply.code in _NEVER else Verdict.TEMPORARY
    return Outcome(verdict=verdict, reason=reply.code, provider=provider)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARS else text[: _MOST_CHARS - 1] + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class AliyunSms:
    """Sends short messages; their reports quote the notice's id."""

    account: SmsAccount
    door: Door
    now: Callable[[], datetime] = field(default=machine_time)

    @property
    def name(self) -> str:
        """What this server calls the account."""
        return self.account.name

    async def send(self, message: Message) -> Outcome:
        """Hand a short message over."""
        where = narrow_place(message.where, _MOST_CHARS)
        words = {"what": _cut(message.rendered.title), "where": where, "link": message.link}
        if message.items > 1:
            words["what"] = _cut(f"{message.rendered.title}等{message.items}件")
        parameters = {
            "PhoneNumbers": message.address,
            "SignName": self.account.sign_name,
            "TemplateCode": self.account.template,
            "TemplateParam": json.dumps(words, ensure_ascii=False),
            "OutId": message.id,
        }
        try:
            reply = await _ask(
                self.door, self.account, "SendSms", parameters, now=self.now(), receipt="BizId"
            )
        except UnreachableError as error:
            return Outcome(verdict=Verdict.TEMPORARY, reason=str(error), provider=self.name)
        return _judge(reply, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class AliyunVoice:
    """Calls, reads the notice out and takes a key: 1 accepts, 2 asks for help."""

    account: VoiceAccount
    door: Door
    now: Callable[[], datetime] = field(default=machine_time)

    @property
    def name(self) -> str:
        """What this server calls the account."""
        return self.account.name

    async def send(self, message: Message) -> Outcome:
        """Have a number called."""
        words = {"what": _cut(message.rendered.title), "where": narrow_place(message.where, _MOST_CHARS)}
        parameters = {
            "CalledShowNumber": self.account.show_number,
            "CalledNumber": message.address,
            "StartCode": self.account.start_code,
            "StartTtsParams": json.dumps(words, ensure_ascii=False),
            "MenuKeyMap.1.Key": ACCEPT_KEY,
            "MenuKeyMap.1.Code": self.account.accept_code,
            "MenuKeyMap.2.Key": HELP_KEY,
            "MenuKeyMap.2.Code": self.account.help_code,
            "OutId": message.id,
        }
        try:
            reply = await _ask(
                self.door, self.account, "IvrCall", parameters, now=self.now(), receipt="CallId"
            )
        except UnreachableError as error:
            return Outcome(verdict=Verdict.TEMPORARY, reason=str(error), provider=self.name)
        return _judge(reply, self.name)
