"""Which ports the demonstration listens on. All of them on loopback."""

import socket
from dataclasses import dataclass, fields
from typing import Final

LOOPBACK: Final = "127.0.0.1"


class PortTakenError(RuntimeError):
    """A port that the demonstration wants is in use; the text names it and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One port for each part."""

    server: int = 8080
    phones: int = 8090
    broker: int = 18830
    control: int = 8091
    kitchen: int = 15020
    relays: int = 15021
    riverside: int = 15022


def wanted_ports() -> Ports:
    """Return the usual ports.

    Raises:
        PortTakenError: one of them is in use.
    """
    ports = Ports()
    for one in fields(ports):
        number = getattr(ports, one.name)
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((LOOPBACK, number))
            except OSError as error:
                raise PortTakenError(
                    f"port {number} ({one.name}) on {LOOPBACK} is taken: "
                    "stop what listens there and try again"
                ) from error
    return ports


def free_ports() -> Ports:
    """Return ports that are free now, for a check beside a running demonstration."""
    numbers = pick_ports(len(fields(Ports)))
    return Ports(**{one.name: number for one, number in zip(fields(Ports), numbers, strict=True)})


def pick_ports(count: int) -> list[int]:
    """Return so many different ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind((LOOPBACK, 0))
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()
