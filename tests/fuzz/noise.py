"""Noise, taken apart."""

from dataclasses import dataclass


@dataclass
class Cursor:
    """Takes small choices from the front of the noise; what is left is the message."""

    data: bytes
    at: int = 0

    def byte(self) -> int:
        taken = self.data[self.at] if self.at < len(self.data) else 0
        self.at += 1
        return taken

    def word(self) -> int:
        return self.byte() << 8 | self.byte()

    def rest(self) -> bytes:
        return self.data[self.at :]
