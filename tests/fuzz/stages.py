"""What must hold behind the framing: packets that are sound by their check and say anything at all.

A value is a finite number or none, it belongs to a device that is configured, and its quality is one of the
vocabulary; whatever a sender writes, nothing but that comes out and nothing is raised.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from edge.drivers.gb26875 import Behind, TransmitterDesk, parse_place
from edge.drivers.gb26875frames import Frame
from edge.drivers.hj212 import Station, StationDesk
from edge.drivers.hj212frames import Packet
from edge.drivers.listenedprofile import GbProfile, HjProfile, MqttProfile
from edge.drivers.mqttmessages import MessageDesk, MqttDevice
from edge.drivers.profile import shipped_profiles
from edge.model import Moment
from tests.fuzz.noise import Cursor
from wire.vocabulary import Quality

NOW = Moment(wall_ms=1_764_000_000_000, boot_ms=1_000_000)
MN = "010000A8900016F000169DC0"
TRANSMITTER = 3456
_PLACES = {"transmitter": "3456", "system": "3456/1.1", "component": "3456/1.1/11.65539"}
_CODES = ("2011", "2051", "2061", "2031", "1013", "9015", "9014", "")
_COMMANDS = (1, 2, 3, 4, 5, 6, 128, 0)


def mqtt(noise: bytes) -> None:
    """Any payload, kept or not, on every topic that a shipped model listens to."""
    cursor = Cursor(noise)
    desk = MessageDesk(
        MqttDevice(device=model, address="a", profile=profile)
        for model, profile in shipped_profiles().items()
        if isinstance(profile, MqttProfile)
    )
    topic = desk.filters[cursor.byte() % len(desk.filters)].replace("+", "x")
    retained = bool(cursor.byte() & 1)
    for _ in range(2):  # the second time it may be a repeat
        heard = desk.take(topic, cursor.rest(), retained=retained, now=NOW)
        assert heard, "somebody listens to it"
        _judge(heard, known={m for m, p in shipped_profiles().items() if isinstance(p, MqttProfile)})


def stations(noise: bytes) -> None:
    """A packet whose check fits, with any command and any parameters."""
    cursor = Cursor(noise)
    profile = shipped_profiles()["river-station-hj212"]
    assert isinstance(profile, HjProfile)
    desk = StationDesk([Station(mn=MN, devices=(("river", profile),))], set_time=bool(cursor.byte() & 1))
    code, flag = _CODES[cursor.byte() % len(_CODES)], cursor.byte()
    total = cursor.byte() % 4 or None
    text = cursor.rest().decode("gb18030", errors="replace")
    for number in (1, 2):
        packet = Packet(
            qn=text[:17],
            st="21",
            cn=code,
            pw="",
            mn=MN,
            flag=flag,
            cp=text,
            total=total,
            number=None if total is None else number,
        )
        reaction = desk.take(packet, NOW, clock_trusted=True)
        _judge(reaction.heard, known={"river"})
    _judge(desk.settle(Moment(wall_ms=NOW.wall_ms + 60_000, boot_ms=NOW.boot_ms + 60_000)), known={"river"})


def transmitters(noise: bytes) -> None:
    """A frame whose checksum fits, with any command and any application data."""
    cursor = Cursor(noise)
    behind = []
    for model, profile in shipped_profiles().items():
        if isinstance(profile, GbProfile) and profile.level not in {one.profile.level for one in behind}:
            place = parse_place(_PLACES[profile.level])
            assert place is not None
            behind.append(Behind(device=model, place=place, profile=profile))
    desk = TransmitterDesk(behind)
    frame = Frame(
        serial=cursor.word(),
        source=TRANSMITTER if cursor.byte() & 3 else 1,
        command=_COMMANDS[cursor.byte() % len(_COMMANDS)],
        adu=cursor.rest(),
    )
    for _ in range(2):
        reaction = desk.take(frame, NOW)
        _judge(reaction.heard, known={one.device for one in behind})


def _judge(heard: Iterable[Any], *, known: set[str]) -> None:
    for one in heard:
        assert one.device in known
        values: Mapping[str, float | None] = one.values
        assert all(value is None or math.isfinite(value) for value in values.values()), values
        assert all(isinstance(quality, Quality) for quality in (one.qualities or {}).values())
