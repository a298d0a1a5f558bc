"""Every misbehaviour on every technique: a test of the driver's promised reaction, or why there can be none."""

import ast
from functools import cache
from pathlib import Path

import pytest

from firmware_sim.devices.modbus import FaultKind
from firmware_sim.wiring import MISBEHAVIOURS

ROOT = Path(__file__).parents[2]
BUS, AIR, PACKETS = (
    "tests/sim/test_misbehaviour.py",
    "tests/sim/test_air.py",
    "tests/edge/drivers/test_ble.py",
)
STATION = "tests/edge/drivers/test_hj212_stations.py"
PANEL = "tests/edge/drivers/test_gb26875_transmitter.py"
BROKER = "tests/edge/drivers/test_mqtt_broker.py"
POLLER = "tests/edge/polling/test_poller.py"

_NOT_ASKED = "it speaks by itself: there is no question that it could refuse"
_NO_TIME = "it tells no time"
_NO_BYTES = "the radio hands on whole packets with a check of their own; there is no line that adds bytes"
_ASKED_ONLY = "an answer is only taken for the question before it; see wrong_transaction and previous"

TABLE = {
    "mute": {
        "modbus_tcp": (BUS, "test_silence_never_makes_the_driver_hang_up"),
        "modbus_rtu": (POLLER, "test_a_quarter_of_the_bus_silent_costs_the_living_at_most_a_tenth"),
        "hj212": (STATION, "test_a_station_that_cannot_be_understood_falls_silent_alone_and_comes_back"),
        "gb26875": (PANEL, "test_a_silent_transmitter_is_noticed_and_heard_again"),
        "mqtt": (BROKER, "test_another_devices_words_are_not_ours_and_silence_is_noticed"),
        "ble": (PACKETS, "test_a_device_that_falls_silent_is_lost_and_its_last_value_is_not_repeated"),
    },
    "late": {
        "modbus_tcp": (BUS, "test_an_answer_of_another_transaction_is_none_of_ours"),
        "modbus_rtu": (
            BUS,
            "test_a_late_answer_of_a_unit_is_not_taken_for_its_next_question_on_a_serial_line",
        ),
        "hj212": (STATION, "test_data_that_comes_late_is_history_and_reaches_no_rule"),
        "gb26875": (PANEL, "test_late_words_do_not_clear"),
        "mqtt": (BROKER, "test_a_recorded_message_played_back_and_a_late_one_reach_no_rule_twice"),
        "ble": (AIR, "test_words_that_come_late_or_only_now_and_then_are_still_heard"),
    },
    "wrong_check": {
        "modbus_tcp": "Modbus TCP has no check: TCP's own lets nothing damaged through",
        "modbus_rtu": (BUS, "test_what_nobody_can_decode_is_heard_by_whoever_listens"),
        "hj212": (STATION, "test_a_station_that_cannot_be_understood_falls_silent_alone_and_comes_back"),
        "gb26875": (PANEL, "test_no_value_comes_from_a_damaged_frame"),
        "mqtt": (BROKER, "test_a_message_that_is_no_json_is_a_fault_of_that_device_alone"),
        "ble": (AIR, "test_what_cannot_be_believed_is_no_value_and_costs_its_neighbour_nothing"),
    },
    "wrong_unit": {
        "modbus_tcp": (BUS, "test_nonsense_is_never_a_value"),
        "modbus_rtu": (BUS, "test_nonsense_is_never_a_value"),
        "hj212": (STATION, "test_a_station_that_cannot_be_understood_falls_silent_alone_and_comes_back"),
        "gb26875": (PANEL, "test_a_component_at_another_address_is_named_in_the_log_and_heard_by_nobody"),
        "mqtt": (BROKER, "test_another_devices_words_are_not_ours_and_silence_is_noticed"),
        "ble": (PACKETS, "test_a_strangers_advertisements_are_passed_over"),
    },
    "exception": {
        "modbus_tcp": (
            BUS,
            "test_a_device_that_starts_and_refuses_everything_is_read_whole_again_afterwards",
        ),
        "modbus_rtu": (BUS, "test_a_converter_that_says_the_device_is_silent_is_silence"),
        "hj212": _NOT_ASKED,
        "gb26875": _NOT_ASKED,
        "mqtt": _NOT_ASKED,
        "ble": (
            "tests/edge/drivers/test_ble_quirks.py",
            "test_a_connection_that_fails_ends_in_time_and_is_tried_again",
        ),
    },
    "truncated": {
        "modbus_tcp": (BUS, "test_nonsense_is_never_a_value"),
        "modbus_rtu": (BUS, "test_nonsense_is_never_a_value"),
        "hj212": (STATION, "test_a_station_that_cannot_be_understood_falls_silent_alone_and_comes_back"),
        "gb26875": (PANEL, "test_no_value_comes_from_a_damaged_frame"),
        "mqtt": (BROKER, "test_a_message_that_is_no_json_is_a_fault_of_that_device_alone"),
        "ble": (AIR, "test_what_cannot_be_believed_is_no_value_and_costs_its_neighbour_nothing"),
    },
    "stuck": {
        "modbus_tcp": (BUS, "test_a_stuck_device_repeats_itself_and_the_driver_hands_it_on_as_it_is"),
        "modbus_rtu": (BUS, "test_a_stuck_device_repeats_itself_and_the_driver_hands_it_on_as_it_is"),
        "hj212": (
            STATION,
            "test_a_stuck_station_repeats_itself_and_each_value_is_kept_for_the_rule_that_notices",
        ),
        "gb26875": (PANEL, "test_a_stuck_a_late_and_a_wrongly_timed_component_still_alarm"),
        "mqtt": (BROKER, "test_a_bad_line_and_a_stuck_sensor_are_still_heard"),
        "ble": (PACKETS, "test_a_device_that_repeats_its_last_packet_says_nothing"),
    },
    "nan": {
        "modbus_tcp": (BUS, "test_no_number_is_no_value_and_its_word_is_out_of_range"),
        "modbus_rtu": (BUS, "test_no_number_is_no_value_and_its_word_is_out_of_range"),
        "hj212": (STATION, "test_no_number_and_a_sentinel_are_out_of_range"),
        "gb26875": (PANEL, "test_no_number_and_a_sentinel_are_out_of_range"),
        "mqtt": (BROKER, "test_no_number_is_out_of_range"),
        "ble": "both formats carry whole numbers of fixed steps: there is no word for no number",
    },
    "sentinel": {
        "modbus_tcp": (BUS, "test_a_sentinel_is_no_value_where_the_profile_says_so"),
        "modbus_rtu": (BUS, "test_a_sentinel_is_no_value_where_the_profile_says_so"),
        "hj212": (STATION, "test_no_number_and_a_sentinel_are_out_of_range"),
        "gb26875": (PANEL, "test_no_number_and_a_sentinel_are_out_of_range"),
        "mqtt": (BROKER, "test_no_number_is_out_of_range"),
        "ble": "an object that is not measured is left out of the packet; the formats name no sentinel",
    },
    "noise": {
        "modbus_tcp": "TCP adds no bytes; what is no frame there is tested as garbage",
        "modbus_rtu": (BUS, "test_noise_before_an_answer_on_a_serial_line_is_skipped"),
        "hj212": (STATION, "test_a_bad_line_costs_no_value"),
        "gb26875": (PANEL, "test_a_bad_line_costs_no_value"),
        "mqtt": (BROKER, "test_a_message_that_is_no_json_is_a_fault_of_that_device_alone"),
        "ble": _NO_BYTES,
    },
    "reboot": {
        "modbus_tcp": (BUS, "test_a_reboot_is_silence_then_refusals_then_all_is_well"),
        "modbus_rtu": (BUS, "test_a_device_is_started_once_and_again_after_a_silence"),
        "hj212": (STATION, "test_a_station_that_restarts_is_heard_again"),
        "gb26875": (PANEL, "test_a_transmitter_that_restarts_is_heard_again"),
        "mqtt": (BROKER, "test_a_device_that_says_it_leaves_is_lost_at_once_and_found_when_it_speaks"),
        "ble": (PACKETS, "test_a_changed_battery_does_not_silence_an_alarm"),
    },
    "flapping": {
        "modbus_tcp": (BUS, "test_a_flapping_device_is_silent_now_and_then_and_never_wrong"),
        "modbus_rtu": (POLLER, "test_a_flapping_device_does_not_starve_its_bus"),
        "hj212": (STATION, "test_a_bad_line_costs_no_value"),
        "gb26875": (PANEL, "test_a_bad_line_costs_no_value"),
        "mqtt": (BROKER, "test_a_bad_line_and_a_stuck_sensor_are_still_heard"),
        "ble": (AIR, "test_words_that_come_late_or_only_now_and_then_are_still_heard"),
    },
    "replay": {
        "modbus_tcp": _ASKED_ONLY,
        "modbus_rtu": (BUS, "test_an_answer_to_the_question_before_is_not_taken_for_this_one"),
        "hj212": (STATION, "test_a_recorded_packet_played_back_is_acknowledged_and_not_taken"),
        "gb26875": (PANEL, "test_recorded_frames_played_back_are_confirmed_and_not_taken"),
        "mqtt": (BROKER, "test_a_recorded_message_played_back_and_a_late_one_reach_no_rule_twice"),
        "ble": (PACKETS, "test_a_played_back_packet_raises_and_never_ends"),
    },
    "wrong_clock": {
        "modbus_tcp": _NO_TIME,
        "modbus_rtu": _NO_TIME,
        "hj212": (STATION, "test_a_station_a_year_behind_is_told_the_time_and_sets_its_clock"),
        "gb26875": (PANEL, "test_a_stuck_a_late_and_a_wrongly_timed_component_still_alarm"),
        "mqtt": (BROKER, "test_a_clock_a_year_behind_still_tells_of_now"),
        "ble": _NO_TIME,
    },
    "wrong_key": {"ble": (AIR, "test_what_cannot_be_believed_is_no_value_and_costs_its_neighbour_nothing")},
    "downgrade": {"ble": (AIR, "test_what_cannot_be_believed_is_no_value_and_costs_its_neighbour_nothing")},
    "adapter_off": {
        "ble": (AIR, "test_without_a_radio_every_device_is_lost_and_heard_again_when_it_is_back")
    },
    "daemon_crash": {
        "ble": (AIR, "test_without_a_radio_every_device_is_lost_and_heard_again_when_it_is_back")
    },
    "deaf": {"ble": (AIR, "test_a_radio_that_has_gone_deaf_is_reset")},
    "disconnect": {
        "modbus_tcp": (BUS, "test_a_unit_that_hangs_up_is_an_error_and_is_read_again_after_a_new_connection"),
    },
}
"""By misbehaviour and technique: where the reaction is tested, or why the pair makes no sense. The first
fourteen are those that every technique answers for."""
TECHNIQUES = ("modbus_tcp", "modbus_rtu", "hj212", "gb26875", "mqtt", "ble")
OF_ALL = tuple(TABLE)[:14]
_REGISTER = {"modbus_rtu": "modbus_rtu_over_tcp"}


@cache
def functions_in(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("kind", OF_ALL)
def test_a_pair_is_tested_or_declared_meaningless_with_a_reason(kind, technique):
    found = TABLE[kind][technique]
    if isinstance(found, str):
        assert len(found.split()) > 3, "a reason is a sentence"
    else:
        assert found[1] in functions_in(found[0])


@pytest.mark.parametrize(("kind", "technique"), [(kind, one) for kind, row in TABLE.items() for one in row])
def test_what_is_tested_can_be_ordered_by_a_scenario_and_what_is_meaningless_cannot(kind, technique):
    offered = {one.value for one in MISBEHAVIOURS[_REGISTER.get(technique, technique)]}
    stands_for = {("ble", "exception"): "connect_error", ("modbus_rtu", "replay"): "previous"}
    meant = stands_for.get((technique, kind), kind)
    if (technique, kind) in (("ble", "wrong_unit"), ("modbus_tcp", "noise")):
        return  # a stranger on the air is another device; noise on TCP is offered and is garbage
    assert (meant in offered) is not isinstance(TABLE[kind][technique], str)


def test_every_misbehaviour_that_can_be_ordered_stands_in_the_table():
    orderable = {kind.value for kinds in MISBEHAVIOURS.values() for kind in kinds} - {FaultKind.NONE.value}
    beside = {"garbage", "split", "joined", "wrong_transaction", "previous", "connect_error", "disobeys"}
    assert orderable == set(TABLE) | beside
