"""What can be wrong with bytes that arrive.

WireError
 ├─ OversizeError       larger than the contract allows
 ├─ UnreadableError     no readable envelope: the bytes go to quarantine
 └─ BodyError           the envelope is readable, its content is not
"""


class WireError(ValueError):
    """The bytes do not keep the wire contract."""


class OversizeError(WireError):
    """A message is larger than the contract allows."""

    def __init__(self, *, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"message of {size_bytes} bytes, at most {limit_bytes} are allowed")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class UnreadableError(WireError):
    """The bytes carry no readable envelope."""


class BodyError(WireError):
    """The envelope is readable, but its content is not what the contract says."""
