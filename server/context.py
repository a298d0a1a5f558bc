"""What the pages and the API are given by the composition root."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from server.access.allowances import Allowances
from server.clock import Clock
from server.config import Settings
from server.db.session import Database
from server.escalation.plan import Policies
from server.history.database import HistoryDatabase
from server.history.influx import Influx
from server.notify.channels import Channel
from server.pulse import Pulses


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The running server's parts that pages and the API use."""

    settings: Settings
    clock: Clock
    database: Database
    readings: HistoryDatabase
    influx: Influx | None = None
    """Answers for what the database has let go of; None where there is none."""
    policies: Policies
    """Pass it to `server.items.service.press`."""
    pulses: Pulses
    """What `/health/ready` reads: `pulses.stuck(boot_s=clock.boot_s())` is empty when all is well."""
    channels: Mapping[str, Channel] = field(default_factory=dict)
    """By kind, to send the codes that confirm contacts; notices go through the worker alone."""
    allowances: Allowances = field(default_factory=Allowances)
    """What askers have used up; `take` or `check` before work, `note_guess` after a wrong guess."""
