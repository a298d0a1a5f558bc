"""Two processes over one PostgreSQL: work is shared, nothing is done twice, nobody waits for a held row."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from server.clock import ManualClock
from server.db.migrate import migrate
from server.db.session import Database
from server.db.together import Together
from server.escalation import service as dues
from server.escalation.tables import Due
from server.intake.ingest import NOT_OUR_FAULT
from server.items.tables import Item
from server.notify import claims
from server.notify.receipts import Receipt, apply_receipt, find_notice
from server.notify.tables import Attempt, Notice, NoticeState
from tests.harness.postgres import running_postgres
from tests.server.world import fill, plain_link, running_parts

pytestmark = pytest.mark.story


@pytest.fixture
async def two(tmp_path):
    """Two servers' parts over the same database, one clock."""
    async with running_postgres() as url:
        await asyncio.to_thread(migrate, url)
        first, second = Database(url), Database(url)
        await fill(first)
        async with running_parts(first) as one, running_parts(second) as other:
            other.clock = one.clock
            for part in (other.loop, other.worker):
                part._clock = one.clock
            yield one, other


async def test_notices_are_claimed_by_one_and_sent_once(two):
    one, other = two
    for device in ("gas-1", "gas-2", "meter-1"):
        await one.take(one.alarm_message(one.state(device, device)))
    await asyncio.gather(one.worker.send_due(), other.worker.send_due())
    sent = Counter(message.id for message in (*one.channel.sent, *other.channel.sent))
    assert sent
    assert set(sent.values()) == {1}
    notices = await one.rows(Notice)
    assert {notice.state for notice in notices} == {NoticeState.SENT}
    assert len(await one.rows(Attempt)) == len(notices)


async def test_a_notice_that_another_process_holds_is_passed_over_at_once(two):
    one, other = two
    await one.raise_alarm()
    now = one.clock.now()
    async with one.database.write() as session:
        held = await session.scalar(select(Notice).order_by(Notice.id).limit(1).with_for_update())
        assert held is not None
        async with asyncio.timeout(20):
            claimed = await claims.claim(other.database, now=now, most=64, busy=(), make_link=plain_link)
    assert held.id not in {notice.message.id for notice in claimed}
    assert claimed


async def test_due_rows_are_carried_out_once_and_a_held_one_waits(two):
    one, other = two
    for device in ("gas-1", "gas-2", "meter-1"):
        await one.take(one.alarm_message(one.state(device, device)))
    one.clock.advance(seconds=61)
    await asyncio.gather(one.loop.turn(), other.loop.turn())
    due = [row for row in await one.rows(Due) if row.due_at <= one.clock.now()]
    assert due
    assert all(row.settled_at is not None for row in due)
    items = {item.id: item for item in await one.rows(Item)}
    steps = Counter((notice.item, notice.person, notice.step) for notice in await one.rows(Notice))
    assert set(steps.values()) == {1}
    assert {item.step for item in items.values()} == {1}


async def test_a_due_row_that_another_process_holds_is_not_waited_for(two):
    one, other = two
    await one.raise_alarm()
    one.clock.advance(seconds=61)
    now = one.clock.now()
    async with one.database.write() as session:
        async with other.database.read() as reading:
            ids = await dues.due_now(reading, now=now, limit=10)
        assert await dues.claim(session, ids, now=now)
        async with asyncio.timeout(20), other.database.write() as rival:
            assert await dues.claim(rival, ids, now=now) == []


async def test_receipts_of_two_processes_count_once(two):
    one, other = two
    await one.raise_alarm()
    await one.worker.send_due()
    ids = [notice.id for notice in await one.rows(Notice)]
    before = len(await one.rows(Attempt))
    ways = [Together(one.database), Together(other.database)]

    def work(notice_id):
        async def apply(session):
            notice = await find_notice(session, notice=notice_id)
            await asyncio.sleep(0.02)  # as long as the other process needs to look at it too
            return await apply_receipt(session, notice, Receipt.DELIVERED, now=one.clock.now())

        return apply

    changed = await asyncio.gather(*(way.write(work(one_id)) for one_id in ids for way in ways))
    assert {notice.state for notice in await one.rows(Notice)} == {NoticeState.DELIVERED}
    assert len(await one.rows(Attempt)) - before == sum(changed) == len(ids)


async def test_both_take_the_same_alarm_in_and_one_item_is_open(two):
    one, other = two
    message = one.alarm_message(one.state())
    for _ in range(3):
        done = await asyncio.gather(one.take(message), other.take(message))
        assert all(part.acks for part in done)
    assert len(await one.rows(Item)) == 1
    assert isinstance(one.clock, ManualClock)


@pytest.mark.parametrize("code", ["40P01", "53100", "57P01", "57P03", "22012"])
async def test_what_the_database_could_not_do_is_told_from_what_a_message_asked_of_it(two, code):
    one, _ = two
    raises = text(f"DO $$ BEGIN RAISE EXCEPTION 'could not' USING ERRCODE = '{code}'; END $$")
    async with one.database.read() as session:
        with pytest.raises(DBAPIError) as raised:
            await session.execute(raises)
    ours = code == "22012"  # a division by zero
    assert isinstance(raised.value, NOT_OUR_FAULT) is not ours


async def test_news_of_an_item_is_not_written_into_a_message_that_leaves_at_this_moment(two):
    one, other = two
    item = await one.raise_alarm()
    now = one.clock.now()
    async with other.database.write() as rival:
        leaving = await rival.scalar(
            select(Notice).where(Notice.person == "leader").with_for_update(skip_locked=True)
        )
        leaving.state, leaving.claimed_until = NoticeState.SENDING, now + claims.CLAIM
        await rival.flush()
        raising = asyncio.create_task(one.take(one.alarm_message(one.state(count=2, stage=2))))
        await asyncio.sleep(0.3)  # it waits for the other's row, or has read it as it was
    await raising
    mine = [one for one in await one.rows(Notice) if one.person == "leader" and one.item == item.id]
    occasions = {notice.state: notice.content["occasion"] for notice in mine}
    assert occasions == {NoticeState.SENDING: "opened", NoticeState.PENDING: "raised"}
