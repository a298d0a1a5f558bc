"""One incident, hop by hop: who sees what, and when."""

import asyncio
import html
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx2

from firmware_sim.demo.children import Child, Line, logged_at
from firmware_sim.demo.stage import BACKUP, LEADER, Stage

NAMES: Final = {LEADER: "王秀兰（网格长）", BACKUP: "李建国（副手）", "desk": "指挥中心值班员"}
LIMIT_LEL: Final = 25.0
_HOP_LIMIT_S: Final = 30.0
_POLL_S: Final = 0.05

HOPS: Final[dict[str, tuple[str, ...]]] = {
    "gas leaks in the kitchen": (),
    "reading over its limit": ("gas leaks in the kitchen",),
    "gateway raises the alarm": ("reading over its limit",),
    "valve closed and read back": ("gateway raises the alarm",),
    "server has committed it": ("gateway raises the alarm",),
    "message handed over": ("gateway raises the alarm",),
    "phone has the message": ("gateway raises the alarm",),
    "item on the leader's page": ("phone has the message",),
    "已收到 accepted": ("item on the leader's page",),
    "已到场 on site": ("已收到 accepted",),
    "sensor says normal": ("valve closed and read back",),
    "已处理 done": ("已到场 on site",),
    "latch reset by the gateway": ("sensor says normal", "已处理 done"),
    "verified and closed": ("latch reset by the gateway",),
}
"""Every hop in the order of the table, with the hops that must have come before it."""


class MissingHopError(RuntimeError):
    """A hop did not come; the text names it."""


@dataclass(slots=True)
class Trace:
    """When each hop was seen."""

    seen: dict[str, datetime] = field(default_factory=dict)
    tell: Callable[[str, datetime], None] = lambda _hop, _at: None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, hop: str, at: datetime | None = None) -> None:
        """Note that a hop was seen, now unless it says itself when."""
        if hop not in self.seen:
            self.seen[hop] = at or datetime.now(UTC)
            self.tell(hop, self.seen[hop])
            self._news.set()

    async def wait_for(self, hop: str) -> None:
        """Wait until a hop was seen."""
        while hop not in self.seen:
            self._news.clear()
            await self._news.wait()

    def problems(self) -> list[str]:
        """Return what is missing or out of order."""
        found = [f"missing: {hop}" for hop in HOPS if hop not in self.seen]
        for hop, before in HOPS.items():
            found += [
                f"out of order: {hop} before {earlier}"
                for earlier in before
                if hop in self.seen and earlier in self.seen
                if self.seen[hop] < self.seen[earlier]
            ]
        return found


async def watch_machines(stage: Stage, trace: Trace) -> None:
    """Note the hops that the machines make by themselves, until the last."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_watch_gas(stage, trace), name="watch-gas")
        for hop, child, matches in _machine_hops(stage):
            group.create_task(_watch_log(trace, hop, child, matches), name=f"watch-{hop}")
        group.create_task(_watch_phone(stage, trace), name="watch-phone")


def _machine_hops(stage: Stage) -> list[tuple[str, Child, Callable[[Line], bool]]]:
    def gas(change: str) -> Callable[[Line], bool]:
        return lambda line: (
            line.get("event") == "alarm_journalled"
            and line.get("rule") == "gas-high"
            and line.get("change") == change
        )

    return [
        ("gateway raises the alarm", stage.edge, gas("raised")),
        (
            "valve closed and read back",
            stage.edge,
            lambda line: line.get("event") == "action_settled" and line.get("state") == "confirmed",
        ),
        (
            "server has committed it",
            stage.edge,
            lambda line: line.get("event") == "alarms_acknowledged",
        ),
        (
            "message handed over",
            stage.server,
            lambda line: (
                line.get("event") == "notice_attempted"
                and line.get("person") == LEADER
                and line.get("outcome") == "sent"
            ),
        ),
        ("sensor says normal", stage.edge, gas("normal")),
        ("latch reset by the gateway", stage.edge, gas("reset")),
    ]


async def _watch_log(trace: Trace, hop: str, child: Child, matches: Callable[[Line], bool]) -> None:
    line = await child.wait_for(matches, timeout_s=float("inf"))
    trace.note(hop, logged_at(line))


async def _watch_gas(stage: Stage, trace: Trace) -> None:
    async with httpx2.AsyncClient(base_url=stage.control_url) as client:
        while True:
            devices = (await client.get("/devices")).json()
            if devices["gas-kitchen"]["points"]["gas_lel"] > LIMIT_LEL:
                trace.note("reading over its limit")
                return
            await asyncio.sleep(_POLL_S / 2)


async def _watch_phone(stage: Stage, trace: Trace) -> None:
    message = await wait_for_message(stage, LEADER)
    trace.note("phone has the message", datetime.fromisoformat(message["received_at"]))


async def wait_for_message(stage: Stage, person: str) -> dict[str, Any]:
    """Return the first message on a person's phone, waiting for it."""
    async with httpx2.AsyncClient(base_url=stage.phones_url) as client:
        while True:
            found = (await client.get("/api/messages", params={"person": person})).json()
            if found:
                return dict(found[0])
            await asyncio.sleep(_POLL_S)


async def name_phones(stage: Stage) -> None:
    """Let the wall show the people of the street by name, before anything reaches them."""
    people = [{"person": person, "name": name} for person, name in NAMES.items()]
    async with httpx2.AsyncClient(base_url=stage.phones_url) as client:
        (await client.post("/api/people", json=people)).raise_for_status()


async def start_leak(stage: Stage, trace: Trace) -> None:
    """Let gas leak into the kitchen."""
    await _start_event(stage, "leak")
    trace.note("gas leaks in the kitchen")


async def open_window(stage: Stage) -> None:
    """Let fresh air in: what a person on site does first."""
    await _start_event(stage, "window")


async def _start_event(stage: Stage, event: str) -> None:
    async with httpx2.AsyncClient(base_url=stage.control_url) as client:
        (await client.post(f"/events/{event}")).raise_for_status()


@dataclass(slots=True)
class LeaderPhone:
    """The leader's browser, without a human: opens the link and presses what the page offers."""

    link: str
    client: httpx2.AsyncClient

    async def read(self) -> str:
        """Return the page."""
        answer = await self.client.get(self.link)
        answer.raise_for_status()
        return answer.text

    async def press(self, move: str) -> datetime:
        """Press a button that the page shows, as a browser would; returns when it was pressed.

        Raises:
            MissingHopError: the page does not offer it.
        """
        page = await self.read()
        for form in re.findall(r'<form[^>]*action="([^"]*/moves)">(.*?)</form>', page, re.DOTALL):
            if f'value="{move}"' in form[1]:
                break
        else:
            raise MissingHopError(f"the page offers no button {move!r}")
        pressed = re.search(r'name="press" value="([^"]+)"', form[1])
        origin = f"{httpx2.URL(self.link).scheme}://{httpx2.URL(self.link).netloc.decode()}"
        at = datetime.now(UTC)
        answer = await self.client.post(
            origin + html.unescape(form[0]),
            data={"move": move, "press": pressed.group(1) if pressed else str(uuid.uuid4())},
            headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"},
            follow_redirects=True,
        )
        answer.raise_for_status()
        return at

    async def wait_until_shown(self, text: str) -> None:
        """Wait until the page shows a text.

        Raises:
            MissingHopError: it does not within the limit.
        """
        try:
            async with asyncio.timeout(_HOP_LIMIT_S):
                while text not in await self.read():  # noqa: ASYNC110 - a page gives no event
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            raise MissingHopError(f"the page never shows {text!r}") from error
