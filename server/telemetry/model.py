"""What one look at the server finds: numbers by closed vocabularies, taken at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

REACH_WITHIN: Final = timedelta(seconds=15)
"""A message is handed to two channels within it (GB/T 45839-2025); later than that, nobody was reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the databases say at one moment. Ages are in seconds; None is "there is none".

    Attributes:
        open_items: items that are not closed, by (class, state); exercises and tests are left out.
        unaccepted_age_s: since when the oldest open item waits for somebody to take it, by class.
        unowned_items: open items that no person has: they are the desk's.
        unreached_items: open items that nobody took and of which no message got through.
        overdue_rows: rows of the table of what is due whose time has passed.
        overdue_age_s: by how much the oldest of them is late.
        notices: messages that still have to leave, by (channel, state).
        notice_overdue_age_s: by how much the oldest of them is late.
        gateways: registered gateways by presence: `online`, `silent`, `never_heard`.
        unregistered_gateways: gateways that speak and that nobody registered.
        devices: devices in use.
        unassigned_devices: devices that nobody adopted.
        open_alarms: alarms that are not over, by class.
        quarantined_messages: messages in quarantine.
        waiting_commands: commands that no gateway has answered.
        canary_ages_s: since when no canary reached each stage of the chain; empty before the first was sent.
        series: measured quantities known.
        spool_lines: lines that wait for InfluxDB.
        spool_age_s: since when the oldest waits.
        database_bytes: sizes by database: `main`, `readings`.
    """

    open_items: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unaccepted_age_s: Mapping[str, float] = field(default_factory=dict)
    unowned_items: int = 0
    unreached_items: int = 0
    overdue_rows: int = 0
    overdue_age_s: float = 0.0
    notices: Mapping[tuple[str, str], int] = field(default_factory=dict)
    notice_overdue_age_s: float = 0.0
    gateways: Mapping[str, int] = field(default_factory=dict)
    unregistered_gateways: int = 0
    devices: int = 0
    unassigned_devices: int = 0
    open_alarms: Mapping[str, int] = field(default_factory=dict)
    quarantined_messages: int = 0
    waiting_commands: int = 0
    canary_ages_s: Mapping[str, float] = field(default_factory=dict)
    series: int = 0
    spool_lines: int = 0
    spool_age_s: float = 0.0
    database_bytes: Mapping[str, int] = field(default_factory=dict)
