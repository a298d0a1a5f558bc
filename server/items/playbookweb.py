"""Playbooks over the API: what is in force, what was before, new lines with a reason."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.context import Context
from server.items import playbooks
from server.items.playbooks import Lines, Version
from server.web.problems import PROBLEMS
from wire.vocabulary import AlarmClass, Kind

_OF = ("kind", "class_")


class PlaybookLines(BaseModel):
    """What to do now: at most three short lines. Chinese is needed."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    zh: Annotated[tuple[str, ...], Field(max_length=10)]
    en: Annotated[tuple[str, ...], Field(max_length=10)] = ()
    """Left out, a reader of English is shown the Chinese ones."""


class PlaybookChange(BaseModel):
    """New lines, or null for the shipped ones."""

    model_config = ConfigDict(extra="forbid")

    lines: PlaybookLines | None
    after: Annotated[int, Field(ge=0)]
    """The version that was read; 409 when there is a newer one."""
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class PlaybookVersion(BaseModel):
    """One version; `lines` null went back to the shipped ones."""

    version: int
    lines: PlaybookLines | None
    written_by: str
    written_at: datetime | None


class PlaybookOut(BaseModel):
    """The playbook of a kind and class."""

    kind: Kind
    class_: AlarmClass = Field(serialization_alias="class")
    version: int
    """0 while nobody has written one."""
    lines: PlaybookLines
    """In force."""
    shipped: PlaybookLines


class PlaybookHistory(PlaybookOut):
    """A playbook with everything that was written for it, the oldest first."""

    versions: list[PlaybookVersion]


def build_playbook_api(context: Context) -> APIRouter:
    """Return the routes under /api/v1/playbooks."""
    router = APIRouter(prefix="/api/v1/playbooks", tags=["playbooks"], responses=PROBLEMS)

    @router.get("", operation_id="listPlaybooks", dependencies=[requires(Right.SEE_SETTINGS)])
    async def list_all() -> list[PlaybookOut]:
        """List what to do now for every kind and class."""
        async with context.database.read() as session:
            written = await playbooks.all_versions(session)
        return [
            PlaybookOut(**_playbook(kind, class_, written.get((kind, class_), ())))
            for kind, class_ in playbooks.shipped()
        ]

    @router.get(
        "/{kind}/{class_}",
        operation_id="getPlaybook",
        dependencies=[requires(Right.SEE_SETTINGS, unscoped=_OF)],
    )
    async def show(kind: Kind, class_: AlarmClass) -> PlaybookHistory:
        """Return a playbook with its versions."""
        async with context.database.read() as session:
            return _history(kind, class_, await playbooks.versions_of(session, kind, class_))

    @router.put("/{kind}/{class_}", operation_id="setPlaybook")
    async def change(
        who: Annotated[SignedIn, requires(Right.CHANGE_SETTINGS, unscoped=_OF)],
        kind: Kind,
        class_: AlarmClass,
        wanted: PlaybookChange,
    ) -> PlaybookHistory:
        """Put lines in force on every page at once, open items included."""
        lines = Lines(zh=wanted.lines.zh, en=wanted.lines.en) if wanted.lines else None
        async with context.database.write() as session:
            await playbooks.write(
                session,
                kind,
                class_,
                lines,
                after=wanted.after,
                by=who.operator,
                now=context.clock.now(),
                reason=wanted.reason,
            )
            await session.flush()
            return _history(kind, class_, await playbooks.versions_of(session, kind, class_))

    return router


def _history(kind: Kind, class_: AlarmClass, versions: Sequence[Version]) -> PlaybookHistory:
    written = [
        PlaybookVersion(
            version=one.version,
            lines=_lines(one.lines) if one.lines else None,
            written_by=one.written_by,
            written_at=one.written_at,
        )
        for one in versions
    ]
    return PlaybookHistory(**_playbook(kind, class_, versions), versions=written)


def _playbook(kind: Kind, class_: AlarmClass, versions: Sequence[Version]) -> dict[str, Any]:
    return {
        "kind": kind,
        "class_": class_,
        "version": versions[-1].version if versions else 0,
        "lines": _lines(playbooks.in_force(kind, class_, versions)),
        "shipped": _lines(playbooks.shipped()[kind, class_]),
    }


def _lines(lines: Lines) -> PlaybookLines:
    return PlaybookLines(zh=lines.zh, en=lines.en)
