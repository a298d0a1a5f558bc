"""Several providers for one channel: the next one at once when one fails, and the way back.

A provider that fails loses weight and is asked later; weight comes back with time, so that nobody has
to switch anything back. `Weights` is pure: time is an argument.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import structlog

from server.notify.channels import Message, Outcome, Verdict

log = structlog.get_logger()

FULL: Final = 100.0
_LOST_BY_FAILURE: Final = 40.0
_BACK_PER_S: Final = 10.0 / 60.0
"""An outage of one attempt is forgotten in four minutes, a lasting one in ten."""


class Provider(Protocol):
    """One account at one provider."""

    @property
    def name(self) -> str:
        """What this server calls it."""

    async def send(self, message: Message) -> Outcome:
        """Hand a message over. Never raises for what the other side does."""


@dataclass(slots=True)
class Weights:
    """How far each provider is trusted, from 0 to 100."""

    names: Sequence[str]
    _lost: dict[str, tuple[float, datetime]] = field(default_factory=dict)

    def of(self, name: str, now: datetime) -> float:
        """Return a provider's weight now."""
        lost, at = self._lost.get(name, (0.0, now))
        back = max((now - at).total_seconds(), 0.0) * _BACK_PER_S
        return FULL - max(lost - back, 0.0)

    def order(self, now: datetime) -> list[str]:
        """Return the providers, the heaviest first; the settings' order decides between equals."""
        return sorted(self.names, key=lambda name: -self.of(name, now))

    def fail(self, name: str, now: datetime) -> None:
        """Take weight away."""
        left = self.of(name, now)
        self._lost[name] = (min(FULL - left + _LOST_BY_FAILURE, FULL), now)


class FallOver:
    """A channel over several providers."""

    def __init__(self, providers: Sequence[Provider], now: Callable[[], datetime]) -> None:
        """Take the providers in the order of preference, and the clock."""
        self._providers = {provider.name: provider for provider in providers}
        self._now = now
        self.weights = Weights(tuple(self._providers))

    async def send(self, message: Message) -> Outcome:
        """Try one provider after the other until one takes the message or says it never will."""
        outcome = Outcome(verdict=Verdict.PERMANENT, reason="no provider")
        for name in self.weights.order(self._now()):
            outcome = await self._providers[name].send(message)
            if outcome.verdict is not Verdict.TEMPORARY:
                return outcome
            self.weights.fail(name, self._now())
            log.warning("provider_failed", provider=name, reason=outcome.reason)
        return outcome
