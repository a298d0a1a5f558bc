"""Which site file is in force: the newest, on trial, or the last good one.

A file that cannot be used never stops a gateway that has run before. A new file is on trial: it must
come up, every bus must complete an attempt, and the server must be reached, or the gateway must run ten
minutes without it. Where the server's address changed and the old one worked, only reaching the server
counts. A file that fails its trial, or with which the gateway ends three times, is refused by name (its
hash) and the last good one, kept beside it as `<name>.last-good`, is in force again. A person who asks
for it anew, by changing the file or by a reload, starts a new trial.
"""

import contextlib
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec
import structlog

from edge.site.config import LoadedSite
from edge.site.siteloader import SiteError, load_site

TRIAL_MS: Final = 600_000
MOST_TRIAL_STARTS: Final = 3
_RECORD: Final = "configuration.json"

log = structlog.get_logger(__name__)


class TrialRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered from start to start, in the state folder."""

    starts: int = 0
    boot: str = ""
    starts_this_boot: int = 0
    trial_hash: str = ""
    trial_starts: int = 0
    refused_hash: str = ""
    refused_why: str = ""
    reached_hash: str = ""
    """The configuration with which the server was last reached."""


class Verdict(StrEnum):
    """What becomes of a configuration on trial."""

    WAIT = "wait"
    """Nothing can be said yet."""
    KEEP = "keep"
    """It works: it is the last good one from now on."""
    ROLL_BACK = "roll_back"
    """It does not work: the last good one comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenSite:
    """The configuration to run with.

    Attributes:
        site: it.
        record: what is remembered, with this start counted.
        on_trial: whether it still has to show that it works.
        needs_server: whether only reaching the server ends the trial well.
        rejected: why the newest file is not in force; empty when it is.
        rejected_hash: of that file.
        rejected_after_trial: whether it was in force, on trial, before it was given up.
    """

    site: LoadedSite
    record: TrialRecord
    on_trial: bool = False
    needs_server: bool = False
    rejected: str = ""
    rejected_hash: str = ""
    rejected_after_trial: bool = False


def choose_site(path: Path, *, boot: str, anew: bool = False, counted: bool = True) -> ChosenSite:
    """Choose the configuration for a start, and count the start.

    Args:
        path: the site file.
        boot: this start of the machine.
        anew: whether a person asked: then a refused file is tried again.
        counted: whether this is a start of the process, not a change while it runs.

    Raises:
        SiteError: the file cannot be used and there is no last good one.
    """
    good = _load_good(path)
    try:
        newest = load_site(path)
    except SiteError as error:
        if good is None:
            raise
        return ChosenSite(
            site=good,
            record=_recall(good, boot, counted=counted),
            rejected=str(error),
            rejected_hash=error.hash,
        )
    record = _recall(newest, boot, counted=counted)
    if anew:
        record = msgspec.structs.replace(record, trial_hash="", refused_hash="", refused_why="")
    if good is None or good.hash == newest.hash:
        if good is None:
            keep(newest)  # there is nothing to go back to
        return ChosenSite(site=newest, record=msgspec.structs.replace(record, trial_hash="", trial_starts=0))
    return _try(newest, good, record)


def _try(newest: LoadedSite, good: LoadedSite, record: TrialRecord) -> ChosenSite:
    starts = record.trial_starts + 1 if record.trial_hash == newest.hash else 1
    record = msgspec.structs.replace(record, trial_hash=newest.hash, trial_starts=starts)
    if record.refused_hash != newest.hash and starts > MOST_TRIAL_STARTS:
        record = refuse(record, f"on trial the gateway ended {MOST_TRIAL_STARTS} times with it")
    if record.refused_hash == newest.hash:
        return ChosenSite(
            site=good,
            record=record,
            rejected=record.refused_why,
            rejected_hash=record.refused_hash,
            rejected_after_trial=True,
        )
    moved = newest.settings.server != good.settings.server
    return ChosenSite(
        site=newest,
        record=record,
        on_trial=True,
        needs_server=moved and record.reached_hash == good.hash,
    )


def refuse(record: TrialRecord, why: str) -> TrialRecord:
    """Return the record after the configuration on trial failed."""
    return msgspec.structs.replace(record, refused_hash=record.trial_hash, refused_why=why)


def judge_trial(*, ran_ms: int, all_attempted: bool, reached: bool, needs_server: bool) -> Verdict:
    """Judge a configuration on trial. Pure.

    Args:
        ran_ms: for how long the gateway has run with it.
        all_attempted: whether every bus has completed an attempt.
        reached: whether the server has answered.
        needs_server: whether nothing but that will do.
    """
    if all_attempted and reached:
        return Verdict.KEEP
    if ran_ms < TRIAL_MS:
        return Verdict.WAIT
    return Verdict.KEEP if all_attempted and not needs_server else Verdict.ROLL_BACK


def keep(site: LoadedSite) -> None:
    """Make a configuration the last good one; a power cut leaves either the old or the new copy."""
    kept = _good_path(site.path)
    try:
        _write_durably(kept, site.source)
    except OSError as error:
        # A read-only folder is a choice of whoever installed it; it costs the way back, not the start.
        log.warning("last_good_not_kept", file=str(kept), error=error.strerror)


def load_record(folder: Path) -> TrialRecord:
    """Return what is remembered; nothing if nothing readable is there."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((folder / _RECORD).read_bytes(), type=TrialRecord)
    return TrialRecord()


def save_record(folder: Path, record: TrialRecord) -> None:
    """Remember; a disk that cannot be written is said elsewhere."""
    try:
        _write_durably(folder / _RECORD, msgspec.json.encode(record))
    except OSError as error:
        log.warning("configuration_record_not_kept", error=error.strerror)


def state_folder(site: LoadedSite) -> Path:
    """Return where the stores of a site lie."""
    return site.path.parent / site.settings.stores.folder


def _load_good(path: Path) -> LoadedSite | None:
    kept = _good_path(path)
    if not kept.exists():
        return None
    try:
        return load_site(kept).model_copy(update={"path": path})
    except SiteError as error:
        log.error("last_good_unusable", problems=str(error).splitlines())
        return None


def _good_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.last-good")


def _recall(site: LoadedSite, boot: str, *, counted: bool) -> TrialRecord:
    record = load_record(state_folder(site))
    if not counted:
        return record
    same = record.boot == boot
    return msgspec.structs.replace(
        record,
        starts=record.starts + 1,
        boot=boot,
        starts_this_boot=record.starts_this_boot + 1 if same else 1,
    )


def _write_durably(path: Path, data: bytes) -> None:
    if path.exists() and path.read_bytes() == data:
        return
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
