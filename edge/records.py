"""What the two durable stores keep. Values only, no input or output."""

from dataclasses import dataclass

import msgspec

from edge.rules.state import RuleState
from wire.messages import AlarmState
from wire.vocabulary import CommandOutcome

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRecord:
    """The newest state of one alarm, numbered.

    Attributes:
        run: UUIDv7 of the numbering.
        seq: grows within a run, never used twice.
        state: the state itself.
        body: the state as JSON, as it is stored and sent.
        acked: whether the server has committed this very state.
    """

    run: str
    seq: int
    state: AlarmState
    body: bytes
    acked: bool = False

    @property
    def alarm(self) -> str:
        """The alarm's id."""
        return self.state.alarm


def number(state: AlarmState, *, run: str, seq: int) -> AlarmRecord:
    """Return an alarm's state with its number, encoded."""
    return AlarmRecord(run=run, seq=seq, state=state, body=_encoder.encode(state))


@dataclass(frozen=True, slots=True, kw_only=True)
class Acked:
    """One state that the server has committed."""

    alarm: str
    run: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRecord:
    """How far one rule has come on one device, and in which boot its timer runs."""

    rule: str
    device: str
    state: RuleState
    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a command, kept so that a repeat is answered and not carried out."""

    command: str
    outcome: CommandOutcome
    detail: str
    wall_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """One transaction of the alarm store.

    Attributes:
        run: the numbering the records belong to.
        complete: whether this is everything there is; what is not in it is over and acked.
    """

    run: str
    alarms: tuple[AlarmRecord, ...] = ()
    watches: tuple[WatchRecord, ...] = ()
    answers: tuple[Answer, ...] = ()
    complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreImage:
    """What the alarm store held when it was opened.

    Attributes:
        run: its present numbering.
        last_seq: the highest number given in that run.
        alarms: states that are not cleared or not acked, oldest first.
        watches: every rule that was not at rest.
        answers: results of recent commands.
        fresh: whether the file was made just now.
    """

    run: str
    last_seq: int
    alarms: tuple[AlarmRecord, ...] = ()
    watches: tuple[WatchRecord, ...] = ()
    answers: tuple[Answer, ...] = ()
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block of readings: exactly one batch of the wire.

    Attributes:
        seq: its number within the store's run.
        body: a `wire.messages.ReadingsBatch` as JSON.
        rows: how many readings it holds.
    """

    seq: int
    body: bytes
    rows: int
