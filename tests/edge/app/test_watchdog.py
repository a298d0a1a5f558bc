"""A gateway that is alive while one part is stuck does not pass."""

import asyncio
import socket

from edge.clock import ManualClock
from edge.watch.supervision import feed_watchdog
from edge.watch.watchdog import Watchdog, Watched


class Counted:
    def __init__(self):
        self.counts = {"bus-kitchen": 0, "bus-usb": 0, "rules": 0}

    def watch(self):
        return Watchdog(
            {
                name: Watched(attempts=lambda name=name: self.counts[name], limit_ms=10_000)
                for name in self.counts
            },
            now_ms=0,
        )

    def go_on(self, *names):
        for name in names or self.counts:
            self.counts[name] += 1


def test_a_stuck_bus_is_named_while_the_others_go_on():
    counted = Counted()
    watchdog = counted.watch()
    for second in range(1, 30):
        counted.go_on("bus-kitchen", "rules")
        stuck = watchdog.stuck(now_ms=second * 1000)
        assert stuck == (["bus-usb"] if second > 10 else [])


def test_a_bus_whose_attempts_fail_goes_on():
    counted = Counted()
    watchdog = counted.watch()
    for second in range(1, 60):
        counted.go_on()  # a refused connection counts, too
        assert watchdog.stuck(now_ms=second * 1000) == []


def test_what_moves_again_passes_again():
    counted = Counted()
    watchdog = counted.watch()
    assert len(watchdog.stuck(now_ms=11_000)) == 3
    counted.go_on()
    assert watchdog.stuck(now_ms=12_000) == []


def test_a_trial_wants_an_attempt_of_everything():
    counted = Counted()
    watchdog = counted.watch()
    counted.go_on("bus-kitchen", "rules")
    assert not watchdog.have_all_moved()
    counted.go_on("bus-usb")
    assert watchdog.have_all_moved()


async def test_the_supervisor_is_fed_only_while_nothing_is_stuck(tmp_path, monkeypatch):
    """Against a socket of the test's own, as systemd has one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        supervisor.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setattr("edge.watch.supervision.WATCHDOG_EVERY_S", 0)
        counted, clock = Counted(), ManualClock(boot_ms=0)
        task = asyncio.create_task(feed_watchdog(counted.watch(), clock))
        loop = asyncio.get_running_loop()
        assert await loop.sock_recv(supervisor, 100) == b"WATCHDOG=1"
        clock.advance(seconds=11)
        counted.go_on("bus-kitchen", "rules")
        for _ in range(50):
            await asyncio.sleep(0)
        drain(supervisor)
        for _ in range(50):
            await asyncio.sleep(0)
        assert drain(supervisor) == 0, "one bus is stuck"
        counted.go_on()
        assert await loop.sock_recv(supervisor, 100) == b"WATCHDOG=1"
        task.cancel()
        await asyncio.wait([task])


def drain(sock):
    count = 0
    while True:
        try:
            sock.recv(100)
        except BlockingIOError:
            return count
        count += 1
