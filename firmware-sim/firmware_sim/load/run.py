"""Playing a whole street of gateways for a while: pace, outages, draining, the count."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from firmware_sim.load.link import Dialer
from firmware_sim.load.player import Player
from firmware_sim.load.tally import Tally
from firmware_sim.load.traffic import PlayedDevices

_TICK_S: Final = 0.05
_CONNECT_LIMIT_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Some gateways lose their connections and come back.

    Attributes:
        at_s: after the start of the traffic.
        for_s: how long.
        share: of the gateways, above 0 and up to 1.
    """

    at_s: float
    for_s: float
    share: float

    @classmethod
    def parse(cls, text: str) -> "Outage":
        """Read `AT+FOR:SHARE`, e.g. `20+10:0.5`.

        Raises:
            ValueError: it is not written so.
        """
        try:
            times, share = text.split(":")
            at_s, for_s = map(float, times.split("+"))
            outage = cls(at_s=at_s, for_s=for_s, share=float(share))
        except ValueError as error:
            raise ValueError(f"found {text!r} as an outage, allowed AT+FOR:SHARE, e.g. 20+10:0.5") from error
        if outage.at_s < 0 or outage.for_s <= 0 or not 0 < outage.share <= 1:
            raise ValueError(f"found {text!r} as an outage, allowed a share above 0 up to 1 and times from 0")
        return outage


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """What is played.

    Attributes:
        seconds: how long there is traffic.
        readings_per_s: of all gateways together.
        alarms_per_s: raised, of all gateways together.
        hold_s: after which an alarm's cause is gone.
        batch_every_s: how often each gateway sends its readings.
        drain_s: how long acks are awaited at the end.
        outages: what happens to connections.
    """

    seconds: float = 60.0
    readings_per_s: float = 2_000.0
    alarms_per_s: float = 1.0
    hold_s: float = 30.0
    batch_every_s: float = 5.0
    drain_s: float = 60.0
    outages: tuple[Outage, ...] = ()


class LoadRun:
    """One run: all gateways, one clock, one count."""

    def __init__(
        self, devices: Mapping[str, PlayedDevices], plan: LoadPlan, *, dialer: Dialer, seed: int = 0
    ) -> None:
        """Prepare the gateways.

        Args:
            devices: by gateway.
            plan: what is played.
            dialer: opens connections to the broker.
            seed: decides values, devices and outages; ids are always new.
        """
        self.tally = Tally(gateways=len(devices))
        self._plan = plan
        self._chance = Random(f"load {seed}")  # noqa: S311 - invents values
        self._players = [
            Player(gateway, played, dialer=dialer, tally=self.tally, chance=self._chance)
            for gateway, played in devices.items()
        ]
        self._to_clear: list[tuple[float, Player, str]] = []

    async def play(self, advance: Callable[[str, int], None] | None = None) -> Tally:
        """Connect, play, wait for the last acks, say goodbye.

        Args:
            advance: told what is going on and how many seconds went by.

        Raises:
            TimeoutError: not every gateway could connect within a minute.
        """
        async with asyncio.TaskGroup() as group:
            keeping = [
                group.create_task(player.run(), name=f"play-{player.gateway}") for player in self._players
            ]
            try:
                await self._connect()
                began, cpu = time.monotonic(), time.process_time()
                outages = [
                    group.create_task(self._break(outage), name="outage") for outage in self._plan.outages
                ]
                await self._traffic(began, advance or _silent)
                self.tally.seconds = time.monotonic() - began
                self.tally.cpu_seconds = time.process_time() - cpu
                await asyncio.gather(*outages)
                await self._drain()
            finally:
                for player, task in zip(self._players, keeping, strict=True):
                    player.stop()
                    task.cancel()
        return self.tally

    def cut(self, share: float) -> list[Player]:
        """Disconnect some of the gateways; returns them."""
        chosen = self._chance.sample(self._players, max(1, round(share * len(self._players))))
        for player in chosen:
            player.cut()
        return chosen

    async def _connect(self) -> None:
        async with asyncio.timeout(_CONNECT_LIMIT_S):
            for player in self._players:
                await player.wait_connected()

    async def _traffic(self, began: float, advance: Callable[[str, int], None]) -> None:
        plan = self._plan
        turns = _turns(self._players, plan.batch_every_s)
        due_s, player = next(turns)
        alarms = shown = rows = 0
        while (elapsed_s := time.monotonic() - began) < plan.seconds:
            while due_s <= elapsed_s:
                # Every turn takes what has come due since the last one, so that the rate holds exactly.
                wanted = int(due_s * plan.readings_per_s) - rows
                if wanted > 0:
                    player.measure(wanted)
                    rows += wanted
                due_s, player = next(turns)
            while alarms < int(elapsed_s * plan.alarms_per_s):
                self._raise(elapsed_s)
                alarms += 1
            self._clear_due(elapsed_s)
            for one in self._players:
                one.pump()
            if int(elapsed_s) > shown:
                advance("playing", int(elapsed_s) - shown)
                shown = int(elapsed_s)
            await asyncio.sleep(_TICK_S)

    def _raise(self, elapsed_s: float) -> None:
        player = self._chance.choice(self._players)
        alarm = player.raise_alarm()
        if alarm is not None:
            self._to_clear.append((elapsed_s + self._plan.hold_s, player, alarm))

    def _clear_due(self, elapsed_s: float) -> None:
        while self._to_clear and self._to_clear[0][0] <= elapsed_s:
            _, player, alarm = self._to_clear.pop(0)
            player.clear_alarm(alarm)

    async def _break(self, outage: Outage) -> None:
        await asyncio.sleep(outage.at_s)
        away = self.cut(outage.share)
        await asyncio.sleep(outage.for_s)
        for player in away:
            player.come_back()

    async def _drain(self) -> None:
        """Wait until the server has acknowledged everything, or for as long as was said."""
        until = time.monotonic() + self._plan.drain_s
        while any(player.waiting for player in self._players) and time.monotonic() < until:
            for player in self._players:
                player.pump()
            await asyncio.sleep(_TICK_S)


def _turns(players: Sequence[Player], every_s: float) -> Iterator[tuple[float, Player]]:
    """Yield when which gateway sends its readings, evenly spread, without end."""
    gap_s = every_s / len(players)
    number = 1
    while True:
        for player in players:
            yield number * gap_s, player
            number += 1


def _silent(_text: str, _steps: int) -> None:
    return
