"""Which ports the demonstration listens on. All of them on loopback."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, fields
from typing import Final

from firmware_sim.serving import PortTakenError

LOOPBACK: Final = "127.0.0.1"
_PICKED: Final = range(20_000, 32_000)
"""Below what systems hand to outgoing connections (Linux: from 32768): nothing takes such a port before its
owner listens, or while its owner is started again."""


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
    """Return so many different ports that are free now; no port twice in one process, until all were used."""
    with ExitStack() as held:
        return [_take_port(held) for _ in range(count)]


def pick_port() -> int:
    """Return a port that is free now."""
    return pick_ports(1)[0]


def _take_port(held: ExitStack) -> int:
    for _ in _PICKED:
        number = next(_walk)
        sock = held.enter_context(socket.socket())
        try:
            sock.bind((LOOPBACK, number))
        except OSError:
            continue
        return number
    raise PortTakenError(f"no port from {_PICKED.start} to {_PICKED.stop - 1} on {LOOPBACK} is free")


def _walk_from(start: int) -> Iterator[int]:
    while True:
        yield _PICKED[start % len(_PICKED)]
        start += 1


_walk: Final = _walk_from(os.getpid() * 997)
"""Processes beside one another start far apart, so that one is not given what another has not yet bound."""
