"""Which message of a lane goes next, and when one goes again. Pure; time is an argument.

The server's ack is the only thing that ends a message's life. Until then it is sent again: life
safety after 2 s, the rest after 10 s, backing off to 60 s with jitter.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edge.stores.outbox import Outgoing

FIRST_REPEAT_URGENT_MS: Final = 2_000
FIRST_REPEAT_MS: Final = 10_000
LONGEST_REPEAT_MS: Final = 60_000
_JITTER: Final = 0.2


@dataclass(slots=True)
class _Flight:
    message: Outgoing
    attempts: int
    due_boot_ms: int


class Lane:
    """One numbered stream on its way to the server."""

    def __init__(self, *, window: int, seed: int | None = None) -> None:
        """Begin empty.

        Args:
            window: how many messages may wait for an ack; urgent ones have as many again.
            seed: of the jitter, for tests.
        """
        self.window = window
        self._random = random.Random(seed)  # noqa: S311 - jitter, not a secret
        self._waiting: dict[str, Outgoing] = {}
        self._flying: dict[str, _Flight] = {}
        self._quiet_until_ms = 0

    def __len__(self) -> int:
        """Return how many messages are not acknowledged."""
        return len(self._waiting) + len(self._flying)

    def __contains__(self, key: str) -> bool:
        """Tell whether the message of a key is not acknowledged."""
        return key in self._waiting or key in self._flying

    @property
    def keys(self) -> set[str]:
        """The keys of all messages that are not acknowledged."""
        return {*self._waiting, *self._flying}

    def offer(self, messages: Iterable[Outgoing]) -> None:
        """Take messages; a newer one replaces an older one of the same key, never the reverse."""
        for message in messages:
            known = self._known(message.key)
            if known is not None and known.run == message.run and known.seq > message.seq:
                continue
            self._flying.pop(message.key, None)
            self._waiting[message.key] = message

    def acknowledge(self, run: str, seqs: Iterable[int]) -> list[str]:
        """Forget messages that the server holds; one that was replaced meanwhile stays.

        Returns:
            The keys of those that are forgotten.
        """
        held = set(seqs)
        gone: list[str] = []
        for pool in (self._flying, self._waiting):
            for key in [key for key, entry in pool.items() if _is_held(entry, run, held)]:
                del pool[key]
                gone.append(key)
        return gone

    def due(self, now_ms: int) -> list[Outgoing]:
        """Return what is to be sent now, the most urgent first, and count it as sent."""
        if now_ms < self._quiet_until_ms:
            return []
        repeats = [f for f in self._flying.values() if f.due_boot_ms <= now_ms]
        free = self.window - sum(not f.message.urgent for f in self._flying.values())
        free_urgent = 2 * self.window - len(self._flying)
        chosen = [flight.message for flight in repeats]
        for message in sorted(self._waiting.values(), key=_order):
            if (free_urgent if message.urgent else free) <= 0:
                continue
            free_urgent -= 1
            free -= not message.urgent
            chosen.append(message)
        for message in chosen:
            self._launch(message, now_ms)
        return sorted(chosen, key=_order)

    def next_due_ms(self, now_ms: int) -> int | None:
        """Return when `due` will have something next, milliseconds since boot; None if never."""
        times = [flight.due_boot_ms for flight in self._flying.values()]
        if self._waiting and len(self._flying) < self.window:
            times.append(now_ms)
        return max(min(times), self._quiet_until_ms) if times else None

    def lose_connection(self) -> None:
        """Count everything in flight as not sent: it goes first when the link is back."""
        for key, flight in self._flying.items():
            self._waiting.setdefault(key, flight.message)
        self._flying.clear()
        self._quiet_until_ms = 0

    def be_quiet(self, until_boot_ms: int) -> None:
        """Send nothing before a moment: the server is busy."""
        self._quiet_until_ms = until_boot_ms

    def _known(self, key: str) -> Outgoing | None:
        flight = self._flying.get(key)
        return self._waiting.get(key) if flight is None else flight.message

    def _launch(self, message: Outgoing, now_ms: int) -> None:
        self._waiting.pop(message.key, None)
        before = self._flying.get(message.key)
        attempts = before.attempts + 1 if before is not None else 1
        first_ms = FIRST_REPEAT_URGENT_MS if message.urgent else FIRST_REPEAT_MS
        pause_ms = min(first_ms * 2 ** (attempts - 1), LONGEST_REPEAT_MS)
        spread = 1 + self._random.uniform(-_JITTER, _JITTER)
        self._flying[message.key] = _Flight(message, attempts, now_ms + round(pause_ms * spread))


def _order(message: Outgoing) -> tuple[bool, str, int]:
    return (not message.urgent, message.run, message.seq)


def _is_held(entry: Outgoing | _Flight, run: str, seqs: set[int]) -> bool:
    message = entry.message if isinstance(entry, _Flight) else entry
    return message.run == run and message.seq in seqs
