"""The configurations that gateways report: parts until they are whole, one row a version, how each stood.

The gateway's site file is the authority: what is here is shown and never sent back.
"""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import ColumnElement, delete, func, select, update

from server.db.session import ReadSession, WriteSession
from server.devices.service import hear
from server.devices.tables import (
    ConfigurationPart,
    ConfigurationStanding,
    ConfigurationVersion,
    Gateway,
    Standing,
)
from wire.configuration import MAX_CONFIGURATION_PARTS, ConfigurationReport
from wire.messages import StatusMessage

KEPT_VERSIONS: Final = 50
"""Of one gateway; those that were reported last."""
KEPT_PARTS: Final = 2 * MAX_CONFIGURATION_PARTS
"""Of one gateway, of configurations that are not whole: a gateway that begins many fills no disk."""
KEPT_STANDINGS: Final = 500
"""Of one gateway."""

log = structlog.get_logger(__name__)


async def keep_part(
    session: WriteSession, gateway: str, report: ConfigurationReport, *, now: datetime
) -> bool:
    """Keep a part of a configuration; returns whether the whole of it is kept now.

    Parts may come in any order, twice, and with those of another configuration in between.

    Args:
        session: the transaction.
        gateway: whose, by its topic.
        report: the part.
        now: the server's time.
    """
    await hear(session, gateway, None, now=now)
    known = await find_version(session, gateway, report.content_hash)
    if known is not None:
        known.last_at = now
        await _point_to(session, known)
        return True
    key = (gateway, report.content_hash, report.parts, report.part)
    if await session.get(ConfigurationPart, key) is None:
        session.add(
            ConfigurationPart(
                gateway=gateway,
                content_hash=report.content_hash,
                parts=report.parts,
                part=report.part,
                received_at=now,
                content=_pack(report),
            )
        )
        await session.flush()
    same = (ConfigurationPart.gateway == gateway) & (ConfigurationPart.content_hash == report.content_hash)
    query = select(ConfigurationPart).where(same, ConfigurationPart.parts == report.parts)
    held = list(await session.scalars(query.order_by(ConfigurationPart.part)))
    if len(held) < report.parts:
        await _forget_parts(session, gateway)
        return False
    await _keep_whole(session, gateway, [unpack(part.content) for part in held], now=now)
    await session.execute(delete(ConfigurationPart).where(same))
    return True


async def _keep_whole(
    session: WriteSession, gateway: str, parts: Sequence[ConfigurationReport], *, now: datetime
) -> None:
    first = parts[0]
    version = ConfigurationVersion(
        gateway=gateway,
        content_hash=first.content_hash,
        file_hash=first.file_hash[:128],
        version=first.version,
        software=first.software,
        first_at=now,
        last_at=now,
        content=_pack(_joined(parts)),
    )
    session.add(version)
    await session.flush()
    await _point_to(session, version)
    of_gateway = ConfigurationVersion.gateway == gateway
    kept = select(ConfigurationVersion.id).where(of_gateway)
    kept = kept.order_by(ConfigurationVersion.last_at.desc(), ConfigurationVersion.id.desc()).limit(
        KEPT_VERSIONS
    )
    newest = list(await session.scalars(kept))
    await session.execute(
        delete(ConfigurationVersion).where(of_gateway, ConfigurationVersion.id.not_in(newest))
    )
    log.info("configuration_kept", gateway=gateway, content_hash=first.content_hash, parts=len(parts))
    session.announce("gateway", gateway)


def _joined(parts: Sequence[ConfigurationReport]) -> ConfigurationReport:
    return msgspec.structs.replace(
        parts[0],
        part=1,
        parts=1,
        buses=tuple(one for part in parts for one in part.buses),
        profiles=tuple(one for part in parts for one in part.profiles),
        devices=tuple(one for part in parts for one in part.devices),
        rules=tuple(one for part in parts for one in part.rules),
    )


async def _point_to(session: WriteSession, version: ConfigurationVersion) -> None:
    """Take a version as the one that the gateway has now, unless its status names another one.

    The status of a new configuration comes before its parts: a part of the old one that comes late or
    twice changes nothing.
    """
    row = await session.get(Gateway, version.gateway)
    assert row is not None, "just heard"
    said = row.status or {}
    file_hash = (said.get("config") or {}).get("hash", "")
    if file_hash and (file_hash, said.get("software", "")) != (version.file_hash, version.software):
        return
    row.configuration = version.content_hash


async def _forget_parts(session: WriteSession, gateway: str) -> None:
    of_gateway = ConfigurationPart.gateway == gateway
    count = await session.scalar(select(func.count(ConfigurationPart.part)).where(of_gateway)) or 0
    if count <= KEPT_PARTS:
        return
    oldest = select(ConfigurationPart.content_hash).where(of_gateway)
    begun = await session.scalar(oldest.order_by(ConfigurationPart.received_at).limit(1))
    await session.execute(
        delete(ConfigurationPart).where(of_gateway, ConfigurationPart.content_hash == begun)
    )


async def find_version(session: ReadSession, gateway: str, content_hash: str) -> ConfigurationVersion | None:
    """Return a configuration that a gateway reported whole, with its content; None where it is not kept."""
    return await session.scalar(
        select(ConfigurationVersion).where(
            ConfigurationVersion.gateway == gateway, ConfigurationVersion.content_hash == content_hash
        )
    )


async def held_configuration(session: ReadSession, gateway: str) -> str:
    """Return the `content_hash` of the configuration that the server has of a gateway; empty for none."""
    return await session.scalar(select(Gateway.configuration).where(Gateway.id == gateway)) or ""


async def note_standing(
    session: WriteSession,
    gateway: str,
    before: Mapping[str, Any] | None,
    message: StatusMessage,
    *,
    now: datetime,
) -> None:
    """Note how configurations stand, where a status says it otherwise than the one before.

    Args:
        session: the transaction of the status.
        gateway: whose.
        before: the last status as it was kept; None where there was none.
        message: the new one.
        now: the server's time.
    """
    config = message.config
    if config is None:
        return
    said = (before or {}).get("config") or {}
    fresh = before is None
    if config.rejected and (config.rejected_hash, config.rejected) != (
        said.get("rejected_hash", ""),
        said.get("rejected", ""),
    ):
        tried = config.rejected_after_trial or await _was_on_trial(session, gateway, config.rejected_hash)
        session.add(
            ConfigurationStanding(
                gateway=gateway,
                at=now,
                file_hash=config.rejected_hash,
                standing=Standing.ROLLED_BACK if tried else Standing.REFUSED,
                why=config.rejected,
            )
        )
        await session.flush()
    stands = (config.hash, config.trial, message.software)
    stood = (said.get("hash", ""), said.get("trial", False), (before or {}).get("software", ""))
    if not fresh and stands == stood:
        return
    session.add(
        ConfigurationStanding(
            gateway=gateway,
            at=now,
            file_hash=config.hash,
            version=config.version,
            software=message.software,
            standing=Standing.TRIAL if config.trial else Standing.IN_FORCE,
            loaded_at=config.loaded_at,
        )
    )
    await session.flush()
    await _turn_back(session, gateway, config.hash, message.software)
    await _forget_standings(session, ConfigurationStanding.gateway == gateway)
    session.announce("gateway", gateway)


async def _turn_back(session: WriteSession, gateway: str, file_hash: str, software: str) -> None:
    """Point to the configuration in force where it is one that was reported before."""
    query = select(ConfigurationVersion.content_hash).where(
        ConfigurationVersion.gateway == gateway,
        ConfigurationVersion.file_hash == file_hash,
        ConfigurationVersion.software == software,
    )
    known = await session.scalar(query.order_by(ConfigurationVersion.last_at.desc()).limit(1))
    if known is not None:
        await session.execute(update(Gateway).where(Gateway.id == gateway).values(configuration=known))


async def _was_on_trial(session: ReadSession, gateway: str, file_hash: str) -> bool:
    query = select(ConfigurationStanding.id).where(
        ConfigurationStanding.gateway == gateway,
        ConfigurationStanding.file_hash == file_hash,
        ConfigurationStanding.standing == Standing.TRIAL,
    )
    return await session.scalar(query.limit(1)) is not None


async def _forget_standings(session: WriteSession, which: ColumnElement[bool]) -> None:
    oldest = await session.scalar(
        select(ConfigurationStanding.id)
        .where(which)
        .order_by(ConfigurationStanding.id.desc())
        .offset(KEPT_STANDINGS - 1)
        .limit(1)
    )
    if oldest is not None:
        await session.execute(delete(ConfigurationStanding).where(which, ConfigurationStanding.id < oldest))


def _pack(report: ConfigurationReport) -> bytes:
    return zlib.compress(msgspec.json.encode(report))


@lru_cache(maxsize=64)
def unpack(data: bytes) -> ConfigurationReport:
    """Return a kept report; those asked for last are remembered, since every curve asks for its limits."""
    return msgspec.json.decode(zlib.decompress(data), type=ConfigurationReport)
