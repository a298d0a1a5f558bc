"""What a transmitter's frame means: places, bits, resets, order, strangers."""

from datetime import UTC, datetime, timedelta

import pytest

from edge.clock import ManualClock
from edge.drivers.gb26875 import Behind, Outcome, Place, TransmitterDesk, parse_place
from edge.drivers.gb26875frames import Command, Frame, encode_time
from edge.drivers.gb26875units import duty_check
from edge.drivers.profile import shipped_profiles
from wire.vocabulary import Quality

GAS = "3456/1.1/11.65539"
SYSTEM, COMPONENT = b"\x01\x01", b"\x0b" + (65539).to_bytes(4, "little")


def profile(model: str, **changes):
    return shipped_profiles()[f"gb26875-{model}"].model_copy(update=changes)


class Talk:
    """A transmitter and a desk."""

    def __init__(self, *behind: tuple[str, str, object]) -> None:
        places = behind or (("gas", GAS, profile("gas-detector")),)
        self.clock = ManualClock()
        self.desk = TransmitterDesk(
            Behind(device=device, place=parse_place(place), profile=model) for device, place, model in places
        )
        self.serial = 0
        self.behind = timedelta(0)

    def tag(self, age_s: float = 0) -> bytes:
        return encode_time(self.moment() - timedelta(seconds=age_s))

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.clock.wall_ms / 1000, tz=UTC) - self.behind

    def send(self, adu: bytes, *, command: int = Command.SEND, source: int = 3456, serial: int | None = None):
        if serial is None:
            serial, self.serial = self.serial, self.serial + 1
        frame = Frame(serial=serial, sent_at=self.moment(), source=source, command=command, adu=adu)
        return self.desk.take(frame, self.clock.moment())

    def status(self, bits: int, *, component: bytes = COMPONENT, age_s: float = 0, **more):
        adu = b"\x02\x01" + SYSTEM + component + bits.to_bytes(2, "little") + bytes(31) + self.tag(age_s)
        return self.send(adu, **more)

    def panel(self, bits: int):
        return self.send(b"\x01\x01" + SYSTEM + bits.to_bytes(2, "little") + self.tag())

    def analog(self, kind: int, raw: int):
        return self.send(
            b"\x03\x01"
            + SYSTEM
            + COMPONENT
            + bytes((kind,))
            + raw.to_bytes(2, "little", signed=True)
            + self.tag()
        )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("3456", Place(3456)),
        ("0x0D80", Place(3456)),
        ("3456/1.2", Place(3456, 1, 2)),
        (GAS, Place(3456, 1, 1, 11, 65539)),
    ],
)
def test_a_place_is_written_as_in_the_site_file(text, place):
    assert parse_place(text) == place
    assert parse_place(str(place)) == place


@pytest.mark.parametrize(
    "text",
    ["", "x", "1/2", "1/2.3/4", "1/2.3/4.5/6", "1/256.1", "1/1.1/1.4294967296", "281474976710656", "-1"],
)
def test_what_is_no_place_is_none(text):
    assert parse_place(text) is None


def test_a_components_fire_is_a_value_of_its_device_and_confirmed():
    reaction = Talk().status(0x0003)
    (heard,) = reaction.heard
    assert (heard.device, heard.values["gas_alarm"], heard.values["fault"]) == ("gas", 1.0, 0.0)
    assert heard.may_clear
    assert (reaction.answer.command, reaction.answer.serial) == (Command.CONFIRM, 0)
    assert (reaction.answer.destination, reaction.outcome) == (3456, Outcome.TAKEN)


def test_fire_counts_although_the_normal_bit_is_not_set():
    """Panels in the field send 0x0002 for a fire."""
    assert Talk().status(0x0002).heard[0].values["gas_alarm"] == 1.0


def test_a_measured_value_has_its_step():
    (heard,) = Talk().analog(6, 252).heard
    assert heard.values == {"gas_lel": 25.2}


def test_a_makers_own_type_is_scaled_by_its_profile():
    model = profile("residual-current")
    points = tuple(
        point.model_copy(update={"analog": 200, "scale": 0.1}) if point.of == "analog" else point
        for point in model.points
    )
    talk = Talk(("leak", GAS, model.model_copy(update={"points": points})))
    assert talk.analog(200, 3000).heard[0].values == {"residual_current_ma": 300.0}
    assert talk.analog(9, 3).heard == ()


def test_a_shielded_detector_proves_no_quiet_but_its_fire_counts():
    talk = Talk()
    (heard,) = talk.status(0b1001).heard
    assert heard.qualities["gas_alarm"] is Quality.MAINTENANCE
    assert "shielded" not in heard.qualities
    (heard,) = talk.status(0b1011).heard
    assert heard.values["gas_alarm"] == 1.0
    assert "gas_alarm" not in heard.qualities


def test_the_same_frame_again_is_confirmed_and_not_taken_twice():
    talk = Talk()
    talk.status(3, serial=7)
    again = talk.status(3, serial=7)
    assert (again.outcome, again.heard, again.answer.command) == (Outcome.REPEATED, (), Command.CONFIRM)
    assert talk.status(3, serial=8).heard, "the next serial number is news"


def test_older_words_than_those_already_heard_never_clear():
    talk = Talk()
    talk.status(3)
    replayed = talk.status(1, age_s=60)
    assert replayed.heard[0].values["gas_alarm"] == 0.0
    assert not replayed.heard[0].may_clear
    talk.clock.advance(seconds=1)
    assert talk.status(1).heard[0].may_clear


def test_a_clock_that_was_a_year_ahead_and_is_right_now_clears_again():
    talk = Talk()
    talk.behind = timedelta(days=-365)
    talk.status(3)
    talk.behind = timedelta(0)
    assert talk.status(1).heard[0].may_clear


def test_a_fire_of_a_component_nobody_mapped_is_said_by_its_panel():
    talk = Talk(("panel", "3456/1.1", profile("fire-panel")), ("uitd", "3456", profile("transmitter")))
    reaction = talk.status(0x0003)
    (heard,) = reaction.heard
    assert (heard.device, heard.values, heard.may_clear) == ("panel", {"fire": 1.0}, False)
    ((place, said),) = reaction.unassigned
    assert str(place) == GAS
    assert "0x0003" in said
    assert talk.status(0x0001).heard == (), "and nothing is said of its quiet"
    alone = Talk(("uitd", "3456", profile("transmitter")))
    assert [one.device for one in alone.status(0x0003).heard] == ["uitd"]


def test_a_panel_reads_its_own_bits():
    talk = Talk(("panel", "3456/1.1", profile("fire-panel")))
    (heard,) = talk.panel(0x0901 | 1 << 10).heard
    assert heard.values["main_power_fault"] == heard.values["bus_fault"] == heard.values["manual_mode"] == 1
    assert heard.values["fire"] == heard.values["backup_power_fault"] == 0


def test_a_transmitter_reads_its_own_bits():
    talk = Talk(("uitd", "3456", profile("transmitter")))
    (heard,) = talk.send(b"\x15\x01\x21" + talk.tag()).heard
    assert heard.values["centre_link_fault"] == 1
    assert heard.values["fire"] == 0


@pytest.mark.parametrize("by", ["operation", "status"])
def test_a_reset_of_the_panel_ends_what_components_said_where_the_profile_asks_for_it(by):
    for asked in (True, False):
        talk = Talk(("gas", GAS, profile("gas-detector", reset_clears=asked)))
        talk.status(3)
        reset = b"\x04\x01" + SYSTEM + b"\x01\x07" + talk.tag()
        reaction = talk.send(reset) if by == "operation" else talk.panel(1 | 1 << 13)
        assert [one.values["gas_alarm"] for one in reaction.heard] == ([0.0] if asked else [])
        if by == "operation":
            assert reaction.pressed[0].names == ("reset",)


def test_strangers_and_nonsense_are_denied():
    stranger = Talk().status(3, source=99)
    assert (stranger.outcome, stranger.answer.command) == (Outcome.UNKNOWN_TRANSMITTER, Command.DENY)
    assert (stranger.heard, stranger.alive) == ((), ())
    broken = Talk().send(b"\x02\x02" + bytes(46))
    assert (broken.outcome, broken.answer.command, broken.heard) == (Outcome.DENIED, Command.DENY, ())
    for command in (Command.CONTROL, Command.REQUEST, 7, 200):
        assert Talk().send(duty_check(1), command=command).answer.command == Command.DENY


def test_answers_to_questions_are_taken_without_a_confirmation():
    talk = Talk()
    reaction = talk.status(3, command=Command.ANSWER)
    assert (reaction.outcome, reaction.answer) == (Outcome.SETTLED, None)
    assert reaction.heard
    for command in (Command.CONFIRM, Command.DENY):
        settled = talk.send(b"", command=command)
        assert (settled.outcome, settled.answer, settled.alive) == (Outcome.SETTLED, None, ("gas",))


def test_types_that_hold_no_reading_are_confirmed_and_show_that_the_transmitter_is_there():
    reaction = Talk().send(b"\x05\x01\x01\x01\x01\x02")
    assert (reaction.heard, reaction.alive, reaction.answer.command) == ((), ("gas",), Command.CONFIRM)
