"""A whole server in one process, without broker, web or real time: for tests that tell a timeline."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from server.alarms.tables import Alarm
from server.clock import ManualClock
from server.db.session import Database
from server.devices.tables import Command, Device, Gateway
from server.escalation.loop import EscalationLoop
from server.escalation.plan import make_policies
from server.escalation.tables import Due, DueKind
from server.escalation.wallclock import ClockWatch
from server.intake.ingest import Ingested, ingest
from server.intake.received import Received, receive
from server.items import timed
from server.items.clockchange import clock_set_back
from server.items.model import ActorKind, ItemState, Move
from server.items.service import Actor, PressOutcome, press
from server.items.tables import Item, ItemMove, ItemParty
from server.notify.channels import Message, Outcome, Verdict
from server.notify.tables import Notice, NoticeState
from server.notify.worker import NotifyWorker
from server.people.tables import Duty, Person, Role, Scope
from server.places.tables import Building, Community, Estate, Grid, GridKind, PlacesVersion
from server.pulse import Pulses
from tests.harness import postgres_suite
from tests.harness.copied_sqlite import copy_filled
from wire import codec
from wire.messages import (
    Action,
    AlarmMessage,
    AlarmState,
    OpenAlarmsReport,
    ReportMessage,
)
from wire.topics import Up, up_topic
from wire.vocabulary import AlarmClass, Clock, Condition, Kind

GATEWAY = "gw-one"
RUN = "run-1"
BOOT = "boot-1"

PEOPLE = {
    "leader": (Role.LEADER, Scope.GRID, "g1"),
    "deputy": (Role.DEPUTY, Scope.GRID, "g1"),
    "officer": (Role.OFFICER, Scope.GRID, "g0"),
    "room": (Role.DUTY_ROOM, Scope.ESTATE, "e1"),
    "secretary": (Role.SECRETARY, Scope.COMMUNITY, "c1"),
    "desk": (Role.DESK, Scope.STREET, ""),
}
"""One person per role, all for building b1."""


@dataclass
class FakeChannel:
    """A provider at the seam: keeps what it was given, answers as told."""

    sent: list[Message] = field(default_factory=list)
    answers: dict[str, Outcome] = field(default_factory=dict)

    async def send(self, message: Message) -> Outcome:
        self.sent.append(message)
        return self.answers.get(message.person, Outcome(verdict=Verdict.SENT))


@dataclass
class World:
    """The server's parts and the handles a test pulls."""

    database: Database
    clock: ManualClock
    channel: FakeChannel
    loop: EscalationLoop
    worker: NotifyWorker
    policies: Any
    seqs: Any = field(default_factory=lambda: count(1))
    presses: Any = field(default_factory=lambda: count(1))

    # --- what gateways do ----------------------------------------------------------------------

    def state(self, alarm: str = "a1", device: str = "gas-1", **changes: Any) -> AlarmState:
        values: dict[str, Any] = {
            "alarm": alarm,
            "device": device,
            "rule": "gas-high",
            "kind": Kind.GAS,
            "class_": AlarmClass.LIFE_SAFETY,
            "condition": Condition.ACTIVE,
            "raised_at": self.clock.now(),
            "changed_at": self.clock.now(),
        }
        return AlarmState(**{**values, **changes})

    def envelope(self, **changes: Any) -> dict[str, Any]:
        values: dict[str, Any] = {
            "v": 1,
            "gateway": GATEWAY,
            "session": "s1",
            "boot": BOOT,
            "up_ms": int(self.clock.boot_s() * 1000),
            "sent_at": self.clock.now(),
            "clock": Clock.SYNCED,
        }
        return {**values, **changes}

    def alarm_message(
        self, state: AlarmState | bytes, *, seq: int | None = None, gateway: str = GATEWAY, **envelope: Any
    ) -> Received:
        raw = msgspec.Raw(state) if isinstance(state, bytes) else codec.as_raw(state)
        envelope.setdefault("run", RUN)
        message = AlarmMessage(**self.envelope(**envelope), seq=seq or next(self.seqs), alarm=raw)
        return self.bytes(codec.encode(message), Up.ALARMS, gateway)

    def open_alarms(self, *ids: str, gateway: str = GATEWAY, **envelope: Any) -> Received:
        report = OpenAlarmsReport(alarms=ids)
        message = ReportMessage(**self.envelope(**envelope), report=report)
        return self.bytes(codec.encode(message), Up.REPORTS, gateway)

    def bytes(self, payload: bytes, channel: Up = Up.ALARMS, gateway: str = GATEWAY) -> Received:
        return receive(up_topic(gateway, channel), payload, at=self.clock.now())

    async def take(self, *received: Received) -> Ingested:
        return await ingest(self.database, received, now=self.clock.now(), policies=self.policies)

    async def raise_alarm(self, alarm: str = "a1", device: str = "gas-1", **changes: Any) -> Item:
        await self.take(self.alarm_message(self.state(alarm, device, **changes)))
        return await self.item()

    async def clear_alarm(self, alarm: str = "a1", device: str = "gas-1", **changes: Any) -> None:
        changes = {"condition": Condition.NORMAL, "latched": False, **changes}
        await self.take(self.alarm_message(self.state(alarm, device, **changes)))

    # --- what people and time do ---------------------------------------------------------------

    async def press(
        self, person: str, move: Move, *, item: str | None = None, **options: Any
    ) -> PressOutcome:
        kind = ActorKind.OPERATOR if person.startswith("op-") else ActorKind.PERSON
        item_id = item or (await self.item()).id
        press_id = options.pop("press_id", None) or f"press-{next(self.presses)}"
        async with self.database.write() as session:
            return await press(
                session,
                item_id,
                Actor(kind=kind, id=person),
                move,
                press_id,
                now=self.clock.now(),
                policies=self.policies,
                **options,
            )

    async def pass_time(self, seconds: float) -> None:
        """Move the clock and let the loops of time and of notices do what became due."""
        self.clock.advance(seconds=seconds)
        await self.settle()

    async def settle(self) -> None:
        await self.loop.turn()
        await self.worker.send_due()
        await self.loop.turn()
        await self.worker.send_due()

    # --- what can be seen ----------------------------------------------------------------------

    async def items(self) -> list[Item]:
        async with self.database.read() as session:
            return list(await session.scalars(select(Item).order_by(Item.opened_at, Item.id)))

    async def item(self) -> Item:
        """The newest item that stands for itself."""
        return [item for item in await self.items() if item.parent is None][-1]

    async def rows(self, table: Any) -> list[Any]:
        async with self.database.read() as session:
            return list(await session.scalars(select(table)))

    async def told(self) -> set[str]:
        return {party.person for party in await self.rows(ItemParty)}

    async def moves(self) -> list[tuple[Move, ItemState]]:
        async with self.database.read() as session:
            rows = await session.scalars(select(ItemMove).order_by(ItemMove.id))
            return [(row.move, row.to_state) for row in rows]

    async def waiting(self, kind: DueKind | None = None) -> list[Due]:
        return [
            due
            for due in await self.rows(Due)
            if due.settled_at is None and (kind is None or due.kind is kind)
        ]

    async def alarm(self, alarm: str = "a1") -> Alarm:
        async with self.database.read() as session:
            found = await session.get(Alarm, (GATEWAY, alarm))
            assert found is not None
            return found

    async def alarms(self) -> list[Alarm]:
        return await self.rows(Alarm)

    async def rows_of_time(self) -> list[Due]:
        return await self.rows(Due)

    async def commands(self) -> list[Command]:
        return await self.rows(Command)

    async def notices(self, state: NoticeState | None = None) -> list[Notice]:
        return [notice for notice in await self.rows(Notice) if state in (None, notice.state)]

    def heard(self, person: str) -> list[str]:
        """Texts that reached a person's phone."""
        return [m.rendered.text for m in self.channel.sent if m.person == person]

    async def set_person(self, person: str, **values: Any) -> None:
        async with self.database.write() as session:
            found = await session.get(Person, person)
            assert found is not None
            for name, value in values.items():
                setattr(found, name, value)
            session.add(PlacesVersion(at=self.clock.now()))


async def fill(database: Database, phones: str = "https://phone.example") -> None:
    """A community with one building, one person per role, one gateway with a gas detector."""
    async with database.write() as session:
        session.add(Community(code="c1", name="东社区"))
        await session.flush()
        session.add(Estate(code="e1", community="c1", name="东苑"))
        session.add(Grid(code="g0", community="c1", kind=GridKind.COMPREHENSIVE, name="综合网格"))
        await session.flush()
        session.add(Grid(code="g1", community="c1", kind=GridKind.MICRO, name="1号微网格", parent="g0"))
        await session.flush()
        session.add(Building(code="b1", estate="e1", name="3号楼", grid="g1"))
        for person in PEOPLE:
            session.add(Person(code=person, name=f"{person}某", webhook_url=f"{phones}/{person}"))
        await session.flush()
        for person, (role, scope, code) in PEOPLE.items():
            session.add(Duty(person=person, role=role, scope=scope, code=code))
        session.add(Gateway(id=GATEWAY, name="一号网关", building="b1"))
        await session.flush()
        for device in ("gas-1", "gas-2", "meter-1"):
            session.add(
                Device(
                    gateway=GATEWAY, device=device, name="厨房探测器", building="b1", floor="2", door="201"
                )
            )


async def plain_link(session: Any, pairs: Any, now: datetime) -> dict[tuple[str, str], str]:
    return {(item, person): f"http://server.example/i/{item}.{person}" for item, person in pairs}


@asynccontextmanager
async def open_world(folder: Path, *, step_backup_s: float = 60) -> AsyncIterator[World]:
    server = os.environ.get(postgres_suite.VARIABLE)
    opened = postgres_suite.copied_database(server, fill) if server else _file_database(folder)
    async with opened as database, running_parts(database, step_backup_s=step_backup_s) as world:
        yield world


@asynccontextmanager
async def _file_database(folder: Path) -> AsyncIterator[Database]:
    yield Database(await copy_filled(folder, fill))


@asynccontextmanager
async def running_parts(database: Database, *, step_backup_s: float = 60) -> AsyncIterator[World]:
    """The parts of a server over a database; may be opened anew over the same one, as a restart."""
    clock, channel, pulses = ManualClock(), FakeChannel(), Pulses()
    policies = make_policies(step_backup_s)
    loop = EscalationLoop(
        database=database,
        clock=clock,
        carry_out=lambda session, due, now: timed.carry_out(session, due, now=now, policies=policies),
        pulses=pulses,
        look_ahead=lambda session, rows, now: timed.look_ahead(session, rows, now=now),
        clock_watch=ClockWatch(database=database, clock=clock, carry_over=clock_set_back),
    )
    worker = NotifyWorker(
        database=database, clock=clock, channels={"webhook": channel}, make_link=plain_link, pulses=pulses
    )
    try:
        yield World(database, clock, channel, loop, worker, policies)
    finally:
        await database.close()


def at(**offset: float) -> datetime:
    return datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(**offset)


__all__ = ["Action", "World", "at", "fill", "open_world", "plain_link", "running_parts"]
