"""The second way out: when the server does not take a life-safety alarm, people are told all the same.

An alarm on which a life may depend, that is active and that the server has not acknowledged for 30 s,
sounds the gateway's own siren and goes out by whatever the gateway has of its own: a webhook, a modem's
text message. Each is tried until it works or the server acknowledges; what was done stands in the alarm.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from edge.errors import WayOutError
from edge.model import ActionResult, PlannedAction
from edge.ports import ActionSink, Actuator, Clock
from edge.watch.selfwatch import SELF_DEVICE
from wire.messages import AlarmState
from wire.vocabulary import ActionState, AlarmClass, Condition, Mode

_LOOK_EVERY_S: Final = 1.0
_FIRST_PAUSE_S: Final = 5.0
_LONGEST_PAUSE_S: Final = 60.0
_SIREN_LIFE_MS: Final = 30_000
_SIREN_AGAIN_MS: Final = 45_000

log = structlog.get_logger(__name__)


class WayOut(Protocol):
    """One way to people that does not lead over the server."""

    name: str
    """What is done, as the alarm tells it, e.g. `send_sms`."""

    async def tell(self, alarm: AlarmState) -> str:
        """Tell people of an alarm; returns whom or where, for the record.

        Raises:
            WayOutError: it did not work; it will be tried again.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Siren:
    """What is sounded on the spot, and how it is silenced; None where only a person can."""

    device: str
    sound: str
    silence: str | None = None


@dataclass(slots=True)
class _Unheard:
    """An alarm that the server has not acknowledged."""

    since_ms: int
    escalated: bool = False
    siren_ms: int | None = None
    tasks: tuple[asyncio.Task[None], ...] = ()


class SecondWay:
    """Watches how long the server takes to acknowledge, and goes the second way."""

    def __init__(
        self,
        *,
        clock: Clock,
        after_s: float,
        alarms: Callable[[], Mapping[str, AlarmState]],
        is_unacknowledged: Callable[[str], bool],
        siren: Siren | None,
        actuator: Actuator,
        ways: Iterable[WayOut],
        sink: ActionSink,
    ) -> None:
        """Join the parts.

        Args:
            clock: the machine's clocks.
            after_s: how long the server may take.
            alarms: those that are not cleared.
            is_unacknowledged: tells whether the server has yet to take an alarm's newest state; also
                true while that state is still being journalled, or it would count as taken.
            siren: what is sounded on the spot, if anything.
            actuator: sounds it.
            ways: the gateway's own ways to people.
            sink: takes what was done.
        """
        self._clock = clock
        self._after_ms = round(after_s * 1000)
        self._alarms = alarms
        self._is_unacknowledged = is_unacknowledged
        self._siren = siren
        self._actuator = actuator
        self._ways = tuple(ways)
        self._sink = sink
        self._unheard: dict[str, _Unheard] = {}
        self._heard: dict[str, int] = {}
        """How often an alarm had become active when the server took it."""

    async def run(self) -> None:
        """Watch until cancelled; then end what is still tried."""
        async with asyncio.TaskGroup() as group:
            while True:
                self.look(group)
                await asyncio.sleep(self._clock.pause_s(_LOOK_EVERY_S))

    def look(self, group: asyncio.TaskGroup) -> None:
        """Look at every alarm once; start and stop what follows."""
        alarms = self._alarms()
        now_ms = self._clock.moment().boot_ms
        for key in [key for key in self._unheard if not self._still_unheard(alarms.get(key))]:
            self._stop(key, self._unheard.pop(key))
        self._heard = {key: count for key, count in self._heard.items() if key in alarms}
        for key, alarm in alarms.items():
            if not _matters(alarm):
                continue
            if not self._is_unacknowledged(key):
                self._heard[key] = alarm.count
            elif self._heard.get(key, 0) < alarm.count:
                unheard = self._unheard.setdefault(key, _Unheard(since_ms=now_ms))
                if now_ms - unheard.since_ms >= self._after_ms:
                    self._escalate(alarm, unheard, group, now_ms)

    def _still_unheard(self, alarm: AlarmState | None) -> bool:
        return (
            alarm is not None
            and _matters(alarm)
            and self._is_unacknowledged(alarm.alarm)
            and self._heard.get(alarm.alarm, 0) < alarm.count
        )

    def _escalate(self, alarm: AlarmState, unheard: _Unheard, group: asyncio.TaskGroup, now_ms: int) -> None:
        if not unheard.escalated:
            unheard.escalated = True
            log.critical(
                "server_silent", alarm=alarm.alarm, device=alarm.device, ways=[way.name for way in self._ways]
            )
            unheard.tasks = tuple(
                group.create_task(self._try(way, alarm.alarm), name=f"second-way-{way.name}")
                for way in self._ways
            )
        siren = self._siren
        due = unheard.siren_ms is None or now_ms - unheard.siren_ms >= _SIREN_AGAIN_MS
        if siren is not None and due and not _is_done(alarm, siren.sound, siren.device):
            unheard.siren_ms = now_ms
            self._actuator.start(self._plan(alarm.alarm, siren.sound, siren.device))

    def _stop(self, key: str, unheard: _Unheard) -> None:
        for task in unheard.tasks:
            task.cancel()
        if not unheard.escalated:
            return
        log.warning("second_way_ended", alarm=key)
        siren = self._siren
        others = any(one.escalated for one in self._unheard.values())
        if siren is not None and siren.silence is not None and not others:
            self._actuator.start(self._plan(key, siren.silence, siren.device))

    async def _try(self, way: WayOut, key: str) -> None:
        """Try one way until it works; whoever cancels this has heard from the server."""
        failures = 0
        while True:
            alarm = self._alarms().get(key)
            if alarm is None:
                return
            planned = self._plan(key, way.name, SELF_DEVICE)
            try:
                said = await way.tell(alarm)
            except WayOutError as error:
                if failures == 0:
                    # Still tried: not a failed action, which the rules would plan anew.
                    self._settle(planned, ActionState.PLANNED, str(error))
                log.error("second_way_failed", way=way.name, alarm=key, error=str(error))
                failures += 1
            else:
                self._settle(planned, ActionState.CONFIRMED, said)
                return
            pause_s = min(_FIRST_PAUSE_S * 2 ** min(failures - 1, 6), _LONGEST_PAUSE_S)
            await asyncio.sleep(self._clock.pause_s(pause_s))

    def _settle(self, planned: PlannedAction, state: ActionState, detail: str) -> None:
        self._sink.settle(
            ActionResult(planned=planned, state=state, at=self._clock.moment(), detail=detail[:500])
        )

    def _plan(self, alarm: str, action: str, device: str) -> PlannedAction:
        moment = self._clock.moment()
        return PlannedAction(
            alarm=alarm,
            action=action,
            device=device,
            decided=moment,
            expires_boot_ms=moment.boot_ms + _SIREN_LIFE_MS,
        )


def _matters(alarm: AlarmState) -> bool:
    return (
        alarm.class_ is AlarmClass.LIFE_SAFETY
        and alarm.mode is Mode.LIVE
        and alarm.condition in (Condition.ACTIVE, Condition.CLEARING)
    )


def _is_done(alarm: AlarmState, action: str, device: str) -> bool:
    return any(
        done.action == action and done.device == device and done.state is ActionState.CONFIRMED
        for done in alarm.actions
    )


def describe_alarm(alarm: AlarmState, gateway: str) -> str:
    """Return an alarm in a sentence for a text message, in Chinese."""
    what = _KINDS.get(alarm.kind.value, "设备")
    value = "" if alarm.value is None else f" 测值{alarm.value:g}{_UNITS.get(alarm.unit, alarm.unit)}"
    where = alarm.label or alarm.device
    at = f"{alarm.raised_at.astimezone():%m-%d %H:%M}"
    return f"【网格哨兵】{what}报警：{where}{value}，{at}。平台未应答，请立即到场处置。网关{gateway}"


_KINDS: Final = {"gas": "燃气", "fire": "消防", "electric": "用电", "water": "水务", "contact": "失联"}
_UNITS: Final = {"%{LEL}": "%LEL", "Cel": "°C", "1": ""}
