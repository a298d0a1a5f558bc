"""Keeps the scan going: the daemon, the adapter's power and the silence on the air are watched.

A scan that hears nothing is begun anew after 90 s, the adapter is switched off and on after 120 s, and
after 150 s people are told. Nothing on the air can also mean that no device is near: then all of this is
harmless.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from edge.drivers.bluezwatch import BluezWatch
from edge.drivers.radio import PassiveScanError, Radio
from edge.errors import LinkError
from edge.ports import Clock

QUIET_MS: Final = 90_000
RESET_MS: Final = 120_000
TELL_MS: Final = 150_000
RESET_AGAIN_MS: Final = 300_000
DOWN_MS: Final = 10_000
"""How long the scan may be away before the devices count as lost."""
_LOOK_S: Final = 1.0
_LONGEST_RETRY_S: Final = 10.0
_RESET_PAUSE_S: Final = 0.5

log = structlog.get_logger(__name__)


class Remedy(StrEnum):
    """What is done about a scan that hears nothing."""

    NONE = "none"
    RESTART = "restart"
    """Stop and start the scan."""
    RESET = "reset"
    """Switch the adapter off and on."""
    TELL = "tell"
    """Say that it did not help."""


@dataclass(slots=True)
class Silence:
    """How long nothing was heard, and what was done about it.

    Attributes:
        since_ms: when something was heard last, in milliseconds since boot.
        done: the last remedy.
        reset_ms: when the adapter was last reset.
    """

    since_ms: int
    done: Remedy = Remedy.NONE
    reset_ms: int = 0

    def hear(self, now_ms: int) -> None:
        """Something was heard."""
        self.since_ms, self.done = now_ms, Remedy.NONE

    def judge(self, now_ms: int) -> Remedy:
        """Return what is to be done now; each remedy once, the reset again every five minutes."""
        quiet_ms = now_ms - self.since_ms
        if self.done is Remedy.NONE and quiet_ms >= QUIET_MS:
            return self._do(Remedy.RESTART, now_ms)
        if self.done is Remedy.RESTART and quiet_ms >= RESET_MS:
            return self._do(Remedy.RESET, now_ms)
        if self.done is Remedy.RESET and quiet_ms >= TELL_MS:
            return self._do(Remedy.TELL, now_ms)
        if self.done is Remedy.TELL and now_ms - self.reset_ms >= RESET_AGAIN_MS:
            self.reset_ms = now_ms
            return Remedy.RESET
        return Remedy.NONE

    def _do(self, remedy: Remedy, now_ms: int) -> Remedy:
        self.done = remedy
        if remedy is Remedy.RESET:
            self.reset_ms = now_ms
        return remedy


class ScanKeeper:
    """Runs the scan of one adapter."""

    def __init__(
        self,
        *,
        bus: str,
        radio: Radio,
        watch: BluezWatch,
        passive: bool,
        clock: Clock,
        on_start: Callable[[], Awaitable[None]],
        on_down: Callable[[], None],
        is_busy: Callable[[], bool],
        trouble: Callable[[Exception | str], None],
    ) -> None:
        """Join the parts.

        Args:
            bus: named in the log.
            radio: the adapter, to listen with.
            watch: the adapter and its daemon, to be watched.
            passive: whether to listen without asking.
            clock: the machine's.
            on_start: awaited before a scan with which what was seen and linked before is void.
            on_down: told once when the scan could not be run for 10 s.
            is_busy: whether a device has just answered over a link, so that the adapter is sound.
            trouble: told what went wrong, for the bus's state.
        """
        self._bus = bus
        self._radio = radio
        self._watch = watch
        self._passive = passive
        self._clock = clock
        self._on_start = on_start
        self._on_down = on_down
        self._is_busy = is_busy
        self._trouble = trouble
        self._silence = Silence(clock.moment().boot_ms)
        self._down_ms: int | None = None
        self._told_down = False
        self._void = True
        self.heard = False
        """Set by every advertisement of whatever device."""
        self.scanning = False
        self.restarts = 0
        self.attempts = 0

    @property
    def is_sound(self) -> bool:
        """Whether the scan runs and silence is not suspicious."""
        return self.scanning and self._silence.done not in (Remedy.RESET, Remedy.TELL)

    async def run(self) -> None:
        """Scan until cancelled; then stop the scan."""
        failures = 0
        try:
            while True:
                self.attempts += 1
                try:
                    await self._start()
                except LinkError as error:
                    failures += 1
                    self._void = True
                    self._trouble(error)
                    if failures == 1:
                        log.error("scan_cannot_run", bus=self._bus, error=str(error))
                    await self._radio.stop_scan()
                    await self._wait_down(min(0.2 * 2 ** min(failures, 6), _LONGEST_RETRY_S))
                    continue
                failures = 0
                await self._listen()
                self.scanning = False
                await self._radio.stop_scan()
                self.restarts += 1
        finally:
            self.scanning = False
            await self._radio.stop_scan()
            await self._watch.close()

    async def _start(self) -> None:
        await self._watch.open()
        self._watch.changed.clear()
        if not await self._watch.is_powered():
            log.warning("adapter_is_off", bus=self._bus)
            await self._watch.switch(on=True)
            self._watch.changed.clear()  # that was our own doing
        if self._void:
            await self._on_start()
            self._void = False
        try:
            await self._radio.start_scan(passive=self._passive)
        except PassiveScanError as error:
            log.warning("passive_scan_refused", bus=self._bus, error=str(error))
            self._passive = False
            await self._radio.start_scan(passive=False)
        self.scanning = True
        self._down_ms, self._told_down = None, False
        log.info("scan_started", bus=self._bus, passive=self._passive)

    async def _listen(self) -> None:
        """Return when the scan must begin anew."""
        while not self._watch.changed.is_set():
            self.attempts += 1
            now_ms = self._clock.moment().boot_ms
            if self.heard:
                if self._silence.done is Remedy.TELL:
                    log.warning("scan_hears_again", bus=self._bus)
                self.heard = False
                self._silence.hear(now_ms)
            if await self._remedy(now_ms):
                return
            try:
                async with asyncio.timeout(self._clock.pause_s(_LOOK_S)):
                    await self._watch.changed.wait()
            except TimeoutError:
                continue
        self._void = True
        log.warning("bluetooth_changed", bus=self._bus)
        self._trouble("the adapter or the Bluetooth daemon went away or was changed")

    async def _remedy(self, now_ms: int) -> bool:
        """Do what helps against silence; returns whether the scan must begin anew."""
        quiet_s = (now_ms - self._silence.since_ms) / 1000
        match self._silence.judge(now_ms):
            case Remedy.RESTART:
                log.warning("scan_silent", bus=self._bus, quiet_s=quiet_s, remedy="restart")
                return True
            case Remedy.RESET if not self._is_busy():
                log.error("scan_silent", bus=self._bus, quiet_s=quiet_s, remedy="reset")
                self._trouble(f"nothing was heard on the air for {quiet_s:.0f} s; the adapter was reset")
                await self._reset()
                return True
            case Remedy.TELL:
                log.critical("scan_silent", bus=self._bus, quiet_s=quiet_s, remedy="none")
                self._trouble(
                    f"nothing was heard on the air for {quiet_s:.0f} s, although the adapter was reset"
                )
            case _:
                pass
        return False

    async def _reset(self) -> None:
        self._void = True
        try:
            await self._watch.switch(on=False)
            await asyncio.sleep(self._clock.pause_s(_RESET_PAUSE_S))
            await self._watch.switch(on=True)
        except LinkError as error:
            log.error("adapter_not_reset", bus=self._bus, error=str(error))
            self._trouble(error)

    async def _wait_down(self, pause_s: float) -> None:
        until_ms = self._clock.moment().boot_ms + pause_s * 1000
        while True:
            self.attempts += 1
            now_ms = self._clock.moment().boot_ms
            if self._down_ms is None:
                self._down_ms = now_ms
            if not self._told_down and now_ms - self._down_ms >= DOWN_MS:
                self._told_down = True
                self._on_down()
            if now_ms >= until_ms or self._watch.changed.is_set():
                break
            await asyncio.sleep(self._clock.pause_s(0.2))
        self._watch.changed.clear()
