"""Counters of Bluetooth devices, kept beside the alarms over a power cut."""

import pytest

from edge.ports import StoredCounter
from edge.stores.outbox import Outbox


@pytest.fixture
def path(tmp_path):
    return tmp_path / "alarms.db"


async def test_a_new_store_knows_no_counters(path):
    outbox = Outbox(path)
    assert await outbox.counters.load() == {}
    outbox.close()


async def test_counters_come_back_after_a_restart_each_as_it_was(path):
    kept = {
        "gas": StoredCounter(heard=7, ceiling=263),
        "smoke": StoredCounter(heard=0xFFFF_FFFE, ceiling=0xFFFF_FFFF, fallen=True),
    }
    outbox = Outbox(path)
    await outbox.counters.save(kept)
    outbox.close()
    outbox = Outbox(path)
    assert await outbox.counters.load() == kept
    outbox.close()


async def test_a_newer_counter_takes_the_older_ones_place_and_leaves_the_others(path):
    outbox = Outbox(path)
    await outbox.counters.save({"gas": StoredCounter(heard=1, ceiling=257)})
    await outbox.counters.save({"smoke": StoredCounter(heard=3, ceiling=259)})
    await outbox.counters.save({"gas": StoredCounter(heard=257, ceiling=513, fallen=True)})
    assert await outbox.counters.load() == {
        "gas": StoredCounter(heard=257, ceiling=513, fallen=True),
        "smoke": StoredCounter(heard=3, ceiling=259),
    }
    outbox.close()


async def test_a_device_that_is_enrolled_again_is_forgotten_first_and_may_begin_anew_at_once(path):
    outbox = Outbox(path)
    await outbox.counters.save({"gas": StoredCounter(heard=900, ceiling=1156, fallen=True)})
    await outbox.counters.save({"gas": StoredCounter(heard=2, ceiling=258)}, forget=["gas", "never-heard"])
    assert await outbox.counters.load() == {"gas": StoredCounter(heard=2, ceiling=258)}
    await outbox.counters.save({}, forget=["gas"])
    assert await outbox.counters.load() == {}
    outbox.close()
