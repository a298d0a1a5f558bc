"""What advertising devices say: filtered, decoded, checked for repeats and played-back packets.

An advertisement is a hint. One that could be an old one raises an alarm and ends none; a packet that was
heard before says nothing at all, so that an old value never looks fresh.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from edge.drivers.adverts import (
    BTHOME_UUID,
    MIBEACON_UUID,
    Advert,
    AdvertError,
    decode_bthome,
    decode_mibeacon,
)
from edge.drivers.adverttext import FORMATS, describe_advert
from edge.drivers.radio import Sighting
from edge.drivers.replayguard import (
    RING,
    Standing,
    Track,
    at_rest,
    confirm,
    is_fresh,
    judge_counter,
    judge_packet,
    resume,
)
from edge.ports import Clock, StoredCounter
from edge.reception import Reception

FALLEN_POINT: Final = "counter_fell_back"
"""A point that says that a device's counter fell back, for profiles that name it."""
_FORMATS: Final[dict[str, tuple[str, Callable[..., Advert]]]] = {
    "bthome": (BTHOME_UUID, decode_bthome),
    "mibeacon": (MIBEACON_UUID, decode_mibeacon),
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvertisingDevice:
    """A device that is heard.

    Attributes:
        id: within this gateway.
        address: as it is printed.
        format: `bthome` or `mibeacon`.
        names: by the format's name of a quantity the point's.
        key: 16 bytes; None for a device that has none.
    """

    id: str
    address: str
    format: str
    names: Mapping[str, str]
    key: bytes | None = field(default=None, repr=False)


@dataclass(slots=True)
class _Heard:
    device: AdvertisingDevice
    raw_address: bytes
    uuid: str
    decode: Callable[..., Advert]
    track: Track = field(default_factory=Track)
    data: bytes = b""
    state: tuple[Any, ...] | None = None
    packet: int | None = None
    advert: Advert | None = None
    """What `data` says; None when it cannot be believed."""
    complaints: set[str] = field(default_factory=set)
    """Why packets were refused since the last one that was believed; each is said once."""


class Hearing:
    """The advertising devices of one bus."""

    def __init__(
        self,
        *,
        bus: str,
        devices: Sequence[AdvertisingDevice],
        reception: Reception,
        clock: Clock,
        others: Iterable[str] = (),
    ) -> None:
        """Know the devices, and the addresses of others that are configured though not heard here."""
        self._bus = bus
        self._reception = reception
        self._clock = clock
        self._others = frozenset(others)
        self._by_address = {
            device.address.upper(): _Heard(
                device=device,
                raw_address=bytes.fromhex(device.address.replace(":", "")),
                uuid=_FORMATS[device.format][0],
                decode=_FORMATS[device.format][1],
            )
            for device in devices
        }
        self._by_id = {heard.device.id: heard for heard in self._by_address.values()}
        self.unsaved: dict[str, StoredCounter] = {}
        """What must still be stored, by device; whoever stores it calls `confirm`."""
        self.forgotten: set[str] = set()
        """Devices whose stored counter must go."""

    def resume(self, stored: Mapping[str, StoredCounter]) -> None:
        """Take up the counters where the last run left them."""
        for name, heard in self._by_id.items():
            heard.track = resume(stored.get(name))
            if heard.track.fallen:
                log.warning("counter_still_fallen", bus=self._bus, device=name)

    def take(self, sighting: Sighting) -> None:
        """Take what the scanner called back with."""
        heard = self._by_address.get(sighting.address)
        if heard is None:
            self._note_stranger(sighting)
            return
        data = sighting.services.get(heard.uuid)
        moved, heard.state = sighting.state != heard.state, sighting.state
        if data is None or not sighting.on_air:
            return
        if data == heard.data:
            # Its state changed and its data did not: the callback is no advertisement.
            if not moved and heard.advert is not None:
                self._repeat(heard, heard.advert)
            return
        heard.data = data
        heard.advert = self._decode(heard, data)
        if heard.advert is not None:
            self._judge(heard, heard.advert)

    def describe(self, sighting: Sighting) -> Iterator[tuple[bytes, str, tuple[str, ...]]]:
        """Yield what an advertisement holds in known formats: its bytes, what they say, whose they are."""
        heard = self._by_address.get(sighting.address)
        key = None if heard is None else heard.device.key
        names = () if heard is None else (heard.device.id,)
        for uuid, data in sighting.services.items():
            if uuid in FORMATS:
                yield data, describe_advert(uuid, data, address=sighting.address, key=key), names

    def _note_stranger(self, sighting: Sighting) -> None:
        for name, (uuid, _) in _FORMATS.items():
            if uuid in sighting.services and sighting.on_air and sighting.address not in self._others:
                self._reception.note_stranger(sighting.address, said=name)

    def confirm(self, saved: Mapping[str, StoredCounter]) -> None:
        """Note what is on the disk; what waited for it is now believed in full."""
        for name, stored in saved.items():
            if self.unsaved.get(name) is not stored:
                continue  # replaced meanwhile, or the device was enrolled again
            del self.unsaved[name]
            heard = self._by_id[name]
            waited = not is_fresh(heard.track)
            heard.track = confirm(heard.track, stored)
            if waited and is_fresh(heard.track) and heard.advert is not None:
                self._tell(heard, heard.advert, may_clear=True)

    def re_enrol(self, device: str) -> bool:
        """Begin anew with a device's counter; returns whether the device is one that is heard here."""
        heard = self._by_id.get(device)
        if heard is None:
            return False
        log.warning("device_enrolled_again", bus=self._bus, device=device)
        heard.track = Track()
        heard.data, heard.packet, heard.advert = b"", None, None
        heard.complaints.clear()
        self.unsaved.pop(device, None)
        self.forgotten.add(device)
        return True

    def rest(self) -> dict[str, StoredCounter]:
        """Return what to store when the gateway stops in order."""
        found = {name: at_rest(heard.track) for name, heard in self._by_id.items()}
        return {name: stored for name, stored in found.items() if stored is not None}

    def _decode(self, heard: _Heard, data: bytes) -> Advert | None:
        device = heard.device
        try:
            advert = heard.decode(data, address=heard.raw_address, key=device.key)
        except AdvertError as error:
            self._complain(heard, str(error))
            return None
        if device.key is not None and not advert.encrypted:
            return None  # a beacon without content, which anybody can send
        if not advert.encrypted and not advert.values:
            return None
        if heard.complaints:
            log.info("packets_believed_again", bus=self._bus, device=device.id)
            heard.complaints.clear()
        return advert

    def _complain(self, heard: _Heard, why: str) -> None:
        """Say once why packets are refused; a device that was never understood is lost at once."""
        if why in heard.complaints:
            return
        first = not heard.complaints
        heard.complaints.add(why)
        log.warning("packets_refused", bus=self._bus, device=heard.device.id, error=why)
        if first and heard.track.last is None and heard.packet is None:
            self._reception.lose(heard.device.id)

    def _judge(self, heard: _Heard, advert: Advert) -> None:
        if advert.encrypted and advert.counter is not None:
            was_fallen = heard.track.fallen
            now_ms = self._clock.moment().boot_ms
            heard.track, standing, stored = judge_counter(heard.track, advert.counter, now_ms)
            if stored is not None:
                self.unsaved[heard.device.id] = stored
            if standing is Standing.FALLEN and not was_fallen:
                log.error("counter_fell_back", bus=self._bus, device=heard.device.id, counter=advert.counter)
        else:
            standing = self._judge_plain(heard, advert)
        if standing is Standing.REPEAT:
            return
        self._tell(heard, advert, may_clear=standing is Standing.FRESH)
        if standing is Standing.FALLEN:
            # Nobody can say any more that this is the device: its contact rule calls a person.
            self._reception.lose(heard.device.id)

    def _judge_plain(self, heard: _Heard, advert: Advert) -> Standing:
        packet = advert.packet if advert.counter is None else advert.counter % RING
        if packet is None:
            return Standing.FRESH
        standing = judge_packet(heard.packet, packet)
        if standing is Standing.FRESH:
            heard.packet = packet
        return standing

    def _repeat(self, heard: _Heard, advert: Advert) -> None:
        """Take the same bytes again: news only from a device that does not number its packets."""
        if advert.counter is None and advert.packet is None:
            self._tell(heard, advert, may_clear=True)

    def _tell(self, heard: _Heard, advert: Advert, *, may_clear: bool) -> None:
        names = heard.device.names
        values: dict[str, float | None] = {
            names[found]: value for found, value in advert.values.items() if found in names
        }
        if FALLEN_POINT in names:
            values[names[FALLEN_POINT]] = float(heard.track.fallen)
        self._reception.hear(heard.device.id, values, may_clear=may_clear)
