"""Parts of the status: which configuration is in force, how the buses and the machine stand."""

from wire.fields import Count, Id, Instant, Message, Text, check_instant


class ConfigState(Message, frozen=True, kw_only=True):
    """Which configuration is in force."""

    version: Text = ""
    """What the file calls itself."""
    hash: Text = ""
    """SHA-256 of the file in force, hexadecimal."""
    loaded_at: Instant | None = None
    rejected: Text = ""
    """Why a newer file was not taken; empty when the newest is in force."""
    rejected_hash: Text = ""
    rejected_after_trial: bool = False
    """It was in force, on trial, before it was given up."""
    trial: bool = False
    """It is new and on trial: if the gateway does not work with it, the last good one comes back."""


class BusState(Message, frozen=True, kw_only=True):
    """How a bus stands."""

    bus: Id
    connected: bool
    devices: Count = 0
    """How many devices are configured on it."""
    silent: tuple[Id, ...] = ()
    """Devices that do not answer."""
    last_error: Text = ""
    """What went wrong on it last, for people; it may be over."""
    last_error_at: Instant | None = None

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        if self.last_error_at is not None:
            check_instant(self.last_error_at)


class WarmingRule(Message, frozen=True, kw_only=True):
    """A rule that looks back and has not heard enough yet to say that its cause is absent."""

    rule: Id
    device: Id


class MachineState(Message, frozen=True, kw_only=True):
    """How the machine under the gateway stands. What it cannot measure is absent."""

    disk_total_bytes: Count | None = None
    memory_total_bytes: Count | None = None
    memory_available_bytes: Count | None = None
    """What programs could still take without swapping."""
    process_resident_bytes: Count | None = None
    """Memory of the gateway itself."""
    cpu_temperature_c: float | None = None
    """Of the hottest zone, in degrees Celsius."""
    starts: Count | None = None
    """How often the gateway was started since its state folder was made."""
    starts_this_boot: Count | None = None
    """The same since the machine started; more than one means restarts."""
    certificate_expires_at: Instant | None = None
    """Until when this gateway's own certificate for the broker is valid."""
    write_budget_bytes_per_day: Count | None = None
    """How much may be written in a day; more is an alarm of class advice."""

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        if self.certificate_expires_at is not None:
            check_instant(self.certificate_expires_at)


class UnassignedDevice(Message, frozen=True, kw_only=True):
    """What a bus hears and the site file does not name: it can be entered there."""

    bus: Id
    technique: Text
    """How it speaks: `hj212`, `gb26875`, `ble`, `mqtt`."""
    address: Text
    """As a site file would name it: a station's MN, a transmitter and its component, a Bluetooth
    address, a topic."""
    said: Text = ""
    """What it said of itself, for a person."""
    heard_at: Instant

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        check_instant(self.heard_at)
