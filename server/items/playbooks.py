"""Playbooks: what to do now, for each kind and class; the shipped words, or the owner's own.

The shipped words are data (`playbooks.json`), each in Chinese and English. What the owner writes is a
new version in the table; nothing is overwritten. Chinese is needed, English is not: a reader of English
is then shown the owner's Chinese, rather than shipped words that may contradict it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import select

from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.errors import ConflictError, InvalidError
from server.items.tables import Playbook
from wire.vocabulary import AlarmClass, Kind

MOST_LINES: Final = 3
MOST_CHARS: Final[Mapping[str, int]] = {"zh": 24, "en": 60}
"""What fits a phone's line in large type, read at a glance."""
_SHIPPED: Final = Path(__file__).with_name("playbooks.json")
_ZH, _EN = "zh", "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What to do now, in both languages."""

    zh: tuple[str, ...]
    en: tuple[str, ...] = ()
    """Empty where the owner wrote none."""

    def in_language(self, language: str) -> tuple[str, ...]:
        """Return the lines for a reader; `language` begins with `zh` or `en`."""
        return self.en if language.startswith(_EN) and self.en else self.zh


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a playbook; 0 is the shipped one."""

    version: int = 0
    lines: Lines | None
    """None goes back to the shipped words."""
    written_by: str = ""
    written_at: datetime | None = None


@cache
def shipped() -> Mapping[tuple[Kind, AlarmClass], Lines]:
    """Return the words that came with the server, for every kind and class."""
    written = json.loads(_SHIPPED.read_text(encoding="utf-8"))
    return {
        (Kind(kind), AlarmClass(class_)): Lines(zh=tuple(lines[_ZH]), en=tuple(lines[_EN]))
        for kind, classes in written.items()
        for class_, lines in classes.items()
    }


def problem_of(lines: Lines) -> str:
    """Return what makes lines unusable, as a sentence; empty when nothing does."""
    if not lines.zh:
        return "处置要点必须有中文，最多三行。"
    for language, texts in ((_ZH, lines.zh), (_EN, lines.en)):
        if len(texts) > MOST_LINES:
            return "处置要点最多三行。"
        if any(not text.strip() or not text.isprintable() for text in texts):
            return "处置要点不能有空行或换行。"
        if any(len(text) > MOST_CHARS[language] for text in texts):
            return "处置要点太长：中文每行最多 24 个字，英文每行最多 60 个字符。"
    return ""


async def lines_for(session: ReadSession, kind: Kind, class_: AlarmClass) -> Lines:
    """Return the lines in force."""
    return in_force(kind, class_, await versions_of(session, kind, class_))


async def all_versions(session: ReadSession) -> Mapping[tuple[Kind, AlarmClass], Sequence[Version]]:
    """Return what was ever written, by kind and class, the oldest first; shipped words are not among it."""
    rows = await session.scalars(select(Playbook).order_by(Playbook.version, Playbook.id))
    sorted_rows: dict[tuple[Kind, AlarmClass], list[Playbook]] = {}
    for row in rows:
        sorted_rows.setdefault((row.kind, row.class_), []).append(row)
    return {key: _join(found) for key, found in sorted_rows.items()}


async def versions_of(session: ReadSession, kind: Kind, class_: AlarmClass) -> Sequence[Version]:
    """Return what was written for a kind and class, the oldest first."""
    query = select(Playbook).where(Playbook.kind == kind, Playbook.class_ == class_)
    return _join(await session.scalars(query.order_by(Playbook.version, Playbook.id)))


def in_force(kind: Kind, class_: AlarmClass, versions: Sequence[Version]) -> Lines:
    """Return the lines of the newest version, or the shipped ones."""
    newest = versions[-1].lines if versions else None
    return newest or shipped()[kind, class_]


async def write(
    session: WriteSession,
    kind: Kind,
    class_: AlarmClass,
    lines: Lines | None,
    *,
    after: int,
    by: str,
    now: datetime,
    reason: str,
) -> Version:
    """Put lines in force as a new version; None goes back to the shipped ones.

    Args:
        session: the transaction.
        kind: of which items.
        class_: of which items.
        lines: the new lines.
        after: the version that the writer saw, 0 for the shipped one.
        by: who writes.
        now: the server's time.
        reason: why, in their words.

    Raises:
        InvalidError: the lines cannot be used; says why.
        ConflictError: somebody else wrote meanwhile.
    """
    problem = problem_of(lines) if lines else ""
    if problem:
        raise InvalidError(problem)
    known = await versions_of(session, kind, class_)
    if after != (known[-1].version if known else 0):
        raise ConflictError("别人刚改过这份处置要点，请刷新后再改。")
    version = after + 1
    for language, texts in ((_ZH, lines.zh if lines else ()), (_EN, lines.en if lines else ())):
        session.add(
            Playbook(
                kind=kind,
                class_=class_,
                language=language,
                version=version,
                lines=list(texts),
                written_by=by,
                written_at=now,
            )
        )
    before = in_force(kind, class_, known)
    after_lines = lines or shipped()[kind, class_]
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action="playbook_changed",
        subject_kind="playbook",
        subject=f"{kind.value}/{class_.value}",
        reason=reason,
        detail={
            "version": version,
            "shipped": lines is None,
            "before": {_ZH: list(before.zh), _EN: list(before.en)},
            "after": {_ZH: list(after_lines.zh), _EN: list(after_lines.en)},
        },
    )
    return Version(version=version, lines=lines, written_by=by, written_at=now)


def _join(rows: Iterable[Playbook]) -> list[Version]:
    """Put the rows of the two languages of each version together."""
    found: dict[int, dict[str, Playbook]] = {}
    for row in rows:
        found.setdefault(row.version, {})[row.language] = row
    return [_version(number, rows_of) for number, rows_of in sorted(found.items())]


def _version(number: int, rows: Mapping[str, Playbook]) -> Version:
    zh, en = rows.get(_ZH), rows.get(_EN)
    any_row = next(iter(rows.values()))
    lines = Lines(zh=tuple(zh.lines), en=tuple(en.lines) if en else ()) if zh and zh.lines else None
    return Version(version=number, lines=lines, written_by=any_row.written_by, written_at=any_row.written_at)
