"""What must hold of every decoder whatever bytes it gets.

Each target takes bytes and fails an assertion, or lets an unexpected error through, when its promise is
broken. `test_noise.py` tries them with hypothesis in every test run; `bench/fuzz.py` for hours with
coverage guidance.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from pydantic import ValidationError

from edge.drivers import gb26875frames, gb26875units, hj212frames
from edge.drivers.adverts import Advert, AdvertError, decode_bthome, decode_mibeacon
from edge.drivers.modbusprofile import BIT_FUNCTIONS, ByteOrder, ModbusProfile, PointProfile, ValueType
from edge.drivers.planner import plan_reads, split_block
from edge.drivers.profile import parse_profile, shipped_profiles
from edge.drivers.registers import compile_block
from edge.errors import ConfigError
from edge.site.siteloader import Problem, SiteError, read_site
from edge.site.siterules import rules_of
from tests.fuzz.noise import Cursor
from tests.fuzz.oracles import gb26875_frames, hj212_segments
from tests.fuzz.stages import mqtt, stations, transmitters
from wire import codec
from wire.errors import WireError
from wire.vocabulary import Quality

ADDRESS = bytes.fromhex("5448E68F80A5")
KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def hj212(noise: bytes) -> None:
    """A packet comes only from a frame with a fitting check, however the stream is cut."""
    cursor = Cursor(noise)
    size = cursor.byte() % 64 + 1
    stream = cursor.rest()
    whole = hj212frames.FrameReader().feed(stream)
    reader = hj212frames.FrameReader()
    assert [packet for piece in _pieces(stream, size) for packet in reader.feed(piece)] == whole
    true = hj212_segments(stream)
    for packet in whole:
        assert any(_hj212_says(segment) == packet for segment in true), "a packet without a fitting check"
        hj212frames.parse_parameters(packet.cp)
        assert packet.edition is None or packet.edition in hj212frames.Edition
    try:
        hj212frames.decode_data(stream)
    except hj212frames.FrameError:
        return


def _hj212_says(segment: bytes) -> hj212frames.Packet | None:
    try:
        return hj212frames.decode_data(segment)
    except hj212frames.FrameError:
        return None


def gb26875(noise: bytes) -> None:
    """A frame is believed only with a fitting checksum, however the stream is cut."""
    cursor = Cursor(noise)
    size = cursor.byte() % 64 + 1
    stream = cursor.rest()
    whole = gb26875frames.FrameReader().feed(stream)
    reader = gb26875frames.FrameReader()
    assert [frame for piece in _pieces(stream, size) for frame in reader.feed(piece)] == whole
    true = [gb26875frames.decode_frame(frame) for frame in gb26875_frames(stream)]
    for frame in whole:
        assert frame in true, "a frame without a fitting checksum"
        again = gb26875frames.decode_frame(gb26875frames.encode_frame(frame))
        assert again == frame
    for adu in (stream, *(frame.adu for frame in whole)):
        try:
            units = gb26875units.decode_adu(adu)
        except gb26875frames.FrameError:
            continue
        for unit in units:
            if isinstance(unit, gb26875units.AnalogValue):
                assert math.isfinite(unit.value)


def adverts(noise: bytes) -> None:
    """An advertisement is believed as the key says: no downgrade, no opened seal that does not fit."""
    cursor = Cursor(noise)
    choice = cursor.byte()
    decode = decode_bthome if choice & 1 else decode_mibeacon
    key = KEY if choice & 2 else None
    body = cursor.rest()
    if choice & 4:
        plain, sealed = _seal_bthome(body) if choice & 1 else _seal_mibeacon(body)
        assert _believed(decode, sealed, KEY) == _believed(decode, plain, None)
        assert _believed(decode, sealed, bytes(16)) in (None, {})
        return
    try:
        advert = decode(body, address=ADDRESS, key=key)
    except AdvertError:
        return
    assert all(math.isfinite(value) for value in advert.values.values())
    assert advert.encrypted == (key is not None) or not advert.values, "a downgrade was believed"


def _believed(decode: Callable[..., Advert], data: bytes, key: bytes | None) -> dict[str, float] | None:
    try:
        return dict(decode(data, address=ADDRESS, key=key).values)
    except AdvertError:
        return None


def _seal_bthome(body: bytes) -> tuple[bytes, bytes]:
    counter = b"\x01\x02\x03\x04"
    nonce = ADDRESS + b"\xd2\xfc" + b"\x41" + counter
    sealed = AESCCM(KEY, tag_length=4).encrypt(nonce, body, None)
    return b"\x40" + body, b"\x41" + sealed[:-4] + counter + sealed[-4:]


def _seal_mibeacon(body: bytes) -> tuple[bytes, bytes]:
    tail = b"\x97\x09\x21"
    extended = b"\x01\x00\x00"
    # An empty sealed body is cut short by the format's own rule; one byte of nothing stands for it.
    body = body or b"\x00"
    sealed = AESCCM(KEY, tag_length=4).encrypt(ADDRESS[::-1] + tail + extended, body, b"\x11")
    plain = (0x5040).to_bytes(2, "little") + tail + body
    return plain, (0x5048).to_bytes(2, "little") + tail + sealed[:-4] + extended + sealed[-4:]


def registers(noise: bytes) -> None:
    """Every value of a profile is a finite number inside its range, or there is none."""
    cursor = Cursor(noise)
    models = [profile for profile in shipped_profiles().values() if isinstance(profile, ModbusProfile)]
    choice = cursor.byte()
    profile = models[choice % len(models)] if choice & 1 else _some_profile(cursor)
    if profile is None:
        return
    values: list[float | None] = [None] * len(profile.points)
    qualities = [Quality.COMM_FAULT] * len(profile.points)
    covered: set[int] = set()
    widest = max(point.registers for point in profile.points)
    for block in plan_reads(profile):
        covered |= block.points
        cap = profile.max_bits if block.fc in BIT_FUNCTIONS else profile.max_registers
        assert block.count <= max(cap, widest + profile.even * 2), "a block over the cap"
        for part in split_block(profile, block) or (block,):
            bits = part.fc in BIT_FUNCTIONS
            answer = [cursor.byte() & 1 if bits else cursor.word() for _ in range(part.count)]
            compile_block(profile, part).decode(answer, values, qualities)
    assert covered >= set(range(len(profile.points))), "a point that nobody reads"
    for value, quality, point in zip(values, qualities, profile.points, strict=True):
        assert (value is None) == (quality is not Quality.GOOD)
        if value is not None:
            assert math.isfinite(value)
            assert point.min is None or value >= point.min
            assert point.max is None or value <= point.max


_NUMBERS = (1.0, 0.1, -1.0, 100.0, 1e300, 0.0, 1e-300)


def _some_profile(cursor: Cursor) -> ModbusProfile | None:
    """A profile of up to six points; None when the file's own checks would refuse it."""
    try:
        points = tuple(_some_point(cursor, index) for index in range(cursor.byte() % 6 + 1))
        return ModbusProfile(
            model="noise",
            vendor="noise",
            title="noise",
            kind="gas",
            source="noise",
            confidence="low",
            max_registers=cursor.byte() % 125 + 1,
            max_gap=cursor.byte() % 126,
            even=bool(cursor.byte() & 1),
            forbidden=((cursor.word(), cursor.word()),) if cursor.byte() & 1 else (),
            points=points,
        )
    except ValidationError:
        return None


def _some_point(cursor: Cursor, index: int) -> PointProfile:
    kinds, orders = tuple(ValueType), tuple(ByteOrder)
    kind = kinds[cursor.byte() % len(kinds)]
    settings: dict[str, Any] = {
        "name": f"p{index}",
        "unit": "1",
        "fc": cursor.byte() % 2 + (1 if kind is ValueType.BIT else 3),
        "address": cursor.word(),
        "type": kind,
        "byte_order": orders[cursor.byte() % len(orders)],
        "scale": _NUMBERS[cursor.byte() % len(_NUMBERS)],
        "offset": _NUMBERS[cursor.byte() % len(_NUMBERS)],
    }
    if cursor.byte() & 1:
        settings["mask"] = cursor.word()
    if cursor.byte() & 1:
        settings["min"], settings["max"] = -float(cursor.word()), float(cursor.word())
    return PointProfile(**settings)


_DECODERS: tuple[Callable[[bytes], Any], ...] = (
    codec.decode_envelope,
    codec.decode_lane_envelope,
    lambda data: codec.decode_alarm_state(codec.decode_alarm_message(data).alarm),
    lambda data: codec.decode_readings_batch(codec.decode_readings_message(data).batch),
    codec.decode_status,
    codec.decode_report,
    codec.decode_reply,
    lambda data: codec.decode_order(codec.decode_command(data).order),
    codec.decode_alarm_state,
    codec.decode_readings_batch,
    codec.decode_order,
)


def wire(noise: bytes) -> None:
    """The contract's decoders raise their own errors only; what they read can be written again."""
    cursor = Cursor(noise)
    decode = _DECODERS[cursor.byte() % len(_DECODERS)]
    try:
        message = decode(cursor.rest())
    except WireError:
        return
    codec.as_raw(message)


def site(noise: bytes) -> None:
    """A site file or a profile is taken or refused with places; never a traceback, never slowly."""
    cursor = Cursor(noise)
    if cursor.byte() & 1:
        with contextlib.suppress(ConfigError):
            parse_profile(cursor.rest().decode(errors="replace"), origin="noise.yaml")
        return
    data = cursor.rest()
    problems: tuple[Problem, ...] = ()
    try:
        rules_of(read_site(data, Path("noise.yaml")).settings)
    except SiteError as error:
        problems = error.problems or (Problem("", 0, 0, "refused without a reason"),)
    assert all(1 <= one.line <= len(data) + 2 and one.column >= 1 and one.text for one in problems)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "registers": registers,
    "adverts": adverts,
    "hj212": hj212,
    "gb26875": gb26875,
    "mqtt": mqtt,
    "stations": stations,
    "transmitters": transmitters,
    "wire": wire,
    "site": site,
}
