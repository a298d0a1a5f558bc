"""One numbered stream of a played gateway: window, repeats, acks. Pure; time is an argument.

The contract's rules for whoever sends: only the server's ack ends a message's life; life safety is
sent again after 2 s, the rest after 10 s, backing off to 60 s with jitter; no more than the window
waits for an ack, and life safety may use as much again; newer states of one alarm take the place of
older ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Final

from firmware_sim.load.tally import LaneTally

_FIRST_REPEAT_URGENT_S: Final = 2.0
_FIRST_REPEAT_S: Final = 10.0
_LONGEST_REPEAT_S: Final = 60.0
_JITTER: Final = 0.2


@dataclass(slots=True, kw_only=True)
class Outgoing:
    """One numbered message.

    Attributes:
        key: newer messages of the same key take its place.
        body: the content as JSON.
        made_s: when it was made.
        urgent: whether a life may depend on it.
        rows: readings in it.
        attempts: how many times it was sent.
        committed: whether the server acknowledged it before.
        due_s: when it is sent again if it is not acknowledged.
    """

    key: str
    seq: int
    body: bytes
    made_s: float
    urgent: bool = False
    rows: int = 0
    attempts: int = 0
    due_s: float = 0.0
    committed: bool = False


class SendingLane:
    """What one gateway has to say on one lane, and what the server has of it."""

    def __init__(self, *, run: str, window: int, tally: LaneTally, seed: int = 0) -> None:
        """Begin empty.

        Args:
            run: the id of this numbering.
            window: how many messages may wait for an ack.
            tally: counts for all gateways together.
            seed: of the jitter.
        """
        self.run = run
        self.window = window
        self.last_seq = 0
        self.highest_acked = 0
        self._tally = tally
        self._jitter = Random(seed)  # noqa: S311 - jitter, not a secret
        self._waiting: dict[str, Outgoing] = {}
        self._flying: dict[str, Outgoing] = {}
        self._passed: dict[int, Outgoing] = {}
        """Sent states that a newer one replaced; the server may still acknowledge them."""
        self._quiet_until_s = 0.0

    def __len__(self) -> int:
        """Return how many messages are not acknowledged."""
        return len(self._waiting) + len(self._flying)

    @property
    def keys(self) -> set[str]:
        """The keys of what is not acknowledged."""
        return {*self._waiting, *self._flying}

    def add(self, key: str, body: bytes, now_s: float, *, urgent: bool = False, rows: int = 0) -> Outgoing:
        """Number a message and let it wait."""
        self.last_seq += 1
        message = Outgoing(key=key, seq=self.last_seq, body=body, made_s=now_s, urgent=urgent, rows=rows)
        self._tally.made += 1
        self._tally.rows_made += rows
        older = self._waiting.pop(key, None) or self._flying.pop(key, None)
        if older is not None and not older.committed:
            self._tally.replaced += 1
            if older.attempts:
                self._passed[older.seq] = older
        self._waiting[key] = message
        return message

    def again(self, messages: Iterable[Outgoing]) -> None:
        """Let messages that were acknowledged before be sent once more, with their number."""
        for message in messages:
            if message.key not in self._waiting and message.key not in self._flying:
                message.due_s = 0.0
                self._flying[message.key] = message

    def due(self, now_s: float) -> list[Outgoing]:
        """Return what is to be sent now, the most urgent first, and count it as sent."""
        if not (self._waiting or self._flying) or now_s < self._quiet_until_s:
            return []
        chosen = [message for message in self._flying.values() if message.due_s <= now_s]
        free = self.window - sum(not message.urgent for message in self._flying.values())
        free_urgent = 2 * self.window - len(self._flying)
        for message in sorted(self._waiting.values(), key=_order):
            if (free_urgent if message.urgent else free) <= 0:
                continue
            free_urgent -= 1
            free -= not message.urgent
            chosen.append(message)
        for message in chosen:
            self._launch(message, now_s)
        return sorted(chosen, key=_order)

    def acknowledge(self, run: str, seqs: Iterable[int], now_s: float) -> list[Outgoing]:
        """Take an ack; returns the messages that are now committed for the first time."""
        if run != self.run:
            return []
        held = set(seqs)
        answered = [m for m in [*self._flying.values(), *self._waiting.values()] if m.seq in held]
        for message in answered:
            self._flying.pop(message.key, None)
            self._waiting.pop(message.key, None)
        passed = [self._passed.pop(seq) for seq in held & self._passed.keys()]
        self._tally.replaced -= len(passed)
        fresh = [message for message in (*answered, *passed) if not message.committed]
        self._tally.acknowledged_again += len(held) - len(fresh)
        self.highest_acked = max(self.highest_acked, *held, 0)
        for message in fresh:
            message.committed = True
            self._tally.commit(now_s - message.made_s, message.rows)
        return fresh

    def lose_connection(self) -> None:
        """Count everything in flight as not sent: it goes first when the link is back."""
        for message in self._flying.values():
            message.due_s = 0.0
        self._quiet_until_s = 0.0

    def be_quiet(self, until_s: float) -> None:
        """Send nothing before a moment: the server is busy."""
        self._tally.busy += 1
        self._quiet_until_s = until_s

    def _launch(self, message: Outgoing, now_s: float) -> None:
        self._waiting.pop(message.key, None)
        self._flying[message.key] = message
        self._tally.repeated += message.attempts > 0
        first_s = _FIRST_REPEAT_URGENT_S if message.urgent else _FIRST_REPEAT_S
        pause_s = min(first_s * 2**message.attempts, _LONGEST_REPEAT_S)
        message.attempts += 1
        message.due_s = now_s + pause_s * (1 + self._jitter.uniform(-_JITTER, _JITTER))


def _order(message: Outgoing) -> tuple[bool, int]:
    return (not message.urgent, message.seq)
