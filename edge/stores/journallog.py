"""What a journal outside reads: a log line for each alarm state that is now safe."""

import structlog

from edge.rules.decision import Decision
from edge.stores.outbox import Outgoing
from wire.messages import AlarmState

log = structlog.get_logger(__name__)


def report_journalled(decisions: list[Decision], outgoing: list[Outgoing]) -> None:
    """One log line for each alarm state that is now safe: what a journal outside reads."""
    told = [decision for decision in decisions if decision.alarm is not None]
    for decision, message in zip(told, outgoing, strict=True):
        alarm: AlarmState = decision.alarm  # type: ignore[assignment]  # filtered above
        log.info(
            "alarm_journalled",
            alarm=alarm.alarm,
            run=message.run,
            seq=message.seq,
            device=alarm.device,
            rule=alarm.rule,
            change=decision.change.value,
            condition=alarm.condition.value,
            latched=alarm.latched,
            count=alarm.count,
            value=alarm.value,
            mode=alarm.mode.value,
        )
