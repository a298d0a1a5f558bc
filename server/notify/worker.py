"""Sends notices: claims rows, hands them to channels side by side, records every attempt."""

import asyncio
import math
from collections.abc import Mapping
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from server.clock import Clock
from server.db.session import Announcement, Database
from server.escalation import canary
from server.escalation.tables import CanaryRun
from server.failpoints import Failpoint, reach
from server.notify import claims, outcomes
from server.notify.canaryway import CanaryWay
from server.notify.channels import Channel, Outcome, Verdict
from server.notify.claims import Claimed, LinkMaker
from server.notify.tables import NoticeState
from server.pulse import Pulses

log = structlog.get_logger()

SENDERS: Final = 64
"""Attempts at the same time."""
ATTEMPT_S: Final = 10.0
"""How long one attempt may take."""
_LONGEST_SLEEP_S: Final = 5.0
_FILL_S: Final = 0.05
"""Where batch follows batch, how long senders become free before the next is claimed."""
_LOOK_EVERY_S: Final = 1.0
"""How often overdue receipts and canaries are looked for while there is much to send."""
_CANARY_AGAIN_S: Final = 5.0
"""How long after an attempt a canary that did not come back is handed on again."""
_PAUSE_AFTER_FAILURE_S: Final = 1.0


class NotifyWorker:
    """Sends what is to be sent."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        channels: Mapping[str, Channel],
        make_link: LinkMaker,
        pulses: Pulses,
        canary_way: CanaryWay | None = None,
    ) -> None:
        """Join the parts; `run` starts the worker.

        Without a way of its own a canary is handed over to nobody, and counts as lost.
        """
        self._canary_way = canary_way
        self._canary_under_way = False
        self._canary_tried_at = -math.inf
        self._database = database
        self._clock = clock
        self._channels = channels
        self._make_link = make_link
        self._pulses = pulses
        self._nudge = asyncio.Event()
        self._looked_at = 0.0
        self._under_way: dict[str, str] = {}
        self._recording = asyncio.Lock()
        self._unrecorded: dict[str, Outcome] = {}
        self._recorded: dict[str, NoticeState | None] = {}

    def hear(self, announced: list[Announcement]) -> None:
        """Wake up when notices were made; for `Database.listen`."""
        if any(what == "notice" for what, _ in announced):
            self._nudge.set()

    async def run(self) -> None:
        """Send until cancelled; attempts under way are then cut off and made again later."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._pulses.beat("notify", boot_s=self._clock.boot_s())
                self._nudge.clear()
                started = 0
                try:
                    started = await self._start_due(group)
                    await self._look_after(group, busy=started > 0)
                    wait_s = _LOOK_EVERY_S if started else await self._wait_s()
                except (SQLAlchemyError, OSError) as error:
                    log.warning("notices_not_claimed", error=str(error))
                    wait_s = _PAUSE_AFTER_FAILURE_S
                try:
                    async with asyncio.timeout(self._clock.pause_s(wait_s)):
                        await self._nudge.wait()
                except TimeoutError:
                    continue
                if started:
                    # One sender that became free would be a transaction for one notice.
                    await asyncio.sleep(self._clock.pause_s(_FILL_S))

    async def _look_after(self, group: asyncio.TaskGroup, *, busy: bool) -> None:
        """Stop believing in receipts that are overdue and hand canaries over; seldom while busy."""
        boot_s = self._clock.boot_s()
        if busy and boot_s - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = boot_s
        await outcomes.expire_receipts(self._database, now=self._clock.now())
        await self._start_canary(group)

    async def _start_canary(self, group: asyncio.TaskGroup) -> None:
        """Hand a canary on as a task of its own: where it hangs, no notice waits for it."""
        boot_s = self._clock.boot_s()
        if self._canary_under_way or boot_s - self._canary_tried_at < _CANARY_AGAIN_S:
            return
        run = await canary.hand_over(self._database, now=self._clock.now())
        if run is not None and self._canary_way is not None:
            self._canary_under_way, self._canary_tried_at = True, boot_s
            group.create_task(self._send_canary(self._canary_way, run), name="notify-canary")

    async def _send_canary(self, way: CanaryWay, run: CanaryRun) -> None:
        try:
            outcome = await self._send(way.claimed(run), way.channel)
            if outcome.verdict is not Verdict.SENT:
                await canary.note_refusal(self._database, run.id, outcome.reason)
        except (SQLAlchemyError, OSError) as error:
            log.warning("canary_not_handed", error=str(error))
        finally:
            self._canary_under_way = False

    async def send_due(self) -> int:
        """Send everything that is due now and wait for it; returns how many attempts were made."""
        made = 0
        async with asyncio.TaskGroup() as group:
            await self._start_canary(group)
        await outcomes.expire_receipts(self._database, now=self._clock.now())
        while True:
            async with asyncio.TaskGroup() as group:
                started = await self._start_due(group)
            made += started
            if not started:
                return made

    async def _start_due(self, group: asyncio.TaskGroup) -> int:
        free = SENDERS - len(self._under_way)
        if free <= 0:
            return 0
        claimed = await claims.claim(
            self._database,
            now=self._clock.now(),
            most=free,
            busy=tuple(self._under_way.values()),
            make_link=self._make_link,
        )
        for one in claimed:
            self._under_way[one.message.id] = one.message.person
            group.create_task(self._attempt(one), name=f"notify-{one.message.id}")
        return len(claimed)

    async def _attempt(self, claimed: Claimed) -> None:
        notice = claimed.message.id
        try:
            outcome = await self._send(claimed, self._channels.get(claimed.channel))
            reach(Failpoint.AFTER_SEND_BEFORE_RECORD)
            state = await self._record(notice, outcome)
            outcome_word = state.value if state else "gone"
            self._pulses.tally.attempts[claimed.channel, outcome_word] += 1
            log.info(
                "notice_attempted",
                notice=notice,
                item=claimed.message.item,
                person=claimed.message.person,
                channel=claimed.channel,
                step=claimed.message.step,
                outcome=state.value if state else None,
                reason=outcome.reason,
            )
        except (SQLAlchemyError, OSError) as error:
            # The claim runs out and the notice is sent again, under the same id.
            log.warning("attempt_not_recorded", notice=notice, error=str(error))
        finally:
            self._under_way.pop(notice, None)
            self._nudge.set()

    async def _record(self, notice: str, outcome: Outcome) -> NoticeState | None:
        """Write an outcome down; those that wait while another transaction runs share the next one."""
        self._unrecorded[notice] = outcome
        async with self._recording:
            if notice in self._unrecorded:
                batch, self._unrecorded = self._unrecorded, {}
                try:
                    self._recorded.update(await outcomes.record(self._database, batch, now=self._clock.now()))
                except (SQLAlchemyError, OSError) as error:
                    log.warning("attempts_not_recorded_together", attempts=len(batch), error=str(error))
            if notice in self._recorded:
                return self._recorded.pop(notice)
            # What failed together is written down alone: one cannot keep the others from it.
            alone = await outcomes.record(self._database, {notice: outcome}, now=self._clock.now())
            return alone[notice]

    async def _send(self, claimed: Claimed, channel: Channel | None) -> Outcome:
        if channel is None:
            return Outcome(verdict=Verdict.PERMANENT, reason="channel not configured")
        try:
            async with asyncio.timeout(ATTEMPT_S):
                return await channel.send(claimed.message)
        except TimeoutError:
            return Outcome(verdict=Verdict.TEMPORARY, reason=f"no answer within {ATTEMPT_S:g} s")
        except Exception as error:
            log.exception("channel_crashed", channel=claimed.channel)
            return Outcome(verdict=Verdict.TEMPORARY, reason=type(error).__name__)

    async def _wait_s(self) -> float:
        if len(self._under_way) >= SENDERS:
            return _LONGEST_SLEEP_S
        async with self._database.read() as session:
            next_at = await claims.next_send_at(session)
        if next_at is None:
            return _LONGEST_SLEEP_S
        left_s = (next_at - self._clock.now()).total_seconds()
        # What is due but was not claimed belongs to somebody who hangs: an end nudges us.
        return min(left_s, _LONGEST_SLEEP_S) if left_s > 0 else _LONGEST_SLEEP_S / 10
