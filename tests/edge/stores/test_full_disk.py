"""Disks that are full, torn or gone: alarms are taken all the same, readings make way, counted."""

import os
import subprocess
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge.clock import ManualClock
from edge.model import Snapshot
from edge.rules.state import RuleState
from edge.stores.outbox import RESERVE_BYTES, JournalEntry, Outbox
from edge.stores.readings import ReadingStore
from edge.stores.storethread import UnsoundStoreError
from tests.edge.site import GAS, Bench
from wire import codec

ALARMS = 1_000
DISK_BYTES = 40 * 1024 * 1024


@contextmanager
def small_disk(folder: Path):
    """A file system of its own, a few megabytes large; as root a tmpfs, otherwise in a user namespace."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)], check=True, timeout=20
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=20)


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk") as folder:
        yield folder


def fill_up(folder: Path) -> None:
    """Take every last byte, as a log that nobody watches does."""
    descriptor = os.open(folder / "somebody-elses.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for size in (1 << 20, 1 << 12, 1):
            while True:
                try:
                    os.write(descriptor, b"x" * size)
                except OSError:
                    break
    finally:
        os.close(descriptor)
    statvfs = os.statvfs(folder)
    assert statvfs.f_bavail * statvfs.f_frsize < 4096


async def commit_alarms(outbox: Outbox, count: int, *, first: int = 0) -> list[int]:
    """Each alarm in a commit of its own, as they come in life, with a rule state of its own."""
    numbers: list[int] = []
    for number in range(first, first + count):
        bench = Bench()
        (decision,) = bench.measure(30.0)
        entry = JournalEntry(key=("gas-high", f"gas-{number}"), state=decision.state, alarm=decision.alarm)
        (sent,) = await outbox.commit([entry], bench.clock.moment())
        numbers.append(sent.seq)
    return numbers


@pytest.mark.fault
async def test_a_full_disk_takes_a_thousand_more_alarms(disk):
    outbox = Outbox(disk / "alarms.db")
    fill_up(disk)
    numbers = await commit_alarms(outbox, ALARMS)
    outbox.close()
    with closing(Outbox(disk / "alarms.db")) as again:
        assert [message.seq for message in (await again.load())[2]] == numbers


@pytest.mark.fault
async def test_a_disk_that_filled_up_while_the_gateway_was_off_takes_a_thousand_alarms(disk):
    """The log is gone with the process that stopped cleanly; its place was held."""
    Outbox(disk / "alarms.db").close()
    fill_up(disk)
    outbox = Outbox(disk / "alarms.db")
    await commit_alarms(outbox, ALARMS)
    fill_up(disk)
    outbox.close()
    fill_up(disk)
    with closing(Outbox(disk / "alarms.db")) as again:
        assert len((await again.load())[2]) == ALARMS


@pytest.mark.fault
async def test_the_reserve_is_made_again_when_there_is_space_again(disk):
    clock = ManualClock()
    with closing(Outbox(disk / "alarms.db")) as outbox:
        fill_up(disk)
        await commit_alarms(outbox, ALARMS)
        await outbox.prune(clock.moment())
        (disk / "somebody-elses.log").unlink()
        await outbox.prune(clock.moment())
        fill_up(disk)
        await commit_alarms(outbox, ALARMS, first=ALARMS)
        assert len((await outbox.load())[2]) == 2 * ALARMS


@pytest.mark.fault
async def test_on_a_full_disk_the_oldest_readings_make_way_and_are_counted(disk):
    clock = ManualClock()
    store = ReadingStore(disk / "readings.db", max_bytes=20_000_000, max_age_ms=10**12)
    fill_up(disk)

    def block():
        for _ in range(2_000):
            clock.advance(seconds=1)
            yield Snapshot(device="gas", points=GAS, values=(clock.wall_ms / 7,), at=clock.moment())

    for _ in range(400):
        await store.append(block(), clock.moment())
    assert store.shed > 0
    kept = await store.pending(after_seq=0, most=1_000)
    assert kept[-1].seq == store.last_seq, "the newest are there"
    assert kept[0].seq > 1, "the oldest are not"
    rows = sum(len(codec.decode_readings_batch(one.body).s) for one in kept)
    assert rows + store.shed == 400 * 2_000, "what is missing was counted"
    store.close()


async def test_the_reserve_is_not_given_back_when_the_store_is_tidied(tmp_path):
    path = tmp_path / "alarms.db"
    with closing(Outbox(path)) as outbox:
        before = path.stat().st_size
        assert before >= RESERVE_BYTES
        await outbox.prune(ManualClock().moment())
        assert path.stat().st_size == before
        assert path.with_name("alarms.db-wal").stat().st_size >= RESERVE_BYTES
    assert path.with_name("alarms.db.reserve").stat().st_size >= RESERVE_BYTES
    with closing(Outbox(path)):
        assert not path.with_name("alarms.db.reserve").exists()


async def test_the_reserve_is_made_once_and_does_not_grow_with_restarts(tmp_path):
    path = tmp_path / "alarms.db"
    sizes = []
    for _ in range(4):
        with closing(Outbox(path)):
            sizes.append(path.stat().st_size)
    assert sizes[-1] <= sizes[0] + 64 * 1024


def spoil(path: Path) -> None:
    """Overwrite the middle of the file, as a dying memory card does."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(64 * 1024))


async def test_a_store_that_breaks_while_it_is_used_is_moved_aside_and_a_new_one_is_begun(tmp_path):
    path = tmp_path / "alarms.db"
    outbox = Outbox(path)
    first = outbox.run
    entry = JournalEntry(key=("r", "d"), state=RuleState(), alarm=None)
    await commit_alarms(outbox, 300)
    outbox.close()
    outbox = Outbox(path)
    spoil(path)
    with pytest.raises(UnsoundStoreError):
        await outbox.load()
    await outbox.renew()
    assert outbox.run != first
    await outbox.commit([entry], ManualClock().moment())
    outbox.close()
    assert list(tmp_path.glob("alarms.db.unsound-*"))
