"""Where a Modbus bus is and how its frames travel. Values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpTransport:
    """Modbus TCP: frames carry the number of their question."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return where it is."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RtuOverTcpTransport:
    """Frames of a serial line, carried by TCP as they are."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return where it is."""
        return f"{self.host}:{self.port} (RTU)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialTransport:
    """A serial line at this machine.

    Attributes:
        device: the port's file.
        baud: bits a second.
        parity: `none`, `even` or `odd`.
        stop_bits: 1 or 2.
    """

    device: str
    baud: int = 9600
    parity: str = "none"
    stop_bits: int = 1

    def __str__(self) -> str:
        """Return where it is."""
        return f"{self.device} at {self.baud} baud"


Transport = TcpTransport | RtuOverTcpTransport | SerialTransport
