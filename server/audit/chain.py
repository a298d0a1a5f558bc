"""The chain over audit rows: sealed in the background, checked by whoever doubts.

A seal's hash covers the hash before it, the row's facts (when, who, what, to what) and a salted digest of
its words (reason, detail). Words can therefore be erased while the chain stays whole: the digest remains,
the words and their salt go. A chain whose end is cut off is still a chain; so the newest hash is written
to the log, and the verifier can be given one to look for.
"""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, func, select

from server.audit.tables import AuditRow, AuditSeal
from server.db.session import ReadSession, WriteSession

START: Final = "0" * 64
"""The hash before the first seal."""
_BATCH: Final = 500
_LATE_BY: Final = 1_000
"""How many numbers a row may be behind the newest sealed one and still be found at once."""
_SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the chain: keep it elsewhere, and a chain that was cut off is found out."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a verifier found.

    Attributes:
        problems: each a sentence; empty when the chain is whole.
        head: its end, as it stands.
        unsealed: rows that are not sealed yet.
    """

    problems: tuple[str, ...]
    head: Head
    unsealed: int


def words_digest(row: AuditRow, salt: str) -> str:
    """Return the digest of what may be erased."""
    words = json.dumps([row.reason, row.detail], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{salt}\n{words}".encode()).hexdigest()


def seal_hash(before: str, row: AuditRow, digest: str) -> str:
    """Return a seal's hash."""
    facts = [
        row.id,
        row.at.astimezone(UTC).isoformat(timespec="microseconds"),
        row.actor_kind,
        row.actor,
        row.action,
        row.subject_kind,
        row.subject,
    ]
    text = json.dumps([before, facts, digest], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


async def seal(session: WriteSession, *, now: datetime, all_of_them: bool = False) -> int:
    """Seal what is not sealed yet, at most a batch; returns how many. One transaction, one sealer.

    Args:
        session: the transaction.
        now: the server's time.
        all_of_them: look at every row ever written, rather than at those since the newest sealed one.
    """
    head = await head_of(session)
    query = select(AuditRow).where(_unsealed(all_of_them=all_of_them)).order_by(AuditRow.id).limit(_BATCH)
    rows = list(await session.scalars(query))
    seq, before = head.seq, head.hash
    for row in rows:
        salt = secrets.token_hex(_SALT_BYTES)
        digest = words_digest(row, salt)
        before, seq = seal_hash(before, row, digest), seq + 1
        session.add_final(
            AuditSeal(seq=seq, row=row.id, salt=salt, words_digest=digest, hash=before, sealed_at=now)
        )
    return len(rows)


async def has_unsealed(session: ReadSession, *, all_of_them: bool = False) -> bool:
    """Tell whether a row is not sealed yet: a look that takes no lock."""
    query = select(AuditRow.id).where(_unsealed(all_of_them=all_of_them)).limit(1)
    return await session.scalar(query) is not None


def _unsealed(*, all_of_them: bool) -> ColumnElement[bool]:
    """Rows without a seal; those long before the newest sealed one are only looked at when all are.

    Numbers are given before a commit: where several processes write, a lower one may come a little later.
    """
    missing = ~select(AuditSeal.seq).where(AuditSeal.row == AuditRow.id).exists()
    if all_of_them:
        return missing
    newest = select(func.coalesce(func.max(AuditSeal.row), 0)).scalar_subquery()
    return and_(AuditRow.id > newest - _LATE_BY, missing)


async def head_of(session: ReadSession) -> Head:
    """Return the end of the chain."""
    newest = await session.scalar(select(AuditSeal).order_by(AuditSeal.seq.desc()).limit(1))
    return Head(seq=newest.seq, hash=newest.hash) if newest else Head(seq=0, hash=START)


async def verify(session: ReadSession, *, expected: Head | None = None) -> Verdict:
    """Walk the whole chain.

    Args:
        session: where to read.
        expected: an end that was written down before: it must be part of the chain.
    """
    problems: list[str] = []
    before, seq, met = START, 0, expected is None or expected.seq == 0
    while batch := await _batch(session, seq):
        for mark, row in batch:
            problems += _check(mark, row, before, seq + 1)
            before, seq = mark.hash, mark.seq
            met = met or (expected is not None and (mark.seq, mark.hash) == (expected.seq, expected.hash))
    if not met and expected is not None:
        problems.append(f"the seal {expected.seq} with the hash {expected.hash} is not part of the chain")
    rows = await session.scalar(select(func.count()).select_from(AuditRow)) or 0
    sealed = await session.scalar(
        select(func.count()).select_from(AuditSeal).join(AuditRow, AuditRow.id == AuditSeal.row)
    )
    return Verdict(problems=tuple(problems), head=Head(seq=seq, hash=before), unsealed=rows - (sealed or 0))


async def _batch(session: ReadSession, after: int) -> Sequence[tuple[AuditSeal, AuditRow | None]]:
    query = (
        select(AuditSeal, AuditRow)
        .outerjoin(AuditRow, AuditRow.id == AuditSeal.row)
        .where(AuditSeal.seq > after)
        .order_by(AuditSeal.seq)
        .limit(_BATCH)
    )
    return [
        (mark, row) for mark, row in await session.execute(query.execution_options(populate_existing=True))
    ]


def _check(mark: AuditSeal, row: AuditRow | None, before: str, seq: int) -> list[str]:
    if mark.seq != seq:
        return [f"seals {seq} to {mark.seq - 1} are missing"]
    if row is None:
        return [f"seal {seq}: the audit row {mark.row} is missing"]
    problems = []
    if mark.erased_at is None and words_digest(row, mark.salt) != mark.words_digest:
        problems.append(f"seal {seq}: reason or detail of the audit row {row.id} was changed")
    if mark.erased_at is not None and (row.reason or row.detail):
        problems.append(f"seal {seq}: the audit row {row.id} was erased and has words again")
    if seal_hash(before, row, mark.words_digest) != mark.hash:
        problems.append(f"seal {seq}: the audit row {row.id} or what stands before it was changed")
    return problems


async def erase_words(session: WriteSession, row_ids: Sequence[int], *, now: datetime) -> int:
    """Erase reason and detail of rows, with the salts of their digests; returns how many.

    Rows must be sealed: what was never sealed is sealed first.
    """
    while await seal(session, now=now, all_of_them=True):
        await session.flush()
    erased = 0
    for start in range(0, len(row_ids), _BATCH):
        part = row_ids[start : start + _BATCH]
        query = select(AuditSeal, AuditRow).join(AuditRow, AuditRow.id == AuditSeal.row)
        for mark, row in await session.execute(query.where(AuditSeal.row.in_(part))):
            row.reason, row.detail, mark.salt = "", {}, ""
            mark.erased_at = mark.erased_at or now
            erased += 1
    return erased
