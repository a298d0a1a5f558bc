"""Advertisements in words, for whoever looks at the air. Pure."""

from edge.drivers.adverts import BTHOME_UUID, MIBEACON_UUID, AdvertError, decode_bthome, decode_mibeacon

FORMATS = {BTHOME_UUID: ("bthome", decode_bthome), MIBEACON_UUID: ("mibeacon", decode_mibeacon)}
"""By the UUID of its service data: the format's name, and who reads it."""


def describe_advert(uuid: str, data: bytes, *, address: str, key: bytes | None) -> str:
    """Return what an advertisement in a known format says, or why it cannot be believed.

    Args:
        uuid: of its service data, one of `FORMATS`.
        data: the service data.
        address: the device's, as it is printed.
        key: the device's; None where it has none here.
    """
    name, decode = FORMATS[uuid]
    try:
        advert = decode(data, address=bytes.fromhex(address.replace(":", "")), key=key)
    except AdvertError as error:
        return f"{address} {name}: {error}"
    said = ", ".join(f"{quantity} {value:g}" for quantity, value in advert.values.items()) or "no values"
    number = "" if advert.packet is None else f"; packet {advert.packet}"
    counter = "" if advert.counter is None else f"; counter {advert.counter}"
    return f"{address} {name}{', encrypted' if advert.encrypted else ''}: {said}{number}{counter}"
