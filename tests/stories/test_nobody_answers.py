"""A leader who does not answer, and a desk that can see it."""

from datetime import datetime, timedelta

import pytest

from tests.harness.street import BACKUP, LEADER
from tests.harness.waiting import until

pytestmark = pytest.mark.story
STEP = timedelta(seconds=60)


def sent_at(message: dict) -> datetime:
    return datetime.fromisoformat(message["payload"]["sent_at"])


async def test_the_backup_is_told_at_the_due_time(street):
    await street.start()
    await street.set_values("gas-kitchen", gas_lel=60)
    first = (await street.rings(LEADER))[0]
    opened_at = datetime.fromisoformat((await street.item_of("gas-kitchen"))["opened_at"])

    street.server_clock.move(61)

    second = (await street.rings(BACKUP))[0]
    assert second["payload"]["item"] == first["payload"]["item"]
    assert second["payload"]["link"] != first["payload"]["link"], "each person has a link of their own"
    assert sent_at(second) - opened_at >= STEP, "not before the leader's time was over"


async def test_the_backup_is_told_also_when_the_server_was_down_at_the_due_time(street):
    await street.start()
    await street.set_values("gas-kitchen", gas_lel=60)
    first = (await street.rings(LEADER))[0]
    await street.kill("server")
    street.server_clock.move(90)
    assert await street.phones.messages(BACKUP) == []

    await street.start_server()

    second = (await street.rings(BACKUP))[0]
    assert second["payload"]["item"] == first["payload"]["item"]


async def test_the_backup_is_told_in_time_also_when_the_clock_is_set_back_meanwhile(street):
    await street.start()
    await street.set_values("gas-kitchen", gas_lel=60)
    first = (await street.rings(LEADER))[0]
    street.server_clock.move(20)
    street.server_clock.set_wall(-3600)
    street.server_clock.move(41)

    second = (await street.rings(BACKUP))[0]
    assert second["payload"]["item"] == first["payload"]["item"]
    assert sent_at(second) < sent_at(first), "by a clock that was set back by an hour"


async def test_a_leader_who_accepts_in_time_lets_the_backup_sleep(street):
    await street.start()
    await street.set_values("gas-kitchen", gas_lel=60)
    page = await street.page_of(LEADER)
    await page.press("accept")
    street.server_clock.move(61)
    await street.set_values("leakage-kitchen", residual_current_ma=900)
    await street.item_of("leakage-kitchen")  # the server has judged the time since

    item = await street.item_of("gas-kitchen")
    people = {notice["person"] for notice in (await street.desk.item(item["id"]))["notices"]}
    assert BACKUP not in people


async def test_a_phone_that_is_out_of_service_for_a_while_gets_the_message_when_it_is_back(street):
    await street.phones.set_mode(LEADER, "fail")
    await street.start()
    await street.set_values("gas-kitchen", gas_lel=60)
    item = await street.item_of("gas-kitchen")

    async def tried() -> bool:
        notices = (await street.desk.item(item["id"]))["notices"]
        return any(n["person"] == LEADER and n["attempts"] >= 1 and n["last_error"] for n in notices)

    await until(tried, what="a failed attempt that the desk can see")
    await street.phones.set_mode(LEADER, "ok")
    street.server_clock.move(30)
    await street.rings(LEADER)
