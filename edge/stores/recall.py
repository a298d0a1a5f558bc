"""What the rules' windows held before a restart, from the readings that were stored."""

import structlog

from edge.errors import StoreError
from edge.rules.engine import RuleEngine
from edge.rules.state import Now
from edge.stores.readings import ReadingStore
from edge.stores.recorded import rows_of, snapshots_of
from wire.vocabulary import Clock as ClockTrust

log = structlog.get_logger(__name__)


async def recall_windows(engine: RuleEngine, readings: ReadingStore, now: Now) -> None:
    """Give an engine what it has to remember; without a trusted clock its windows warm up anew."""
    memory_ms = engine.memory_ms
    if not memory_ms or now.trust is not ClockTrust.SYNCED:
        return
    since_ms = now.moment.wall_ms - memory_ms
    try:
        batches = await readings.since(since_ms)
    except StoreError as error:
        log.error("readings_not_recalled", error=str(error))
        return
    rows = (
        row for batch in batches for row in rows_of(batch) if since_ms <= row.wall_ms <= now.moment.wall_ms
    )
    snapshots = 0
    for snapshot in snapshots_of(rows, engine.points, offset_ms=now.moment.wall_ms - now.moment.boot_ms):
        engine.recall(snapshot)
        snapshots += 1
    log.info("readings_recalled", snapshots=snapshots, warming=len(engine.warming(now.moment)))
