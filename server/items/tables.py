"""Tables of items, of what happened to them and of who was told."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Utc, Word
from server.items.model import ActorKind, Grouping, ItemState, Move, Outcome, ToldWay
from wire.vocabulary import AlarmClass, Kind, Mode


class Item(Base):
    """The work one person gets. At most one is open for a device and kind (`open_key`)."""

    __tablename__ = "item"
    __table_args__ = (
        Index("ix_item_state_class", "state", "class"),
        Index("ix_item_key", "key", "closed_at"),
        Index("ix_item_open", "parent", "closed_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    open_key: Mapped[str | None] = mapped_column(String(240), unique=True)
    """`key` while the item is open, null afterwards."""
    key: Mapped[str] = mapped_column(String(240), default="", server_default="")
    """What it is about: `gateway/device/kind/mode`, or the place or line for which it gathers others."""
    parent: Mapped[str | None] = mapped_column(ForeignKey("item.id"), index=True)
    """The item that speaks for this one: a visit, a storm, or the one it was merged into."""
    grouping: Mapped[Grouping | None] = mapped_column(Word(Grouping))
    """For what it gathers others; null for an item of one device."""
    feeder: Mapped[str | None] = mapped_column(String(40))
    """The power line of its device, noted when contact is lost."""
    held_until: Mapped[datetime | None] = mapped_column(Utc)
    """Nobody is told before: others may have fallen silent with it."""
    shelved_until: Mapped[datetime | None] = mapped_column(Utc)
    shelf_reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    shelf_asked_by: Mapped[str] = mapped_column(String(100), default="", server_default="")
    """Who asked to lay it aside; a second person must agree."""
    shelf_asked_until: Mapped[datetime | None] = mapped_column(Utc)
    raises: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often it was raised since `raises_since`."""
    raises_since: Mapped[datetime | None] = mapped_column(Utc)
    chattering_since: Mapped[datetime | None] = mapped_column(Utc)
    """Since when its source chatters, as of its last raise; see `queries.chattering_since`."""
    retold_at: Mapped[datetime | None] = mapped_column(Utc)
    """When people were last told that it was raised again."""
    gateway: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(128))
    kind: Mapped[Kind] = mapped_column(Word(Kind))
    class_: Mapped[AlarmClass] = mapped_column("class", Word(AlarmClass))
    mode: Mapped[Mode] = mapped_column(Word(Mode))
    state: Mapped[ItemState] = mapped_column(Word(ItemState))
    owner: Mapped[str | None] = mapped_column(ForeignKey("person.code"), index=True)
    """The person responsible now; null means the desk."""
    accepted: Mapped[bool] = mapped_column(default=False)
    """Whether the owner took it, rather than was given it."""
    community: Mapped[str | None] = mapped_column(String(40), index=True)
    grid: Mapped[str | None] = mapped_column(String(40), index=True)
    building: Mapped[str | None] = mapped_column(String(40), index=True)
    where: Mapped[str] = mapped_column(Text, default="")
    """The place as a person says it: estate, building, floor, door."""
    device_name: Mapped[str] = mapped_column(String(200), default="")
    chain: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """The chain of responsibility when it was opened (see `server.routing.model`)."""
    reason: Mapped[str] = mapped_column(Text, default="")
    """Why the owner is the owner, as a sentence."""
    step: Mapped[int] = mapped_column(default=0)
    """The highest step of the escalation that was taken."""
    help_wanted: Mapped[bool] = mapped_column(default=False)
    false_alarm_claimed: Mapped[bool] = mapped_column(default=False)
    """A person says so; for an active life-safety alarm the desk must confirm."""
    alarm_over: Mapped[bool] = mapped_column(default=False)
    """Every alarm of this item is cleared or superseded."""
    outcome: Mapped[Outcome | None] = mapped_column(Word(Outcome))
    opened_at: Mapped[datetime] = mapped_column(Utc, index=True)
    accepted_at: Mapped[datetime | None] = mapped_column(Utc)
    arrived_at: Mapped[datetime | None] = mapped_column(Utc)
    done_at: Mapped[datetime | None] = mapped_column(Utc)
    closed_at: Mapped[datetime | None] = mapped_column(Utc)
    version: Mapped[int] = mapped_column(default=1)
    """Grows with every change; SQLAlchemy refuses a write over a newer one."""

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own form


class ItemMove(Base):
    """One thing that happened to an item: its history, and the audit of it."""

    __tablename__ = "item_move"
    __table_args__ = (UniqueConstraint("item", "press"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(ForeignKey("item.id"), index=True)
    at: Mapped[datetime] = mapped_column(Utc)
    actor_kind: Mapped[ActorKind] = mapped_column(Word(ActorKind))
    actor: Mapped[str] = mapped_column(String(100), default="")
    move: Mapped[Move] = mapped_column(Word(Move))
    from_state: Mapped[ItemState | None] = mapped_column(Word(ItemState))
    to_state: Mapped[ItemState] = mapped_column(Word(ItemState))
    reason: Mapped[str] = mapped_column(Text, default="")
    press: Mapped[str | None] = mapped_column(String(64))
    """The id of the press on the phone: pressed twice counts once."""
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """What an undo restores: state, owner, due times."""
    undone: Mapped[bool] = mapped_column(default=False)


class PressDistance(Base):
    """How far from the item's place a press was made, coarsely; only where a person offered it."""

    __tablename__ = "press_distance"

    move: Mapped[int] = mapped_column(ForeignKey("item_move.id"), primary_key=True)
    item: Mapped[str] = mapped_column(ForeignKey("item.id"), index=True)
    metres: Mapped[int]
    on_site: Mapped[bool]
    at: Mapped[datetime] = mapped_column(Utc)


class ItemParty(Base):
    """A person who was told of an item, and why."""

    __tablename__ = "item_party"
    __table_args__ = (Index("ix_item_party_person_told_at", "person", "told_at"),)

    item: Mapped[str] = mapped_column(ForeignKey("item.id"), primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("person.code"), primary_key=True)
    step: Mapped[int]
    reason: Mapped[str] = mapped_column(Text, default="")
    told_at: Mapped[datetime] = mapped_column(Utc)
    refused: Mapped[bool] = mapped_column(default=False)
    """They said it is not theirs."""
    way: Mapped[ToldWay] = mapped_column(Word(ToldWay), default=ToldWay.NOW, server_default="now")
    """How the load budget let them be told; `upward` people were spared."""


class Playbook(Base):
    """What to do now, as the owner wrote it; the newest version of a kind and class counts.

    Without a row the words shipped with the server count (`server.items.playbooks`).
    """

    __tablename__ = "playbook"
    __table_args__ = (UniqueConstraint("kind", "class", "language", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[Kind] = mapped_column(Word(Kind))
    class_: Mapped[AlarmClass] = mapped_column("class", Word(AlarmClass))
    language: Mapped[str] = mapped_column(String(8))
    """`zh` or `en`."""
    version: Mapped[int]
    lines: Mapped[list[str]] = mapped_column(JSON)
    """At most three. No Chinese ones: back to the shipped words; no English ones: the Chinese count."""
    written_by: Mapped[str] = mapped_column(String(100))
    written_at: Mapped[datetime] = mapped_column(Utc)
