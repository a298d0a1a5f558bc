"""When one configuration gives way to another: a reload, or a trial that failed.

The gateway is then built anew in the same process. Stores, alarms, delays and what the server has not
acknowledged are on disk and are taken up again, so nothing is lost; while alarms live in memory only, a
reload waits. A configuration that did not change changes nothing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec
import structlog

from edge.ports import Clock
from edge.site.siteloader import SiteError
from edge.site.trial import (
    ChosenSite,
    TrialRecord,
    Verdict,
    choose_site,
    judge_trial,
    keep,
    refuse,
    save_record,
    state_folder,
)
from edge.uplink.connections import Uplink
from edge.watch.health import SelfReport
from edge.watch.watchdog import BUS_PREFIX, Watchdog

_LOOK_EVERY_S: Final = 1.0

log = structlog.get_logger(__name__)


class Succession:
    """Knows the configuration in force and waits for the next one."""

    def __init__(
        self, *, chosen: ChosenSite, boot: str, clock: Clock, stop: asyncio.Event, reload: asyncio.Event
    ) -> None:
        """Begin with a configuration.

        Args:
            chosen: it.
            boot: this start of the machine.
            clock: the machine's clocks.
            stop: set when the gateway is told to stop.
            reload: set when it is told to look at its site file again.
        """
        self.chosen = chosen
        self.stop = stop
        self._boot = boot
        self._clock = clock
        self._reload = reload

    async def next_site(
        self, report: SelfReport, uplink: Uplink, watchdog: Watchdog, is_volatile: Callable[[], bool]
    ) -> ChosenSite:
        """Return the configuration that follows the one in force, as soon as there is one.

        Args:
            report: told what is in force and what was refused.
            uplink: knows whether the server was reached.
            watchdog: knows whether every bus has completed an attempt.
            is_volatile: whether alarms live in memory, so that a restart would lose them.
        """
        self._tell(report)
        began_ms = self._clock.moment().boot_ms
        while True:
            if uplink.reached:
                self._note_reached()
            if self.chosen.on_trial:
                ran_ms = self._clock.moment().boot_ms - began_ms
                if self._judge(ran_ms, uplink, watchdog, report) and not is_volatile():
                    return choose_site(self.chosen.site.path, boot=self._boot, counted=False)
            if self._reload.is_set() and not is_volatile():
                self._reload.clear()
                found = self._look(report)
                if found is not None:
                    return found
            await asyncio.sleep(self._clock.pause_s(_LOOK_EVERY_S))

    def _judge(self, ran_ms: int, uplink: Uplink, watchdog: Watchdog, report: SelfReport) -> bool:
        """Judge the trial; tells whether the last good configuration is to come back."""
        chosen = self.chosen
        verdict = judge_trial(
            ran_ms=ran_ms,
            all_attempted=watchdog.have_all_moved(BUS_PREFIX),
            reached=uplink.reached,
            needs_server=chosen.needs_server,
        )
        if verdict is Verdict.KEEP:
            keep(chosen.site)
            record = msgspec.structs.replace(chosen.record, trial_hash="", trial_starts=0)
            self._replace(record)
            self._tell(report)
            log.info("config_kept", hash=chosen.site.hash)
        elif verdict is Verdict.ROLL_BACK:
            moved = watchdog.have_all_moved(BUS_PREFIX)
            why = "the server was not reached with it" if moved else "not every bus made an attempt with it"
            self._replace(refuse(chosen.record, f"on trial {why}"), on_trial=True)
            log.error("config_rolled_back", hash=chosen.site.hash, why=why)
            return True
        return False

    def _note_reached(self) -> None:
        """Remember that the server answered with this configuration; one on trial has to be kept first."""
        chosen = self.chosen
        if not chosen.on_trial and chosen.record.reached_hash != chosen.site.hash:
            self._replace(msgspec.structs.replace(chosen.record, reached_hash=chosen.site.hash))

    def _replace(self, record: TrialRecord, *, on_trial: bool = False) -> None:
        self.chosen = replace(self.chosen, record=record, on_trial=on_trial)
        save_record(state_folder(self.chosen.site), record)

    def _look(self, report: SelfReport) -> ChosenSite | None:
        """Look at the site file again; None when it changes nothing."""
        try:
            found = choose_site(self.chosen.site.path, boot=self._boot, anew=True, counted=False)
        except SiteError as error:
            log.error("config_rejected", problems=str(error).splitlines())
            return None
        if found.site.hash == self.chosen.site.hash:
            if found.rejected:
                log.error("config_rejected", problems=found.rejected.splitlines())
                report.config = msgspec.structs.replace(
                    report.config,
                    rejected=found.rejected[:1000],
                    rejected_hash=found.rejected_hash,
                    rejected_after_trial=found.rejected_after_trial,
                )
            else:
                log.info("config_unchanged", hash=found.site.hash)
            return None
        log.info("config_changed", before=self.chosen.site.hash, after=found.site.hash)
        return found

    def _tell(self, report: SelfReport) -> None:
        chosen = self.chosen
        report.config = msgspec.structs.replace(
            report.config,
            rejected=chosen.rejected[:1000],
            rejected_hash=chosen.rejected_hash,
            rejected_after_trial=chosen.rejected_after_trial,
            trial=chosen.on_trial,
        )
