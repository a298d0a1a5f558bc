"""CPU time to decode one alarm: msgspec structs as used, beside the same model in pydantic."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median

from pydantic import BaseModel

from wire import codec
from wire.messages import CONTRACT_VERSION, AlarmMessage, AlarmState
from wire.vocabulary import AlarmClass, Clock, Condition, Kind

ROUNDS = 7
TIMES = 20_000


class PeerState(BaseModel):
    alarm: str
    device: str
    rule: str
    kind: Kind
    condition: Condition
    value: float
    limit: float
    raised_at: datetime
    changed_at: datetime


class PeerMessage(BaseModel):
    v: int
    gateway: str
    session: str
    boot: str
    up_ms: int
    sent_at: datetime
    clock: Clock
    run: str
    seq: int
    alarm: PeerState


def message() -> bytes:
    now = datetime.now(UTC)
    state = AlarmState(
        alarm="a1",
        device="gas-kitchen",
        rule="gas-high",
        kind=Kind.GAS,
        class_=AlarmClass.LIFE_SAFETY,
        condition=Condition.ACTIVE,
        value=48.0,
        limit=25.0,
        raised_at=now,
        changed_at=now,
    )
    return codec.encode(
        AlarmMessage(
            v=CONTRACT_VERSION,
            gateway="gw-demo-01",
            session="s",
            boot="b",
            up_ms=1,
            sent_at=now,
            clock=Clock.SYNCED,
            run="r",
            seq=1,
            alarm=codec.as_raw(state),
        )
    )


def cpu_us(work: Callable[[], object]) -> float:
    def once() -> float:
        began = time.process_time()
        for _ in range(TIMES):
            work()
        return (time.process_time() - began) / TIMES * 1e6

    return median(once() for _ in range(ROUNDS))


def main() -> None:
    data = message()
    ours = cpu_us(lambda: codec.decode_alarm_state(codec.decode_alarm_message(data).alarm))
    peer = cpu_us(lambda: PeerMessage.model_validate_json(data))
    print(f"decode one alarm of {len(data)} bytes, CPU: msgspec {ours:.2f} us, pydantic {peer:.2f} us")


if __name__ == "__main__":
    main()
