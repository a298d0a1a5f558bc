"""What every table shares: names of constraints, times in UTC, closed vocabularies as words."""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import DateTime, MetaData, String
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

_W = TypeVar("_W", bound=StrEnum)


class Base(DeclarativeBase):
    """Base of all tables of the server's main database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Utc(TypeDecorator[datetime]):
    """An aware datetime in UTC; SQLite keeps it without an offset, PostgreSQL with one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without an offset, store the rest as UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no offset")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the offset back that SQLite forgets."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Word(TypeDecorator[_W]):
    """A member of a closed vocabulary, stored as its word, so that a migration may add members."""

    impl = String(32)
    cache_ok = True

    def __init__(self, vocabulary: type[_W]) -> None:
        """Store members of one StrEnum."""
        super().__init__()
        self.vocabulary = vocabulary

    def process_bind_param(self, value: _W | str | None, dialect: Dialect) -> str | None:
        """Store the word, refusing any that is not in the vocabulary."""
        return None if value is None else self.vocabulary(value).value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> _W | None:
        """Return the member."""
        return None if value is None else self.vocabulary(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Return what turns words into members: a look into a table, because nothing is done more often."""
        return _Members(self.vocabulary).__getitem__


class _Members(dict[str | None, Any]):
    """Members of a vocabulary by word; what is not in it is refused as the vocabulary refuses it."""

    def __init__(self, vocabulary: type[StrEnum]) -> None:
        super().__init__({member.value: member for member in vocabulary})
        self[None] = None
        self._vocabulary = vocabulary

    def __missing__(self, word: Any) -> StrEnum:
        return self._vocabulary(word)
