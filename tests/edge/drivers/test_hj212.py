"""What a station's packet means: flags, clocks, resends, splits, answers."""

from datetime import UTC, datetime, timedelta

import pytest

from edge.clock import ManualClock
from edge.drivers.hj212 import SPLIT_WAIT_MS, Outcome, Station, StationDesk
from edge.drivers.hj212frames import FrameReader, Packet, encode_packet
from edge.drivers.hj212times import format_time, parse_time
from edge.drivers.profile import shipped_profiles
from wire.vocabulary import Quality

MN = "010000A8900016F000169DC0"
KEY = b"0" * 16
PROFILE = shipped_profiles()["river-station-hj212"]


class Talk:
    """A station and a desk; the station's clock may be wrong."""

    def __init__(self, *, set_time: bool = True, key: bytes | None = None) -> None:
        station = Station(mn=MN, devices=(("river", PROFILE),), password="123456", key=key)
        self.desk = StationDesk([station], set_time=set_time)
        self.clock = ManualClock()
        self.behind = timedelta(0)

    def spoken_ms(self) -> int:
        return self.clock.wall_ms - round(self.behind.total_seconds() * 1000)

    def packet(self, body: str = "w01009-Rtd=6.8,w01009-Flag=N", *, age_s: float = 0, **changes) -> Packet:
        measured = format_time(self.spoken_ms() - round(age_s * 1000), with_ms=False)
        values = {
            "qn": format_time(self.spoken_ms(), with_ms=True),
            "st": "21",
            "cn": "2011",
            "pw": "123456",
            "mn": MN,
            "flag": 5,
            "cp": f"DataTime={measured};{body}",
            **changes,
        }
        return Packet(**values)

    def say(self, *arguments, trusted: bool = True, **changes):
        return self.take(self.packet(*arguments, **changes), trusted=trusted)

    def take(self, packet: Packet, *, trusted: bool = True):
        return self.desk.take(packet, self.clock.moment(), clock_trusted=trusted)


def answers(reaction) -> list[tuple[str, str]]:
    return [(answer.cn, answer.cp) for answer in reaction.answers]


def test_a_measurement_is_live_and_acknowledged_with_its_own_qn():
    talk = Talk()
    reaction = talk.say()
    (heard,) = reaction.heard
    assert (heard.device, heard.values, heard.qualities) == ("river", {"dissolved_oxygen_mg_l": 6.8}, {})
    assert (heard.at_wall_ms, heard.may_clear) == (None, False), "its first word may be sent again"
    (answer,) = reaction.answers
    assert (answer.cn, answer.st, answer.flag, answer.cp) == ("9014", "91", 4, "")
    assert answer.qn == format_time(talk.clock.wall_ms, with_ms=True)
    assert b"CN=9014" in encode_packet(answer)


def test_the_second_word_of_a_station_whose_clock_agrees_may_end_an_alarm():
    talk = Talk()
    talk.say()
    talk.clock.advance(seconds=60)
    assert talk.say().heard[0].may_clear


@pytest.mark.parametrize("later_s", [10, 40, 240])
def test_what_is_sent_again_after_a_restart_of_the_gateway_ends_no_alarm_that_is_newer(later_s):
    talk = Talk()
    good = talk.packet("w01009-Rtd=7.5,w01009-Flag=N")
    talk.take(good)
    talk.clock.advance(seconds=60)
    talk.say("w01009-Rtd=1.0,w01009-Flag=N")

    talk.clock.advance(seconds=later_s)
    talk.desk = Talk().desk  # what was heard is forgotten
    again = talk.take(good)
    assert again.outcome is not Outcome.REPEATED
    assert not any(heard.may_clear for heard in again.heard)
    assert answers(again)[0] == ("9014", ""), "or it would be sent for ever"
    talk.clock.advance(seconds=20)
    assert not talk.say().heard[0].may_clear
    talk.clock.advance(seconds=60)
    assert talk.say().heard[0].may_clear
    assert not any(heard.may_clear for heard in talk.take(good).heard), "known by now"


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({"cn": "2051"}, {"cn": "2051"}),
        ({"age_s": 1800}, {"age_s": 1800}),
        ({"age_s": 1800}, {"age_s": 1800, "resent": True}),
    ],
)
def test_history_that_is_sent_again_after_a_restart_lands_on_itself(first, again):
    """What was seen is remembered in memory alone: the server keeps one of two readings of one moment."""
    talk = Talk()
    talk.say()
    body = "w01009-Rtd=6.8,w01009-Avg=6.8,w01009-Flag=N"
    talk.clock.advance(seconds=60)
    before, after = talk.packet(body, **first), talk.packet(body, **again)
    (taken,) = talk.take(before).heard
    talk.desk = Talk().desk
    talk.clock.advance(seconds=15)
    (retaken,) = talk.take(after).heard
    assert taken.at_wall_ms is not None
    assert retaken == taken


@pytest.mark.parametrize(
    ("flag", "quality"),
    [
        ("M", Quality.MAINTENANCE),
        ("C", Quality.MAINTENANCE),
        ("S", Quality.MAINTENANCE),
        ("F", Quality.MAINTENANCE),
        ("D", Quality.COMM_FAULT),
        ("B", Quality.COMM_FAULT),
        ("T", Quality.OUT_OF_RANGE),
        ("Z", Quality.STALE),
    ],
)
def test_only_n_is_a_measurement(flag, quality):
    (heard,) = Talk().say(f"w01009-Rtd=0.1,w01009-Flag={flag}").heard
    assert heard.qualities == {"dissolved_oxygen_mg_l": quality}


def test_a_factor_without_a_flag_is_a_measurement_so_that_a_spill_is_not_missed():
    (heard,) = Talk().say("w01009-Rtd=0.1").heard
    assert heard.qualities == {}


@pytest.mark.parametrize("text", ["NaN", "inf", "-", "", "7,4x"])
def test_what_is_no_number_is_no_value(text):
    reaction = Talk().say(f"w01009-Rtd={text},w01009-Flag=N")
    assert reaction.heard[0].values["dissolved_oxygen_mg_l"] is None or text == "7,4x"
    if text != "7,4x":
        assert reaction.heard[0].qualities == {"dissolved_oxygen_mg_l": Quality.OUT_OF_RANGE}
        assert "is no number" in reaction.remarks[0]


def test_codes_of_2005_are_understood():
    (heard,) = Talk().say("001-Rtd=7.1,001-Flag=N;060-Rtd=0.4,060-Flag=N", flag=1).heard
    assert heard.values == {"ph": 7.1, "ammonia_nitrogen_mg_l": 0.4}


def test_a_station_that_sends_millisiemens_is_scaled_by_its_profile():
    station = Station(mn=MN, devices=(("river", shipped_profiles()["river-station-hj212-ms"]),))
    talk = Talk()
    talk.desk = StationDesk([station], set_time=False)
    (heard,) = talk.say("w01014-Rtd=0.41,w01014-Flag=N").heard
    assert heard.values == {"conductivity_us_cm": 410.0}


def test_the_same_data_again_is_acknowledged_and_not_taken_twice():
    talk = Talk()
    first = talk.packet()
    talk.take(first)
    talk.clock.advance(seconds=10)
    again = talk.take(first)
    assert again.outcome is Outcome.REPEATED
    assert again.heard == ()
    assert answers(again) == [("9014", "")]
    resent = talk.packet(cp=first.cp, resent=True, flag=9)
    assert talk.take(resent).outcome is Outcome.REPEATED


@pytest.mark.parametrize("change", [{"resent": True}, {"age_s": 3600}])
def test_what_is_sent_afterwards_is_history_of_its_own_time(change):
    talk = Talk()
    age_s = change.get("age_s", 0) or 1800
    reaction = talk.say(**{"age_s": age_s, **change})
    (heard,) = reaction.heard
    assert reaction.outcome is Outcome.KEPT
    assert heard.at_wall_ms == (talk.clock.wall_ms - age_s * 1000) // 1000 * 1000


def test_a_backlog_in_the_packets_own_words_may_raise_and_never_clears():
    """Edition 2017 has no field for it: QN and DataTime are both those of hours ago."""
    talk = Talk()
    talk.say()
    talk.behind = timedelta(hours=3)
    for _ in range(5):
        (heard,) = talk.say().heard
        assert heard.at_wall_ms is not None, "older than what was already heard"
        talk.behind -= timedelta(seconds=60)
    fresh = Talk()
    fresh.behind = timedelta(hours=3)
    for _ in range(5):
        (heard,) = fresh.say().heard
        assert not heard.may_clear
        fresh.behind -= timedelta(seconds=60)


def test_a_clock_wrong_by_a_year_is_set_and_its_data_still_tells_of_now():
    talk = Talk()
    talk.behind = timedelta(days=365)
    assert answers(talk.say()) == [("9014", "")]
    talk.clock.advance(seconds=60)
    second = talk.say()
    assert second.heard[0].at_wall_ms is None
    assert second.heard[0].may_clear, "a clock that runs on steadily is wrong, not a backlog"
    assert [cn for cn, _ in answers(second)] == ["9014", "1012"]
    told = answers(second)[1][1].removeprefix("SystemTime=")
    assert parse_time(told) == talk.clock.wall_ms // 1000 * 1000
    talk.behind = timedelta(0)
    talk.clock.advance(seconds=60)
    third = talk.say()
    assert third.heard[0].at_wall_ms is None
    assert answers(third) == [("9014", "")]


def test_after_a_clock_that_was_a_year_ahead_data_is_live_again():
    talk = Talk()
    talk.behind = timedelta(days=-365)
    for _ in range(3):
        talk.say()
        talk.clock.advance(seconds=60)
    talk.behind = timedelta(0)
    (heard,) = talk.say().heard
    assert heard.at_wall_ms is None
    assert heard.may_clear


def test_a_clock_is_not_set_again_and_again_nor_by_a_gateway_that_does_not_know_the_time():
    talk = Talk()
    talk.behind = timedelta(days=365)
    told = []
    for _ in range(9):
        told += [cn for cn, _ in answers(talk.say())]
        talk.clock.advance(seconds=60)
    assert told.count("1012") == 1
    unsure = Talk()
    unsure.behind = timedelta(days=365)
    for _ in range(3):
        assert "1012" not in [cn for cn, _ in answers(unsure.say(trusted=False))]
        unsure.clock.advance(seconds=60)


def test_a_station_that_asks_for_the_time_gets_it():
    reaction = Talk(set_time=False).say(cn="1013", cp="")
    assert [cn for cn, _ in answers(reaction)] == ["9013", "1012"]


def test_a_heartbeat_is_answered_and_shows_that_the_station_is_there():
    reaction = Talk().say(cn="9015", cp="", flag=9)
    assert reaction.outcome is Outcome.ALIVE
    assert reaction.alive == ("river",)
    assert [(a.cn, a.flag) for a in reaction.answers] == [("9013", 8)]


@pytest.mark.parametrize("command", ["2051", "2061", "2031"])
def test_interval_data_is_kept_at_the_beginning_of_its_interval(command):
    talk = Talk()
    reaction = talk.say(
        "w01001-Min=7.38,w01001-Avg=7.41,w01001-Max=7.44,w01001-Flag=N", cn=command, age_s=600
    )
    (heard,) = reaction.heard
    assert heard.values == {"ph": 7.41}
    assert heard.at_wall_ms == (talk.clock.wall_ms - 600_000) // 1000 * 1000
    assert reaction.outcome is Outcome.KEPT
    assert answers(reaction) == [("9014", "")]


def test_split_data_is_put_together_and_each_part_acknowledged():
    talk = Talk()
    time = format_time(talk.clock.wall_ms, with_ms=False)
    parts = [
        talk.packet(cp=f"DataTime={time};w01009-Rtd=6.8,w01009-Flag=N", flag=7, total=2, number=1),
        talk.packet(cp=f"DataTime={time};w01001-Rtd=7.2,w01001-Flag=N", flag=7, total=2, number=2),
    ]
    first = talk.take(parts[1])
    assert (first.outcome, first.heard) == (Outcome.COLLECTING, ())
    assert answers(first) == [("9014", "")]
    second = talk.take(parts[0])
    assert second.heard[0].values == {"dissolved_oxygen_mg_l": 6.8, "ph": 7.2}
    assert second.heard[0].at_wall_ms is None


def test_split_data_whose_rest_never_comes_is_used_as_far_as_it_came():
    talk = Talk()
    talk.say(flag=7, total=2, number=1)
    assert talk.desk.settle(talk.clock.moment()) == ()
    talk.clock.advance(seconds=SPLIT_WAIT_MS / 1000)
    (heard,) = talk.desk.settle(talk.clock.moment())
    assert heard.values == {"dissolved_oxygen_mg_l": 6.8}
    assert talk.desk.settle(talk.clock.moment()) == ()


def test_a_flood_of_unfinished_splits_stays_bounded():
    talk = Talk()
    for number in range(50):
        talk.say(f"w01009-Rtd={number},w01009-Flag=N", flag=7, total=9, number=1, age_s=number)
    assert len(talk.desk._states[MN].splits) <= 5


@pytest.mark.parametrize(
    ("changes", "outcome", "answer"),
    [
        ({"mn": "F" * 24}, Outcome.UNKNOWN_STATION, "QnRtn=4"),
        ({"pw": "000000"}, Outcome.WRONG_PASSWORD, "QnRtn=3"),
    ],
)
def test_strangers_are_told_so_and_heard_by_nobody(changes, outcome, answer):
    reaction = Talk().say(**changes)
    assert (reaction.outcome, reaction.heard, reaction.alive) == (outcome, (), ())
    assert answers(reaction) == [("9011", answer)]


def test_a_command_nobody_knows_is_answered_and_answers_are_not():
    assert answers(Talk().say(cn="7777")) == [("9011", "QnRtn=8")]
    reaction = Talk().say(cn="9012", cp="ExeRtn=2")
    assert reaction.answers == ()
    assert "refuses" in reaction.remarks[0]


def test_encrypted_parameters_open_with_the_stations_key_only():
    """SM4 over whole blocks, the rest plain, the check over the open text."""
    talk = Talk(key=KEY)
    sent = encode_packet(talk.packet(flag=9), key=KEY)
    assert b"w01009-Rtd" not in sent
    (packet,) = FrameReader(key_of=talk.desk.key_of).feed(sent)
    assert packet.sealed
    assert talk.take(packet).heard[0].values == {"dissolved_oxygen_mg_l": 6.8}
    for other in (None, b"1" * 16):
        reader = FrameReader(key_of=lambda _mn, key=other: key)
        assert reader.feed(sent) == []
        assert reader.rejected


def test_open_data_of_a_station_with_a_key_is_used_and_remarked():
    reaction = Talk(key=KEY).say()
    assert reaction.heard
    assert "unencrypted" in reaction.remarks[0]


def test_times_are_chinas():
    noon = datetime(2025, 8, 1, 4, 0, tzinfo=UTC)
    assert parse_time("20250801120000") == round(noon.timestamp() * 1000)
    assert format_time(round(noon.timestamp() * 1000) + 5, with_ms=True) == "20250801120000005"
    for text in ("", "2025", "20251301000000", "abcdefghijklmn", "²0250801120000"):
        assert parse_time(text) is None


def test_the_check_of_modbus_is_named_and_not_accepted():
    data = encode_packet(Talk().packet())[6:-6]
    from edge.drivers.hj212frames import compute_modbus_check

    assert compute_modbus_check(b"123456789") == 0x4B37
    reader = FrameReader()
    assert reader.feed(b"##%04d%s%04X\r\n" % (len(data), data, compute_modbus_check(data))) == []
    assert "Modbus" in reader.last_error


def test_a_frame_whose_rest_never_comes_does_not_swallow_the_next():
    good = encode_packet(Talk().packet())
    reader = FrameReader()
    assert reader.feed(b"##9999QN=1" + good) == []
    assert reader.is_waiting
    assert len(reader.give_up()) == 1
    assert not reader.is_waiting
