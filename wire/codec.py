"""Bytes to messages and back, with the size cap and errors that say what is wrong."""

from typing import Final, TypeVar

import msgspec

from wire.errors import BodyError, OversizeError, UnreadableError
from wire.fields import Message
from wire.messages import (
    AlarmMessage,
    AlarmState,
    CommandMessage,
    Envelope,
    LaneEnvelope,
    ReadingsBatch,
    ReadingsMessage,
    Reply,
    ReportMessage,
    StatusMessage,
)
from wire.orders import Order

MAX_MESSAGE_BYTES: Final = 256 * 1024
"""Cap in both directions; the broker is configured with the same."""

MAX_BATCH_ROWS: Final = 4_000

_M = TypeVar("_M")

_encoder = msgspec.json.Encoder()
_envelope = msgspec.json.Decoder(Envelope)
_lane_envelope = msgspec.json.Decoder(LaneEnvelope)
_alarm_message = msgspec.json.Decoder(AlarmMessage)
_alarm_state = msgspec.json.Decoder(AlarmState)
_readings_message = msgspec.json.Decoder(ReadingsMessage)
_batch = msgspec.json.Decoder(ReadingsBatch)
_status = msgspec.json.Decoder(StatusMessage)
_report = msgspec.json.Decoder(ReportMessage)
_reply: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)
_order: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
_command = msgspec.json.Decoder(CommandMessage)


def encode(message: Message) -> bytes:
    """Return a message as UTF-8 JSON.

    Raises:
        OversizeError: it is larger than `MAX_MESSAGE_BYTES`.
    """
    data = _encoder.encode(message)
    _check_size(data)
    return data


def decode_envelope(data: bytes) -> Envelope:
    """Read the envelope alone, whatever follows it.

    Raises:
        OversizeError, UnreadableError: the bytes are to be quarantined.
    """
    return _outer(_envelope, data)


def decode_alarm_message(data: bytes) -> AlarmMessage:
    """Read an alarm's envelope; its content stays raw (see `decode_alarm_state`).

    Raises:
        OversizeError, UnreadableError: the bytes are to be quarantined.
    """
    return _outer(_alarm_message, data)


def decode_alarm_state(raw: bytes | msgspec.Raw) -> AlarmState:
    """Read the content of an alarm message.

    Raises:
        BodyError: the content is not what this version knows; store it raw.
    """
    return _inner(_alarm_state, raw)


def decode_lane_envelope(data: bytes) -> LaneEnvelope:
    """Read the envelope and numbers of a lane's message.

    Raises:
        OversizeError, UnreadableError: the bytes are to be quarantined.
    """
    return _outer(_lane_envelope, data)


def decode_readings_message(data: bytes) -> ReadingsMessage:
    """Read a batch's envelope; its content stays raw (see `decode_readings_batch`).

    Raises:
        OversizeError, UnreadableError: the bytes are to be quarantined.
    """
    return _outer(_readings_message, data)


def decode_readings_batch(raw: bytes | msgspec.Raw) -> ReadingsBatch:
    """Read the columns of a batch and check that they fit together.

    Raises:
        BodyError: columns differ in length, point outside the series, or are over
            `MAX_BATCH_ROWS`.
    """
    batch = _inner(_batch, raw)
    rows = len(batch.s)
    if rows > MAX_BATCH_ROWS:
        raise BodyError(f"batch of {rows} rows, at most {MAX_BATCH_ROWS} are allowed")
    if not (rows == len(batch.offset_ms) == len(batch.value)):
        raise BodyError("the columns s, offset_ms and value differ in length")
    if batch.quality and len(batch.quality) != rows:
        raise BodyError("the column quality is neither empty nor as long as the others")
    if rows and max(batch.s) >= len(batch.series):
        raise BodyError("the column s points outside the series")
    return batch


def decode_status(data: bytes) -> StatusMessage:
    """Read a status or a last will.

    Raises:
        OversizeError, UnreadableError: not a status of this contract.
    """
    return _outer(_status, data)


def decode_report(data: bytes) -> ReportMessage:
    """Read a report.

    Raises:
        OversizeError, UnreadableError: not a report of this contract.
    """
    return _outer(_report, data)


def decode_reply(data: bytes) -> Reply:
    """Read what the server says on `down/ack`.

    Raises:
        OversizeError, UnreadableError: not a reply of this contract.
    """
    return _outer(_reply, data)


def decode_command(data: bytes) -> CommandMessage:
    """Read a command; its order stays raw (see `decode_order`).

    Raises:
        OversizeError, UnreadableError: not a command of this contract.
    """
    return _outer(_command, data)


def decode_order(raw: bytes | msgspec.Raw) -> Order:
    """Read what a command orders.

    Raises:
        BodyError: an order this version does not know; answer it `unknown`.
    """
    return _inner(_order, raw)


def as_raw(content: Message) -> msgspec.Raw:
    """Return a message's content as the raw JSON that an outer message carries."""
    return msgspec.Raw(_encoder.encode(content))


def _outer(decoder: "msgspec.json.Decoder[_M]", data: bytes) -> _M:
    _check_size(data)
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(str(error)) from error


def _inner(decoder: "msgspec.json.Decoder[_M]", raw: bytes | msgspec.Raw) -> _M:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BodyError(str(error)) from error


def _check_size(data: bytes) -> None:
    if len(data) > MAX_MESSAGE_BYTES:
        raise OversizeError(size_bytes=len(data), limit_bytes=MAX_MESSAGE_BYTES)
