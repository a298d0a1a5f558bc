"""What is on a bus is shown to whoever ordered it, for as long as ordered, and never before an alarm."""

from edge.clock import ManualClock
from edge.model import RawFrame
from edge.uplink.rawtraffic import MOST_FRAMES, MOST_REPORT_CHARACTERS, TrafficDesk
from tests.wire.examples import ENVELOPE
from wire import codec
from wire.messages import ReportMessage
from wire.vocabulary import FrameDirection

QUESTION = bytes.fromhex("010300000002c40b")


class Line:
    """A bus that can be listened to."""

    def __init__(self) -> None:
        self.listener = None
        self.for_s = 0.0

    def tap_frames(self, listener, *, for_s):
        self.listener, self.for_s = listener, for_s

        def end():
            self.listener = None

        return end

    def carry(self, data=QUESTION, *, sent=True):
        if self.listener is not None:
            self.listener(
                RawFrame(
                    sent=sent, data=data, wall_ms=1_764_000_000_000, text="read holding registers 0 to 1"
                )
            )


class Desk:
    def __init__(self) -> None:
        self.clock, self.line = ManualClock(), Line()
        self.reports, self.connected, self.alarms_wait = [], True, False
        self.desk = TrafficDesk(
            buses={"kitchen": self.line},
            send=self._send,
            alarms_wait=lambda: self.alarms_wait,
            clock=self.clock,
        )

    async def _send(self, report):
        if self.connected:
            self.reports.append(report)
        return self.connected


async def test_frames_are_reported_with_their_meaning_for_as_long_as_ordered():
    desk = Desk()
    assert desk.desk.show("kitchen", 60)
    assert desk.line.for_s == 60
    desk.line.carry()
    await desk.desk.report()
    (report,) = desk.reports
    (frame,) = report.frames
    assert (report.bus, report.dropped, frame.hex, frame.direction) == (
        "kitchen",
        0,
        QUESTION.hex(),
        FrameDirection.SENT,
    )
    assert "read holding registers" in frame.text
    await desk.desk.report()
    assert len(desk.reports) == 1, "nothing new, nothing said"
    desk.clock.advance(seconds=60)
    await desk.desk.report()
    desk.line.carry()
    await desk.desk.report()
    assert len(desk.reports) == 1
    assert desk.line.listener is None


async def test_a_bus_that_cannot_be_listened_to_is_refused_and_zero_seconds_end_it():
    desk = Desk()
    assert not desk.desk.show("cellar", 60)
    desk.desk.show("kitchen", 60)
    desk.line.carry()
    assert desk.desk.show("kitchen", 0)
    assert desk.line.listener is None
    await desk.desk.report()
    assert len(desk.reports) == 1, "what was heard until then is told"


async def test_nothing_is_sent_while_an_alarm_waits_and_what_is_left_out_is_counted():
    desk = Desk()
    desk.desk.show("kitchen", 60)
    desk.alarms_wait = True
    for _ in range(MOST_FRAMES + 7):
        desk.line.carry()
    await desk.desk.report()
    assert desk.reports == []
    desk.alarms_wait, desk.connected = False, False
    await desk.desk.report()
    desk.connected = True
    for _ in range(30):
        await desk.desk.report()
    assert sum(len(report.frames) for report in desk.reports) == MOST_FRAMES
    assert sum(report.dropped for report in desk.reports) == 7


async def test_a_report_fits_one_message_however_long_the_frames_are():
    desk = Desk()
    desk.desk.show("kitchen", 60)
    for _ in range(MOST_FRAMES):
        desk.line.carry(bytes(600), sent=False)
    await desk.desk.report()
    (report,) = desk.reports
    size = len(codec.encode(ReportMessage(**ENVELOPE, report=report)))
    assert size < min(2 * MOST_REPORT_CHARACTERS, codec.MAX_MESSAGE_BYTES)
    assert len(report.frames[0].hex) == 1024
