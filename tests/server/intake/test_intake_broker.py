"""The intake against a real Mosquitto."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.exc import OperationalError

from server.history.database import HistoryDatabase
from server.intake import service as intake_service
from server.intake.ingest import ingest
from server.intake.mqtt import BrokerAddress
from server.intake.service import Intake, Limits
from server.intake.tables import Quarantined
from server.pulse import Pulses
from tests.harness.waiting import until
from tests.server.broker import gateway_end, mosquitto
from tests.server.world import RUN
from wire import codec
from wire.messages import BusyReply, LaneDepth, ReadingsBatch, ReadingSeries, ReadingsMessage, StatusMessage
from wire.topics import Up
from wire.vocabulary import Lane, Presence


@pytest.fixture
async def broker(tmp_path):
    async with mosquitto(tmp_path) as broker:
        yield broker


@asynccontextmanager
async def running_intake(world, port, tmp_path, **options):
    readings = HistoryDatabase(f"sqlite+aiosqlite:///{tmp_path}/readings.db")
    await readings.prepare()
    intake = Intake(
        database=world.database,
        readings=readings,
        clock=world.clock,
        address=BrokerAddress(host="127.0.0.1", port=port),
        policies=world.policies,
        pulses=Pulses(),
        **options,
    )
    task = asyncio.create_task(intake.run())
    try:
        await until(lambda: intake.link.is_up)
        yield intake
    finally:
        task.cancel()
        await asyncio.wait([task])
        await readings.close()


def batch(world, seq: int) -> bytes:
    content = ReadingsBatch(
        start=world.clock.now(),
        series=(ReadingSeries(device="meter-1", point="power_w", unit="W"),),
        s=(0,),
        offset_ms=(seq,),
        value=(230.0,),
    )
    return codec.encode(ReadingsMessage(**world.envelope(), run="rr", seq=seq, batch=codec.as_raw(content)))


def status(world, **changes) -> bytes:
    lanes = (
        LaneDepth(lane=Lane.ALARMS, run=RUN),
        LaneDepth(lane=Lane.ALARMS, run="other"),
        LaneDepth(lane=Lane.READINGS, run="rr"),
    )
    return codec.encode(StatusMessage(**world.envelope(**changes), presence=Presence.ONLINE, lanes=lanes))


async def test_small_packets_are_not_held_back(world, broker, tmp_path):
    async with running_intake(world, broker.port, tmp_path) as intake:
        connection = intake.link._client._client.socket()
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_alarms_and_readings_are_acknowledged_after_their_commit(world, broker, tmp_path):
    async with running_intake(world, broker.port, tmp_path), gateway_end(broker.port) as gateway:
        for seq in range(1, 31):
            await gateway.publish(world.alarm_message(world.state(f"a{seq}"), seq=seq).payload)
            await gateway.publish(batch(world, seq), Up.READINGS)
        await until(lambda: gateway.acked() == set(range(1, 31)))
        await until(lambda: gateway.acked("readings") == set(range(1, 31)))
        assert len(await world.items()) == 1


async def test_a_gateway_hears_what_is_held_once_a_session(world, broker, tmp_path):
    await world.take(world.alarm_message(world.state(), seq=41))
    async with running_intake(world, broker.port, tmp_path), gateway_end(broker.port) as gateway:
        await gateway.publish(batch(world, 6), Up.READINGS)
        await until(lambda: gateway.acked("readings") == {6})
        await gateway.publish(status(world), Up.STATUS, retain=True)
        await until(gateway.committed)
        held = {(one.lane, one.run): one.seq for one in gateway.committed()[0].committed}
        assert held == {
            (Lane.ALARMS, RUN): 41,
            (Lane.ALARMS, "other"): 0,
            (Lane.READINGS, "rr"): 6,
        }
        await gateway.publish(status(world), Up.STATUS, retain=True)
        await gateway.publish(status(world, session="s2"), Up.STATUS, retain=True)
        await until(lambda: len(gateway.committed()) == 2)
        assert [reply.session for reply in gateway.committed()] == ["s1", "s2"]


async def test_a_server_that_comes_back_tells_those_who_are_there(world, broker, tmp_path):
    """The status is retained: a restarted server answers it, so that a restored copy is noticed."""
    async with gateway_end(broker.port) as gateway:
        await gateway.publish(status(world), Up.STATUS, retain=True)
        for times in (1, 2):
            async with running_intake(world, broker.port, tmp_path):
                await until(lambda: len(gateway.committed()) == times)  # noqa: B023 - awaited within its round


async def test_bytes_that_are_no_message_go_to_quarantine_on_every_channel(world, broker, tmp_path):
    async with running_intake(world, broker.port, tmp_path), gateway_end(broker.port) as gateway:
        for channel in Up:
            await gateway.publish(b"junk", channel)
        await gateway.publish(world.alarm_message(world.state(), seq=1).payload)

        async def all_kept() -> bool:
            return len(await world.rows(Quarantined)) == len(Up)

        await until(all_kept)
        await until(lambda: gateway.acked() == {1})


async def test_a_bad_batch_of_readings_is_kept_and_acknowledged(world, broker, tmp_path):
    bad = batch(world, 1).replace(b'"offset_ms":[1]', b'"offset_ms":[1,2]')
    async with running_intake(world, broker.port, tmp_path), gateway_end(broker.port) as gateway:
        await gateway.publish(bad, Up.READINGS)
        await gateway.publish(batch(world, 2), Up.READINGS)
        await until(lambda: gateway.acked("readings") == {1, 2})
        assert len(await world.rows(Quarantined)) == 1


async def test_a_broker_that_was_away_is_found_again(world, broker, tmp_path):
    async with running_intake(world, broker.port, tmp_path) as intake:
        await broker.stop()
        await until(lambda: not intake.link.is_up)
        await broker.start()
        await until(lambda: intake.link.is_up)
        async with gateway_end(broker.port) as gateway:
            await gateway.publish(world.alarm_message(world.state(), seq=1).payload)
            await until(lambda: gateway.acked() == {1})


async def test_a_full_queue_answers_busy_and_drops_nothing_silently(world, broker, tmp_path, monkeypatch):
    gate = asyncio.Event()

    async def slow(*args, **options):
        await gate.wait()
        return await ingest(*args, **options)

    monkeypatch.setattr(intake_service, "ingest", slow)
    limits = Limits(alarms=3, alarm_batch=1)
    async with (
        running_intake(world, broker.port, tmp_path, limits=limits),
        gateway_end(broker.port) as gateway,
    ):
        messages = {seq: world.alarm_message(world.state(f"a{seq}"), seq=seq).payload for seq in range(1, 9)}
        for payload in messages.values():
            await gateway.publish(payload)
        await until(lambda: any(isinstance(reply, BusyReply) for reply in gateway.replies))
        gate.set()
        await until(lambda: len(gateway.acked()) >= 3)
        await until(lambda: missing_sent_again(gateway, messages))
        busy = next(reply for reply in gateway.replies if isinstance(reply, BusyReply))
        assert busy.retry_after_ms > 0


async def missing_sent_again(gateway, messages) -> bool:
    """What a gateway does: sends what is not acknowledged again, one at a time."""
    missing = sorted(set(messages) - gateway.acked())
    if missing:
        await gateway.publish(messages[missing[0]])
    return not missing


async def test_a_database_that_cannot_answers_busy_and_later_takes_it(world, broker, tmp_path, monkeypatch):
    failures = iter([OperationalError("COMMIT", {}, Exception("disk full"))])

    async def failing(*args, **options):
        for failure in failures:
            raise failure
        return await ingest(*args, **options)

    monkeypatch.setattr(intake_service, "ingest", failing)
    monkeypatch.setattr(intake_service, "_PAUSE_AFTER_FAILURE_S", 0.01)
    async with running_intake(world, broker.port, tmp_path), gateway_end(broker.port) as gateway:
        payload = world.alarm_message(world.state(), seq=1).payload
        await gateway.publish(payload)
        await until(lambda: any(isinstance(reply, BusyReply) for reply in gateway.replies))
        assert gateway.acked() == set()
        await gateway.publish(payload)
        await until(lambda: gateway.acked() == {1})
