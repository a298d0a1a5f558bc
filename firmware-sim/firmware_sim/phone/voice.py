"""Calls that read a text and take key presses.

Sources: help.aliyun.com, SingleCallByTts, IvrCall (document 114037), VoiceReport and VoiceCallReport (HTTP
batch push; a key press is status 300000), the table of call states, and document 114036 for the limits of
each called number.
"""

import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from starlette.responses import JSONResponse

from firmware_sim.phone.aliyun import Parameters, answer
from firmware_sim.phone.behaviour import Behaviour, Provider
from firmware_sim.phone.inbox import Button, MessageState, Received
from firmware_sim.phone.network import NoSuchMessageError, Outcome, PhoneNetwork
from firmware_sim.phone.people import HANG_UP, Habit
from firmware_sim.phone.quotas import ALIYUN_VOICE, Meter
from firmware_sim.phone.sms import SmsError, accepts, china_time, fill, parameters_of

RING_S: Final = 30.0
MENU_S: Final = 10.0
"""How long the menu waits for a key."""

STATES: Final = {
    "200000": "用户听完语音",
    "200001": "用户提前挂机，未完整收听",
    "200002": "用户占线",
    "200003": "用户收到呼叫但未接听",
    "200004": "用户号码不合法",
    "200005": "被叫用户无法接通",
    "200007": "用户无法接通（不在服务区）",
    "200008": "获取按键超时",
    "200010": "关机",
    "200011": "停机",
}
"""How a call can end."""
KEY_PRESSED: Final = "300000"
_NUMBER: Final = re.compile(r"\+?\d{5,15}")
_KEY: Final = re.compile(r"[0-9*#]")
_MENU: Final = re.compile(r"MenuKeyMap\.(\d+)\.(Key|Code|TtsParams)")


@dataclass(slots=True, kw_only=True)
class _Call:
    message: Received
    out_id: str
    behaviour: Behaviour
    menu: frozenset[str]
    began: datetime
    answered: datetime | None = None
    keys: str = ""
    over: bool = False


@dataclass(slots=True)
class Voice:
    """The provider."""

    network: PhoneNetwork
    meter: Meter = field(default_factory=lambda: Meter(ALIYUN_VOICE))
    _calls: dict[str, _Call] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take the keys pressed on its calls."""
        self.network.presses[Provider.VOICE] = self.press

    async def call(self, parameters: Parameters) -> JSONResponse:
        """Do `SingleCallByTts` or `IvrCall`."""
        number = parameters.get("CalledNumber", "")
        person = self.network.directory.by_number(number)
        behaviour = await self.network.meet(Provider.VOICE, person or number)
        try:
            text, menu = self._check(parameters, number, behaviour)
        except SmsError as error:
            self.network.record(Provider.VOICE, number, Outcome.REFUSED, f"{error.code} {error}")
            return answer(error.code, str(error))
        call_id = f"{uuid.uuid4().int % 10**12}^{uuid.uuid4().int % 10**12}"
        now = self.network.agenda.now()
        message = Received(
            id=call_id,
            person=person or number,
            channel=Provider.VOICE,
            address=number,
            received_at=now,
            title="来电",
            text=text,
            buttons=menu,
            state=MessageState.RINGING,
            payload=dict(parameters),
        )
        call = _Call(
            message=message,
            out_id=parameters.get("OutId", ""),
            behaviour=behaviour,
            menu=frozenset(button.key for button in menu),
            began=now,
        )
        self._calls[call_id] = call
        self._ring(call, known=person is not None)
        return answer("OK", "OK", CallId=call_id)

    async def press(self, message: Received, key: str) -> None:
        """Press a key of a ringing or answered call; `hang_up` takes it and hangs up.

        Raises:
            NoSuchMessageError: the call is over, or there is no such key on a telephone.
        """
        call = self._calls[message.id]
        if call.over or (key != HANG_UP and not _KEY.fullmatch(key)):
            raise NoSuchMessageError(f"the call {message.id!r} is over" if call.over else f"no key {key!r}")
        first = call.answered is None
        call.answered = call.answered or self.network.agenda.now()
        if key == HANG_UP:
            self._end(call, "200001")
            return
        call.keys += key
        message.pressed.append(key)
        message.state = MessageState.PRESSED
        self._report_key(call, key)
        if not call.menu or key in call.menu:
            self._end(call, "200000")
        elif first:
            self._end_later(call, MENU_S, "200008")

    def _check(
        self, parameters: Parameters, number: str, behaviour: Behaviour
    ) -> tuple[str, tuple[Button, ...]]:
        """Return what is read out and the keys that mean something."""
        if behaviour.error:
            raise SmsError(behaviour.error, "refused")
        if not _NUMBER.fullmatch(number):
            raise SmsError("isv.MOBILE_NUMBER_ILLEGAL", "非法手机号")
        code = parameters.get("TtsCode") or parameters.get("StartCode") or ""
        if not code:
            raise SmsError("isv.TTS_TEMPLATE_ILLEGAL", "文本转语音模板不合法")
        given = parameters.get("TtsParam") or parameters.get("StartTtsParams") or ""
        text = fill(self.network.templates.get(code), parameters_of(given))
        if not self.meter.take(number, self.network.agenda.now()):
            raise SmsError("isv.BUSINESS_LIMIT_CONTROL", "触发流控：同一被叫1次/分钟、5次/小时、20次/天")
        return text, _menu_of(parameters, self.network.templates)

    def _ring(self, call: _Call, *, known: bool) -> None:
        habit = self.network.habit_of(call.message.person)
        if call.behaviour.lost:
            self.network.deliver(call.message, call.behaviour)
            call.over = True
        elif call.behaviour.undelivered:
            self.network.record(Provider.VOICE, call.message.address, Outcome.DROPPED, "not reached")
            self._end(call, call.behaviour.code or "200005")
        elif not known:
            self._end(call, "200004")
        elif habit is Habit.SWITCHED_OFF:
            self._end(call, "200010")
        elif habit is Habit.BUSY:
            self._end(call, "200002")
        else:
            self._end_later(call, call.behaviour.late_s + RING_S, "200003")
            self.network.deliver(call.message, call.behaviour)

    def _end_later(self, call: _Call, seconds: float, status: str) -> None:
        was_answered = call.answered is not None

        async def end() -> None:
            if not call.over and (call.answered is not None) == was_answered:
                self._end(call, status)

        self.network.agenda.after(seconds, f"call-{call.message.id}", end)

    def _end(self, call: _Call, status: str) -> None:
        call.over = True
        call.message.state = MessageState.ENDED
        call.message.buttons = ()
        call.message.note = STATES.get(status, status)
        self.network.inbox.tell(call.message)
        now = self.network.agenda.now()
        duration_s = int((now - call.answered).total_seconds()) if call.answered else 0
        report = {
            "call_id": call.message.id,
            "out_id": call.out_id,
            "originate_time": china_time(call.began),
            "ring_time": china_time(call.began),
            "start_time": china_time(call.answered) if call.answered else "",
            "end_time": china_time(now),
            "caller": self.network.accounts.aliyun.show_number,
            "callee": call.message.address,
            "duration": str(duration_s),
            "status_code": status,
            "status_msg": STATES.get(status, ""),
            "hangup_direction": "用户" if call.answered else "机器",
            "dtmf": call.keys,
            "voice_type": "voice",
        }
        self.network.report(
            Provider.VOICE,
            self.network.callbacks.voice,
            [report],
            times=call.behaviour.receipts,
            delay_s=1.0,
            accepts=accepts,
        )

    def _report_key(self, call: _Call, key: str) -> None:
        report = {
            "call_id": call.message.id,
            "out_id": call.out_id,
            "status_code": KEY_PRESSED,
            "status_time": china_time(self.network.agenda.now()),
            "dtmf": key,
        }
        self.network.report(
            Provider.VOICE,
            self.network.callbacks.voice_key,
            [report],
            times=call.behaviour.receipts,
            accepts=accepts,
        )


def _menu_of(parameters: Parameters, templates: dict[str, str]) -> tuple[Button, ...]:
    """Return the keys of `MenuKeyMap.N.Key`, each with what it makes the voice say."""
    entries: dict[int, dict[str, str]] = {}
    for name, value in parameters.items():
        found = _MENU.fullmatch(name)
        if found:
            entries.setdefault(int(found.group(1)), {})[found.group(2)] = value
    return tuple(
        Button(key=entry["Key"], text=templates.get(entry.get("Code", ""), entry.get("Code", "")))
        for _, entry in sorted(entries.items())
        if entry.get("Key")
    )
