"""InfluxDB: lines written, what is older read back, buckets set up. The only importer of influxdb-client.

Its own retries are switched off: the spool keeps what could not be written and asks again. Calls block and
are made in threads. A server that feeds no InfluxDB never loads the library, which takes 12 MB.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from server.config import Settings
from server.errors import ServerError
from server.history.columns import Buckets, no_buckets
from server.history.lineprotocol import flux_of

_TIMEOUT_MS: Final = 20_000
_REFUSED: Final = (400, 413, 422)
"""Answers that are about the lines, not about the server."""
_FUNCTIONS: Final = ("count", "min", "max", "sum", "last")


class InfluxError(ServerError):
    """InfluxDB cannot be used now; the text says why."""


class RefusedLinesError(InfluxError):
    """InfluxDB is well and does not take (some of) these lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxAddress:
    """Where InfluxDB is and what may be done there.

    Attributes:
        url: e.g. `http://localhost:8086`.
        org: the organisation.
        bucket: where readings go.
        token: what lets us in.
        kept_days: how long the bucket keeps readings; 0 for ever.
    """

    url: str
    org: str
    bucket: str
    token: str
    kept_days: int = 0


def influx_address(settings: Settings) -> InfluxAddress:
    """Return where the settings say that InfluxDB is."""
    return InfluxAddress(
        url=settings.influx_url,
        org=settings.influx_org,
        bucket=settings.influx_bucket,
        token=settings.influx_token,
        kept_days=settings.influx_kept_days,
    )


class Influx:
    """One InfluxDB."""

    def __init__(self, address: InfluxAddress) -> None:
        """Prepare; nothing is asked yet."""
        from influxdb_client import InfluxDBClient
        from influxdb_client.client.write_api import SYNCHRONOUS

        self.address = address
        self._client = InfluxDBClient(
            url=address.url,
            token=address.token,
            org=address.org,
            timeout=_TIMEOUT_MS,
            enable_gzip=True,
            retries=Retry(0),
        )
        self._write = self._client.write_api(write_options=SYNCHRONOUS)

    async def write(self, lines: bytes) -> None:
        """Write lines with times in milliseconds; they are there when this returns.

        Raises:
            RefusedLinesError: a line of them is not taken.
            InfluxError: nothing can be written now.
        """
        await self._call(
            lambda: self._write.write(self.address.bucket, record=lines, write_precision="ms"),
        )

    async def read_buckets(
        self, tags: dict[str, str], *, since_ms: int, until_ms: int, span_ms: int
    ) -> Buckets:
        """Return what a series amounted to in spans of time.

        Raises:
            InfluxError: it cannot be asked now.
        """
        query = flux_of(
            self.address.bucket,
            tags,
            start_ms=since_ms,
            stop_ms=until_ms,
            every_ms=span_ms,
            wanted=_FUNCTIONS,
        )
        tables = await self._call(lambda: self._client.query_api().query(query))
        found: dict[str, dict[datetime, float]] = {name: {} for name in _FUNCTIONS}
        for table in tables:
            for record in table.records:
                found[record.values["result"]][record.get_time()] = record.get_value()
        return _as_buckets(found)

    async def set_up(self) -> str:
        """Make the bucket, or give it its retention; returns what was done, for people.

        Raises:
            InfluxError: it cannot be done; the text says why.
        """
        return str(await self._call(self._set_up))

    def close(self) -> None:
        """Close the connections."""
        self._write.close()
        self._client.close()

    def _set_up(self) -> str:
        from influxdb_client import BucketRetentionRules

        address = self.address
        rules = [BucketRetentionRules(type="expire", every_seconds=address.kept_days * 86_400)]
        buckets = self._client.buckets_api()
        held = buckets.find_bucket_by_name(address.bucket)
        kept = f"keeps {address.kept_days} days" if address.kept_days else "keeps for ever"
        if held is None:
            buckets.create_bucket(bucket_name=address.bucket, retention_rules=rules, org=address.org)
            return f"bucket {address.bucket}: made, {kept}"
        held.retention_rules = rules
        buckets.update_bucket(held)
        return f"bucket {address.bucket}: was there, {kept}"

    async def _call(self, work: Any) -> Any:
        from influxdb_client.rest import ApiException

        try:
            return await asyncio.to_thread(work)
        except ApiException as error:
            text = f"{self.address.url} answers {error.status}: {_reason(error)}"
            if error.status in _REFUSED:
                raise RefusedLinesError(text) from error
            raise InfluxError(text) from error
        except (HTTPError, OSError) as error:
            raise InfluxError(f"{self.address.url}: {error}") from error


def _reason(error: Any) -> str:
    return str(getattr(error, "message", "") or error.reason or "")[:300]


def _as_buckets(found: dict[str, dict[datetime, float]]) -> Buckets:
    starts = sorted(found["count"])
    if not starts:
        return no_buckets()

    def column(name: str) -> Sequence[float]:
        return [found[name].get(start, np.nan) for start in starts]

    return Buckets(
        np.array([round(start.astimezone(UTC).timestamp() * 1000) for start in starts], np.int64),
        np.array(column("count"), np.int64),
        np.array(column("min"), np.float64),
        np.array(column("max"), np.float64),
        np.array(column("sum"), np.float64),
        np.array(column("last"), np.float64),
        np.zeros(len(starts), np.int64),
    )
