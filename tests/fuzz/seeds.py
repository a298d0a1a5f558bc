"""Where fuzzing starts: the verified frames of the drivers' own tests, as each target takes them."""

from pathlib import Path

from edge.drivers import profile
from tests.edge.config import test_site_file
from tests.edge.drivers import test_adverts, test_gb26875frames, test_hj212frames

_GOLDEN = Path(__file__).parents[1] / "wire" / "golden"
_WIRE = {"alarm": 2, "readings": 3, "status": 4, "report": 5, "reply": 6, "command": 7}
"""Which of the codec's decoders (`targets.wire`) reads each kind of golden message."""


def seeds_of(target: str) -> list[bytes]:
    """The inputs a target starts from."""
    return _SEEDS[target]()


def _hj212() -> list[bytes]:
    frames = test_hj212frames.KNOWN
    return [b"\x00" + frame for frame in frames] + [b"\x07" + b"".join(frames)]


def _gb26875() -> list[bytes]:
    names = ("STATUS", "CONFIRM", "GAS_FIRE", "ANALOG")
    frames = [getattr(test_gb26875frames, name) for name in names]
    return [b"\x00" + frame for frame in frames] + [b"\x07" + b"".join(frames), b"\x01" + frames[2][27:-3]]


def _adverts() -> list[bytes]:
    gas, sealed = test_adverts.GAS, test_adverts.SEALED
    smoke = b"\x15\x10\x01\x01"
    return [
        b"\x01" + gas,
        b"\x03" + sealed,
        b"\x05" + gas[1:],
        b"\x04" + smoke,
        b"\x00" + test_adverts._mibeacon(smoke, encrypted=False),
        b"\x02" + test_adverts._mibeacon(smoke, encrypted=True),
        b"\x00\x70\x50\x97\x09\x21" + bytes(6) + b"\x20\x00\x00" + smoke,
    ]


def _registers() -> list[bytes]:
    floats = bytes.fromhex("40ed70a4 a470ed40 7fc00000 7f800000 ffffffff".replace(" ", ""))
    return [bytes([odd]) + floats * 8 for odd in range(1, 16, 2)] + [b"\x00\x05" + floats * 16]


def _wire() -> list[bytes]:
    return [
        bytes([_WIRE[file.stem.split("-")[0]]]) + file.read_bytes().strip()
        for file in sorted(_GOLDEN.glob("*.json"))
    ]


def _site() -> list[bytes]:
    broken = Path(__file__).parents[1] / "edge" / "config" / "broken"
    files = [file.read_bytes() for file in sorted(broken.glob("*.yaml"))]
    profiles = Path(profile.__file__).parent / "profiles"
    models = [file.read_bytes() for file in sorted(profiles.glob("*.yaml"))]
    good = test_site_file.GOOD.encode()
    return [b"\x00" + good, *(b"\x00" + file for file in files if len(file) < _MOST_SEED_BYTES)] + [
        b"\x01" + model for model in models
    ]


def _mqtt() -> list[bytes]:
    """Each payload on each of the first topics, fresh and kept."""
    payloads = (
        b'{"gas":true,"gas_value":12.5,"battery":90,"linkquality":80,"last_seen":"2026-11-24T10:15:30+08:00"}',
        b'{"Time":"2026-11-24T10:15:30","ENERGY":{"Power":12.5,"Voltage":229,"Current":0.05,"Total":1e308}}',
        b'{"time":"2026-11-24T02:15:30.25Z","object":{"gas":1e400,"temperature":-5},"deviceInfo":{}}',
        b'{"state":"offline"}',
        b"Online",
        b"NaN",
    )
    return [bytes([topic, kept]) + payload for topic in range(6) for kept in (0, 1) for payload in payloads]


def _stations() -> list[bytes]:
    cp = (
        b"DataTime=20260801085857;w01018-Rtd=12.5,w01018-Flag=N;w01001-Rtd=7.1,w01001-Flag=D",
        b"DataTime=20260801080000;w01018-Avg=1e999,w01018-Max=nan,w01018-Flag=N;RF=1",
        b"DataTime=99999999999999;w21003-Rtd=-,w21003-Flag=",
    )
    return [bytes([1, code, 5, parts]) + text for code in range(4) for parts in (0, 2) for text in cp]


def _transmitters() -> list[bytes]:
    frames = [getattr(test_gb26875frames, name) for name in ("STATUS", "GAS_FIRE", "ANALOG")]
    return [b"\x00\x01\x01\x01" + frame[27:-3] for frame in frames]


_MOST_SEED_BYTES = 4000
_SEEDS = {
    "mqtt": _mqtt,
    "stations": _stations,
    "transmitters": _transmitters,
    "registers": _registers,
    "adverts": _adverts,
    "hj212": _hj212,
    "gb26875": _gb26875,
    "wire": _wire,
    "site": _site,
}
