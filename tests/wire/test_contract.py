"""The contract: its bytes, what it tolerates, what it refuses, and where it says so."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.examples import ALARM, AT, BATCH, ENVELOPE, EXAMPLES, ORDERS, RUN, STATE
from wire import codec, messages
from wire.asyncapi import describe_contract, render_contract
from wire.errors import BodyError, OversizeError, UnreadableError
from wire.ids import new_uuid7
from wire.orders import Order

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[2]
DECODERS = {
    "alarm": codec.decode_alarm_message,
    "readings": codec.decode_readings_message,
    "status": codec.decode_status,
    "report": codec.decode_report,
    "reply": codec.decode_reply,
    "command": codec.decode_command,
}


def decoder_of(name):
    return DECODERS[name.split("-")[0]]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_bytes_of_every_message_stay_as_they_are(name):
    """Gateways in the field are years older than the server: a change here must be a decision."""
    golden = (GOLDEN / f"{name}.json").read_bytes().rstrip(b"\n")
    assert codec.encode(EXAMPLES[name]) == golden
    assert decoder_of(name)(golden) == EXAMPLES[name]


@pytest.mark.parametrize("name", EXAMPLES)
def test_words_of_a_newer_version_are_passed_over(name):
    newer = json.loads(codec.encode(EXAMPLES[name])) | {"v": 2, "colour": "red"}
    if "type" in newer:
        newer.pop("v")
    decoder_of(name)(json.dumps(newer).encode())


@pytest.mark.parametrize("name", [n for n in EXAMPLES if not n.startswith("reply")])
@pytest.mark.parametrize("wrong", [b"", b"\x00\xff", b"{}", b"[]", b"null", b"42", b'{"v":1'])
def test_bytes_that_are_no_message_are_refused_with_a_reason(name, wrong):
    with pytest.raises(UnreadableError) as refusal:
        decoder_of(name)(wrong)
    assert str(refusal.value)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.__struct_config__.tag)
def test_every_order_is_read_as_what_it_is(order):
    assert codec.decode_order(codec.as_raw(order)) == order


def test_there_is_an_example_of_every_order_and_none_opens_a_valve():
    tags = {kind.__struct_config__.tag for kind in get_args(Order)}
    assert tags == {order.__struct_config__.tag for order in ORDERS}
    assert not any("open" in tag for tag in tags)


def test_traffic_is_not_reported_for_ever():
    with pytest.raises(BodyError):
        codec.decode_order(b'{"order":"raw_traffic","bus":"b","seconds":86400}')


def test_an_error_says_where():
    broken = json.loads(codec.encode(EXAMPLES["status"]))
    broken["lanes"][0]["last_seq"] = "seven"
    with pytest.raises(UnreadableError, match=r"lanes.*last_seq"):
        codec.decode_status(json.dumps(broken).encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("gateway", ""),
        ("gateway", "a" * 129),
        ("gateway", "bad\nname"),
        ("up_ms", -1),
        ("up_ms", 2**53),
        ("sent_at", "2026-11-24T02:15:30"),
        ("sent_at", "0001-01-01T00:00:00Z"),
        ("sent_at", "9999-12-31T23:59:59Z"),
        ("clock", "perhaps"),
        ("seq", 0),
        ("run", None),
    ],
)
def test_an_envelope_that_would_do_harm_later_is_refused_now(field, value):
    wrong = json.loads(codec.encode(EXAMPLES["alarm"])) | {field: value}
    with pytest.raises(UnreadableError):
        codec.decode_alarm_message(json.dumps(wrong).encode())


@pytest.mark.parametrize(
    "body",
    [b"null", b"{}", b'"fire"', b"[]", bytes(codec.as_raw(STATE)).replace(b'"gas"', b'"earthquake"')],
)
def test_content_that_is_not_understood_leaves_its_envelope_readable(body):
    message = messages.AlarmMessage(**ENVELOPE, run=RUN, seq=3, alarm=msgspec.Raw(body))
    outer = codec.decode_alarm_message(codec.encode(message))
    assert (outer.gateway, outer.seq) == ("gw-north-07", 3)
    with pytest.raises(BodyError):
        codec.decode_alarm_state(outer.alarm)


def test_a_message_without_content_is_one_whose_content_is_not_understood():
    bare = json.loads(codec.encode(EXAMPLES["alarm"]))
    del bare["alarm"]
    with pytest.raises(BodyError):
        codec.decode_alarm_state(codec.decode_alarm_message(json.dumps(bare).encode()).alarm)


def test_not_a_number_is_no_value():
    wrong = bytes(codec.as_raw(STATE)).replace(b"48.5", b"NaN")
    with pytest.raises(BodyError):
        codec.decode_alarm_state(wrong)


def test_messages_have_a_size_in_both_directions():
    large = msgspec.Raw(b'"' + b"x" * codec.MAX_MESSAGE_BYTES + b'"')
    with pytest.raises(OversizeError):
        codec.encode(messages.AlarmMessage(**ENVELOPE, run=RUN, seq=1, alarm=large))
    with pytest.raises(OversizeError):
        codec.decode_envelope(b" " * (codec.MAX_MESSAGE_BYTES + 1))


@pytest.mark.parametrize(
    "changes",
    [
        {"s": (0, 1)},
        {"value": (1.0,)},
        {"offset_ms": (0,)},
        {"quality": ()[:0] + BATCH.quality[:1]},
        {"s": (0, 7)},
    ],
)
def test_columns_of_a_batch_must_fit_together(changes):
    if changes == {"s": (0, 1)}:
        changes = {"s": (0, 1), "series": BATCH.series}
    odd = msgspec.structs.replace(BATCH, **changes)
    with pytest.raises(BodyError):
        codec.decode_readings_batch(codec.as_raw(odd))


finite = st.floats(allow_nan=False, allow_infinity=False)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zone added
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=60)


@given(
    value=st.none() | finite, label=texts, at=moments, count=st.integers(1, 2**53 - 1), latched=st.booleans()
)
def test_whatever_an_alarm_holds_comes_out_as_it_went_in(value, label, at, count, latched):
    state = msgspec.structs.replace(
        STATE, value=value, label=label, raised_at=at, changed_at=at, count=count, latched=latched
    )
    message = messages.AlarmMessage(**ENVELOPE, run=RUN, seq=1, alarm=codec.as_raw(state))
    assert codec.decode_alarm_state(codec.decode_alarm_message(codec.encode(message)).alarm) == state


@given(st.binary(max_size=400))
def test_no_bytes_break_a_decoder_in_any_other_way_than_its_own(data):
    for decode in DECODERS.values():
        with pytest.raises((UnreadableError, OversizeError)):
            decode(data)


def test_an_alarm_is_over_when_cause_and_latch_are_gone():
    def state(condition, *, latched):
        return msgspec.structs.replace(STATE, condition=condition, latched=latched)

    normal, active = type(STATE.condition).NORMAL, type(STATE.condition).ACTIVE
    assert state(normal, latched=False).cleared
    assert not state(normal, latched=True).cleared
    assert not state(active, latched=False).cleared


def test_new_ids_sort_by_time_and_never_repeat():
    start = int(AT.timestamp() * 1000)
    ids = [new_uuid7(unix_ms=start + step) for step in range(200)]
    assert ids == sorted(ids)
    same = {new_uuid7(unix_ms=start) for _ in range(1000)}
    assert len(same) == 1000
    assert all(len(one) == len(ALARM) and one[14] == "7" for one in ids)


# --- the document --------------------------------------------------------------------------------


def test_the_document_is_that_of_the_code():
    assert (ROOT / "docs/asyncapi.json").read_text(encoding="utf-8") == render_contract(), "run `make api`"


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_valid_by_the_documents_schema(name):
    document = describe_contract()
    kind = type(EXAMPLES[name]).__name__
    schema = {"$ref": f"#/components/schemas/{kind}", "components": document["components"]}
    jsonschema.validate(json.loads(codec.encode(EXAMPLES[name])), schema)


def test_the_schema_refuses_what_the_codec_refuses():
    document = describe_contract()
    schema = {"$ref": "#/components/schemas/AlarmMessage", "components": document["components"]}
    wrong = json.loads(codec.encode(EXAMPLES["alarm"]))
    wrong["alarm"]["kind"] = "earthquake"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)


def test_time_is_kept_to_the_millisecond_and_with_its_zone():
    later = msgspec.structs.replace(STATE, raised_at=AT + timedelta(milliseconds=1))
    assert codec.decode_alarm_state(codec.as_raw(later)).raised_at - AT == timedelta(milliseconds=1)
