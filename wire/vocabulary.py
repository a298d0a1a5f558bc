"""The closed vocabularies of the wire. Each member has a sentence; none is ever re-used."""

from enum import StrEnum


class Clock(StrEnum):
    """Whether the sender trusts its wall clock."""

    SYNCED = "synced"
    """Disciplined by a time source since the last start."""
    UNSURE = "unsure"
    """Never synchronised since the last start, or synchronisation was lost for a day."""


class Quality(StrEnum):
    """How far a reading can be believed."""

    GOOD = "good"
    """Read in time, inside the sensor's range."""
    STALE = "stale"
    """The last value, older than it should be."""
    OUT_OF_RANGE = "out_of_range"
    """Outside what the sensor can measure, or one of its invalid-value sentinels."""
    COMM_FAULT = "comm_fault"
    """The device did not answer; there is no value."""
    MAINTENANCE = "maintenance"
    """The device says, or a person said, that it is being worked on."""


class Kind(StrEnum):
    """What an alarm is about."""

    GAS = "gas"
    """Combustible or toxic gas in the air."""
    FIRE = "fire"
    """Fire, smoke, or fire equipment out of order."""
    ELECTRIC = "electric"
    """Leakage current, overheating or overload of an installation."""
    WATER = "water"
    """Level, pressure or quality of water."""
    CONTACT = "contact"
    """A device or bus does not answer."""


class AlarmClass(StrEnum):
    """How much is at stake, the most first."""

    LIFE_SAFETY = "life_safety"
    """Somebody may be hurt within minutes: told at once, resent fastest, never folded away."""
    HAZARD = "hazard"
    """Damage, or danger to people if nobody acts within the hour."""
    FAULT = "fault"
    """A device or installation does not do its work."""
    ADVICE = "advice"
    """To be looked at on the next visit."""


class Condition(StrEnum):
    """Where the measured cause of an alarm stands."""

    NORMAL = "normal"
    """The cause is absent."""
    PENDING = "pending"
    """The cause is present, its on-delay has not elapsed."""
    ACTIVE = "active"
    """The cause is present."""
    CLEARING = "clearing"
    """The cause is absent, its off-delay has not elapsed."""


class Suppression(StrEnum):
    """Whether and why an alarm is kept from people."""

    NONE = "none"
    """It is shown."""
    SHELVED = "shelved"
    """By a person, for a limited time, with a reason."""
    OUT_OF_SERVICE = "out_of_service"
    """The device is under maintenance."""
    BY_DESIGN = "by_design"
    """Another alarm, itself shown, explains this one."""


class Mode(StrEnum):
    """Whether the alarm is real."""

    LIVE = "live"
    """It is real."""
    TEST = "test"
    """A person on site tests the device."""
    DRILL = "drill"
    """An announced exercise."""


class ActionState(StrEnum):
    """How far an action on the spot has come."""

    PLANNED = "planned"
    """Decided, not yet sent."""
    SENT = "sent"
    """Written to the device, not yet read back."""
    CONFIRMED = "confirmed"
    """Read back from the device as wanted."""
    FAILED = "failed"
    """The device refused it, or reads back otherwise."""
    EXPIRED = "expired"
    """Could not be sent in time; it will not be sent later."""


class Lane(StrEnum):
    """The two numbered streams of a gateway."""

    ALARMS = "alarms"
    """Whole states of alarms; never shed."""
    READINGS = "readings"
    """Batches of readings; shed oldest first when space runs out."""


class Presence(StrEnum):
    """Whether a gateway says it is there."""

    ONLINE = "online"
    """Said by the gateway every 30 s."""
    OFFLINE = "offline"
    """Said by the broker for it (last will), or by itself on a clean stop."""


class CommandOutcome(StrEnum):
    """What became of a command."""

    DONE = "done"
    """Carried out."""
    REFUSED = "refused"
    """Understood and not carried out; the detail says why."""
    EXPIRED = "expired"
    """Arrived after its time."""
    STALE_SESSION = "stale_session"
    """Quotes a session that is not the gateway's current one: a replay, or it crossed a reconnect."""
    UNKNOWN = "unknown"
    """This gateway does not know such a command."""
    FAILED = "failed"
    """Tried, and it did not work; the detail says why."""


class Measure(StrEnum):
    """What a rule compares with its limit."""

    VALUE = "value"
    """The measured value itself."""
    RATE = "rate"
    """Its change, per minute."""
    MEAN = "mean"
    """Its mean over the window, each value weighed by how long it stood."""
    MIN = "min"
    """Its least value in the window."""
    MAX = "max"
    """Its greatest value in the window."""
    SUM = "sum"
    """The sum of its values in the window."""
    COUNT = "count"
    """How many values the window holds."""
    SPREAD = "spread"
    """Greatest less least value in the window: how far it moved."""
    AGE = "age"
    """Seconds since the last good value."""
    BITS = "bits"
    """A word of which some bits are watched."""
    VOTES = "votes"
    """How many of those asked say yes."""


class LimitSide(StrEnum):
    """On which side of a limit the cause is present."""

    ABOVE = "above"
    """While the measured quantity is greater."""
    BELOW = "below"
    """While it is smaller."""
    RISING = "rising"
    """While it rises faster, in the unit a minute."""
    FALLING = "falling"
    """While it falls faster, in the unit a minute."""


class Vote(StrEnum):
    """What one of several says."""

    YES = "yes"
    """The cause is present there."""
    NO = "no"
    """It is absent there."""
    UNKNOWN = "unknown"
    """Nobody can tell: bad quality, or no word yet."""


class FrameDirection(StrEnum):
    """Which way bytes went on a bus."""

    SENT = "sent"
    """By the gateway."""
    RECEIVED = "received"
    """By the gateway, from a device."""
