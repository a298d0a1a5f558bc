"""Where a rule stands, as the journal keeps it."""

import msgspec

from edge.model import Moment
from edge.rules.state import Ended, RuleState, UnsureTime
from wire.vocabulary import Condition


class _State(msgspec.Struct, frozen=True):
    """A rule's state as it is stored."""

    condition: Condition
    latched: bool
    since: tuple[int, int] | None
    boot: str
    alarm: str | None
    raised_ms: int
    count: int
    value: float | None
    ended: Ended | None = None
    stage: int = 0
    unsure: UnsureTime | None = None


def encode_state(state: RuleState) -> bytes:
    """Return a rule's state as it is stored."""
    since = None if state.since is None else (state.since.wall_ms, state.since.boot_ms)
    return msgspec.json.encode(
        _State(
            condition=state.condition,
            latched=state.latched,
            since=since,
            boot=state.boot,
            alarm=state.alarm,
            raised_ms=state.raised_ms,
            count=state.count,
            value=state.value,
            ended=state.ended,
            stage=state.stage,
            unsure=state.unsure,
        )
    )


def decode_state(body: bytes) -> RuleState:
    """Return a rule's state from what was stored."""
    stored = msgspec.json.decode(body, type=_State)
    since = None if stored.since is None else Moment(wall_ms=stored.since[0], boot_ms=stored.since[1])
    return RuleState(
        condition=stored.condition,
        latched=stored.latched,
        since=since,
        boot=stored.boot,
        alarm=stored.alarm,
        raised_ms=stored.raised_ms,
        count=stored.count,
        value=stored.value,
        ended=stored.ended,
        stage=stored.stage,
        unsure=stored.unsure,
    )
