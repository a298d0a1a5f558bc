"""The telephone network: providers in front, phones and people behind, receipts on the way back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import httpx2
import structlog

from firmware_sim.phone.accounts import Accounts, Callbacks
from firmware_sim.phone.agenda import Agenda
from firmware_sim.phone.behaviour import Behaviour, Provider, Rulebook
from firmware_sim.phone.inbox import Inbox, MessageState, Received
from firmware_sim.phone.leaderpage import NoSuchButtonError, press_on_page
from firmware_sim.phone.people import Directory, Habit, Plan, Script, plan

HANG_S: Final = 60.0
_CALLBACK_TIMEOUT_S: Final = 5.0
_CALLBACK_TRIES: Final = 3
_CALLBACK_PAUSE_S: Final = 10.0

log = structlog.get_logger(__name__)

Press = Callable[[Received, str], Awaitable[None]]


class ProviderDownError(Exception):
    """A provider does not answer as it should; the web server turns it into what is seen outside."""

    def __init__(self, status: int, body: str, content_type: str) -> None:
        """Keep what is answered."""
        super().__init__(body)
        self.status = status
        self.body = body
        self.content_type = content_type


class NoSuchMessageError(KeyError):
    """There is no such message, or nothing of that name to press on it."""


class Outcome(StrEnum):
    """What a provider did with a request."""

    TAKEN = "taken"
    REFUSED = "refused"
    DROPPED = "dropped"
    """Said ok and dropped it: over a member's quota, or lost."""
    DOWN = "down"
    REPORTED = "reported"
    """A receipt or a press reached the sender."""
    NOT_REPORTED = "not_reported"
    """A receipt or a press did not reach the sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request of the sender, or one report to it."""

    at: datetime
    provider: Provider
    address: str
    outcome: Outcome
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as the JSON interface shows it."""
        return {
            "at": self.at.isoformat(),
            "provider": self.provider.value,
            "address": self.address,
            "outcome": self.outcome.value,
            "detail": self.detail,
        }


@dataclass(slots=True)
class PhoneNetwork:
    """What all providers share."""

    accounts: Accounts = field(default_factory=Accounts)
    callbacks: Callbacks = field(default_factory=Callbacks)
    agenda: Agenda = field(default_factory=Agenda)
    inbox: Inbox = field(default_factory=Inbox)
    rulebook: Rulebook = field(default_factory=Rulebook)
    directory: Directory = field(default_factory=Directory)
    scripts: dict[str, Script] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    presses: dict[Provider, Press] = field(default_factory=dict)
    """What a press does, by the provider of the message."""
    templates: dict[str, str] = field(default_factory=dict)
    """Texts of short messages and calls by their code, with `${name}` for a parameter."""
    http: httpx2.AsyncClient = field(
        default_factory=lambda: httpx2.AsyncClient(trust_env=False, timeout=_CALLBACK_TIMEOUT_S)
    )
    _browsers: dict[str, httpx2.AsyncClient] = field(default_factory=dict)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["PhoneNetwork"]:
        """Let time pass until the block ends."""
        clock = asyncio.create_task(self.agenda.run(), name="phone-network")
        try:
            yield self
        finally:
            clock.cancel()
            await asyncio.gather(clock, return_exceptions=True)
            for client in (self.http, *self._browsers.values()):
                await client.aclose()

    # --- requests ------------------------------------------------------------------------------

    async def meet(self, provider: Provider, person: str | None) -> Behaviour:
        """Return how a request fares, after the delays that were laid down.

        Raises:
            ProviderDownError: the provider gives no answer of its own.
        """
        behaviour = self.rulebook.meet(provider, person)
        await asyncio.sleep(behaviour.latency_s)
        if behaviour.hang:
            self.record(provider, person or "", Outcome.DOWN, "hangs")
            await asyncio.sleep(HANG_S)
            raise ProviderDownError(504, "too late", "text/plain")
        if behaviour.outage:
            self.record(provider, person or "", Outcome.DOWN, "outage")
            raise ProviderDownError(503, "service unavailable", "text/plain")
        if behaviour.garbage:
            self.record(provider, person or "", Outcome.DOWN, "garbage")
            raise ProviderDownError(200, "<html><body>Bad gateway</body></html>", "text/html")
        return behaviour

    def record(self, provider: Provider, address: str, outcome: Outcome, detail: str = "") -> None:
        """Note what became of a request or a report."""
        self.attempts.append(
            Attempt(at=self.agenda.now(), provider=provider, address=address, outcome=outcome, detail=detail)
        )

    # --- phones --------------------------------------------------------------------------------

    def deliver(self, message: Received, behaviour: Behaviour) -> bool:
        """Put a message on its phone, unless it gets lost; returns whether it will arrive."""
        if behaviour.lost or behaviour.undelivered:
            self.record(message.channel, message.address, Outcome.DROPPED, "lost")
            return False
        self.record(message.channel, message.address, Outcome.TAKEN)

        async def arrive() -> None:
            message.received_at = self.agenda.now()
            self.inbox.receive(message)
            self._let_act(message)

        if behaviour.late_s > 0:
            self.agenda.after(behaviour.late_s, f"deliver-{message.id}", arrive)
        else:
            message.received_at = self.agenda.now()
            self.inbox.receive(message)
            self._let_act(message)
        return True

    def habit_of(self, person: str) -> Habit | None:
        """Return what a person does, if they were told."""
        script = self.scripts.get(person)
        return script.does if script else None

    async def press(self, message_id: str, key: str, *, person: str | None = None) -> Received:
        """Press a button of a message, a key of the telephone, or (`open:MOVE`) one of its page.

        Raises:
            NoSuchMessageError: there is no such message, or nothing to press.
        """
        message = self.inbox.find(message_id, person)
        if message is None:
            raise NoSuchMessageError(f"no message {message_id!r}")
        if key.startswith("open:"):
            await self._press_on_page(message, key.removeprefix("open:"))
        elif message.channel in self.presses:
            await self.presses[message.channel](message, key)
        else:
            raise NoSuchMessageError(f"message {message_id!r} has no buttons")
        self.inbox.tell(message)
        return message

    # --- reports to the sender -----------------------------------------------------------------

    def report(
        self,
        provider: Provider,
        url: str,
        body: list[dict[str, Any]],
        *,
        times: int = 1,
        delay_s: float = 0.0,
        accepts: Callable[[httpx2.Response], bool],
    ) -> None:
        """Post a report to the sender later, as often as the provider repeats it.

        Args:
            provider: who reports.
            url: where to; empty is nowhere.
            body: the JSON.
            times: how often the same report comes.
            delay_s: when, by the network's clock.
            accepts: whether an answer means that the sender has it; if not, it comes again.
        """
        if not url:
            return
        for number in range(times):

            async def post(left: int = _CALLBACK_TRIES) -> None:
                detail = await self._post(url, json=body, accepts=accepts)
                outcome = Outcome.NOT_REPORTED if detail else Outcome.REPORTED
                self.record(provider, url, outcome, detail)
                if detail and left > 1:
                    self.agenda.after(_CALLBACK_PAUSE_S, f"report-{provider}", lambda: post(left - 1))

            self.agenda.after(delay_s + number, f"report-{provider}", post)

    async def _post(self, url: str, *, json: Any, accepts: Callable[[httpx2.Response], bool]) -> str:
        """Post; returns what was wrong, empty if nothing."""
        try:
            answer = await self.http.post(url, json=json)
        except httpx2.HTTPError as error:
            return type(error).__name__
        try:
            accepted = accepts(answer)
        except ValueError:
            accepted = False
        return "" if accepted else f"status {answer.status_code}"

    # --- people --------------------------------------------------------------------------------

    def _let_act(self, message: Received) -> None:
        script = self.scripts.get(message.person)
        planned = plan(script, message)
        if planned is not None:
            self.agenda.after(
                planned.after_s, f"person-{message.person}", lambda: self._act(message, planned)
            )

    async def _act(self, message: Received, planned: Plan) -> None:
        try:
            await self.press(message.id, planned.key, person=message.person)
        except (NoSuchMessageError, NoSuchButtonError, httpx2.HTTPError) as error:
            log.warning("person_could_not_press", person=message.person, key=planned.key, error=str(error))

    async def _press_on_page(self, message: Received, move: str) -> None:
        if not message.link:
            raise NoSuchMessageError(f"message {message.id!r} has no link")
        browser = self._browsers.get(message.person)
        if browser is None:
            browser = self._browsers[message.person] = httpx2.AsyncClient(trust_env=False)
        await press_on_page(browser, message.link, move)
        message.pressed.append(f"open:{move}")
        message.state = MessageState.PRESSED
