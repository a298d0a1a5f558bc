"""Short messages with delivery reports, and what people answer.

Sources: help.aliyun.com, SendSms; SmsReport and SmsUp (HTTP batch push); alibabacloud 409034 (reports may
repeat); error codes of the short message service.
"""

import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx2
from starlette.responses import JSONResponse

from firmware_sim.phone.aliyun import Parameters, answer
from firmware_sim.phone.behaviour import Behaviour, Provider
from firmware_sim.phone.inbox import Received
from firmware_sim.phone.network import Outcome, PhoneNetwork
from firmware_sim.phone.quotas import ALIYUN_SMS, Meter

RECEIPT_AFTER_S: Final = 3.0
CHINA: Final = ZoneInfo("Asia/Shanghai")
_NUMBER: Final = re.compile(r"\+?\d{5,15}")
_LINK: Final = re.compile(r"https?://\S+")
_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")
_PER_PART: Final = 70
"""Characters of a short message that is not split."""


class SmsError(Exception):
    """A request is refused with a code of the service."""

    def __init__(self, code: str, text: str) -> None:
        """Keep the code."""
        super().__init__(text)
        self.code = code


def fill(template: str | None, parameters: dict[str, str]) -> str:
    """Return a text with its parameters; a code without a known text shows them in a row.

    Raises:
        SmsError: the text needs a parameter that is not given.
    """
    if template is None:
        return "，".join(str(value) for value in parameters.values())
    missing = [name for name in _VARIABLE.findall(template) if name not in parameters]
    if missing:
        raise SmsError("isv.TEMPLATE_MISSING_PARAMETERS", f"模板缺少变量 {', '.join(missing)}")
    return _VARIABLE.sub(lambda found: str(parameters[found.group(1)]), template)


def parameters_of(text: str) -> dict[str, str]:
    """Read a template's parameters from their JSON.

    Raises:
        SmsError: it is no JSON object.
    """
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise SmsError("isv.INVALID_JSON_PARAM", "JSON参数不合法") from error
    if not isinstance(found, dict):
        raise SmsError("isv.INVALID_JSON_PARAM", "JSON参数不合法")
    return {str(name): str(value) for name, value in found.items()}


def china_time(at: datetime) -> str:
    """Return a time as the provider writes it."""
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def accepts(response: httpx2.Response) -> bool:
    """Tell whether the sender has taken a report: `{"code": 0}`."""
    return response.status_code == httpx2.codes.OK and response.json().get("code") == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sending:
    biz_id: str
    text: str
    parameters: Parameters
    behaviour: Behaviour
    sent_at: datetime


@dataclass(slots=True)
class Sms:
    """The provider."""

    network: PhoneNetwork
    meter: Meter = field(default_factory=lambda: Meter(ALIYUN_SMS))

    async def send(self, parameters: Parameters) -> JSONResponse:
        """Do `SendSms`, for one number or several separated by commas."""
        numbers = [one for one in parameters.get("PhoneNumbers", "").split(",") if one]
        people = {number: self.network.directory.by_number(number) for number in numbers}
        first = next((one for one in people.values() if one), numbers[0] if numbers else None)
        behaviour = await self.network.meet(Provider.SMS, first)
        try:
            text = self._check(parameters, numbers, behaviour)
        except SmsError as error:
            self.network.record(Provider.SMS, ",".join(numbers), Outcome.REFUSED, f"{error.code} {error}")
            return answer(error.code, str(error))
        biz_id = f"{uuid.uuid4().int % 10**15}^0"
        sending = _Sending(
            biz_id=biz_id,
            text=text,
            parameters=parameters,
            behaviour=behaviour,
            sent_at=self.network.agenda.now(),
        )
        for number, person in people.items():
            self._hand_over(sending, number, person)
        return answer("OK", "OK", BizId=biz_id)

    def reply(self, person: str, number: str, text: str) -> None:
        """Let a person answer by short message."""
        now = self.network.agenda.now()
        body = [
            {
                "phone_number": number,
                "send_time": china_time(now),
                "content": text,
                "sign_name": self.network.accounts.aliyun.sign_name,
                "dest_code": "10690000",
                "sequence_id": uuid.uuid4().int % 10**12,
            }
        ]
        behaviour = self.network.rulebook.meet(Provider.SMS, person)
        self.network.report(
            Provider.SMS, self.network.callbacks.sms_reply, body, times=behaviour.receipts, accepts=accepts
        )

    def _check(self, parameters: Parameters, numbers: list[str], behaviour: Behaviour) -> str:
        """Return the text, having found nothing wrong."""
        account = self.network.accounts.aliyun
        if behaviour.error:
            raise SmsError(behaviour.error, "refused")
        if not numbers or not all(_NUMBER.fullmatch(number) for number in numbers):
            raise SmsError("isv.MOBILE_NUMBER_ILLEGAL", "非法手机号")
        if parameters.get("SignName") != account.sign_name:
            raise SmsError("isv.SMS_SIGNATURE_ILLEGAL", "短信签名不合法")
        code = parameters.get("TemplateCode", "")
        if not code:
            raise SmsError("isv.SMS_TEMPLATE_ILLEGAL", "短信模板不合法")
        text = fill(self.network.templates.get(code), parameters_of(parameters.get("TemplateParam", "")))
        now = self.network.agenda.now()
        if not all(self.meter.take(f"{code} {number}", now) for number in numbers):
            raise SmsError("isv.BUSINESS_LIMIT_CONTROL", "触发天级流控Permits:50")
        return f"【{account.sign_name}】{text}"

    def _hand_over(self, sending: _Sending, number: str, person: str | None) -> None:
        if person is None:
            self._report(sending, number, failure="MK:0001")
            return
        link = _LINK.search(sending.text)
        message = Received(
            id=f"{sending.biz_id}-{number}",
            person=person,
            channel=Provider.SMS,
            address=number,
            received_at=sending.sent_at,
            title="短信",
            text=sending.text,
            link=link.group() if link else "",
            payload=dict(sending.parameters) | {"BizId": sending.biz_id},
        )
        arrives = self.network.deliver(message, sending.behaviour)
        if sending.behaviour.undelivered:
            self._report(sending, number, failure=sending.behaviour.code or "UNDELIV")
        elif arrives:
            self._report(sending, number, failure="")

    def _report(self, sending: _Sending, number: str, *, failure: str) -> None:
        behaviour = sending.behaviour
        delay_s = behaviour.late_s + RECEIPT_AFTER_S
        report: dict[str, Any] = {
            "phone_number": number,
            "send_time": china_time(sending.sent_at),
            "report_time": china_time(sending.sent_at + timedelta(seconds=delay_s)),
            "success": not failure,
            "err_code": failure or "DELIVERED",
            "err_msg": "用户未接收" if failure else "用户接收成功",
            "sms_size": str(-(-len(sending.text) // _PER_PART)),
            "biz_id": sending.biz_id,
            "out_id": sending.parameters.get("OutId", ""),
        }
        self.network.report(
            Provider.SMS,
            self.network.callbacks.sms,
            [report],
            times=behaviour.receipts,
            delay_s=delay_s,
            accepts=accepts,
        )
