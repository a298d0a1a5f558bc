"""What can go wrong in the gateway.

EdgeError
 ├─ ConfigError            the site file cannot be used
 ├─ StoreError             a durable store cannot be read or written
 ├─ WayOutError            a message could not be sent by the gateway's second way
 └─ DriverError
     ├─ WithdrawnError     a write was no longer wanted when it could have left
     ├─ LinkError          the bus cannot be reached
     ├─ NoAnswerError      a device on a living bus stays silent
     ├─ RefusedError       a device answers, with an exception or with nonsense
     └─ ReadBackError      a device does not show what was written to it
"""


class EdgeError(Exception):
    """Base of the gateway's own errors."""


class ConfigError(EdgeError):
    """The site file cannot be used; each line of the text is one problem with its place."""


class StoreError(EdgeError):
    """A durable store cannot be read or written."""


class WayOutError(EdgeError):
    """A message could not be sent by the gateway's second way; it will be tried again."""


class DriverError(EdgeError):
    """A bus or a device on it did not do what was asked."""


class LinkError(DriverError):
    """The bus cannot be reached."""


class NoAnswerError(DriverError):
    """A device on a living bus stays silent."""


class RefusedError(DriverError):
    """A device answers, with an exception or with nonsense."""


class ReadBackError(DriverError):
    """A device does not show what was written to it."""


class WithdrawnError(DriverError):
    """A write was no longer wanted when its turn on the line came; nothing was sent."""
