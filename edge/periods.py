"""How often a device is heard, and how long it may be silent: the site file's word, else its profile's."""

from typing import Final

from edge.config import DeviceSettings
from edge.drivers.listenedprofile import ListenedProfile
from edge.drivers.profile import Profile

DEFAULT_PERIOD_S: Final = 1.0
LEAST_CONTACT_S: Final = 30.0


def period_s_of(device: DeviceSettings, profile: Profile) -> float:
    """Return how often a device is read, or how long it is silent at most."""
    if device.period_s is not None:
        return device.period_s
    return profile.period_s if isinstance(profile, ListenedProfile) else DEFAULT_PERIOD_S


def contact_after_s(device: DeviceSettings, profile: Profile) -> float:
    """Return for how long a device may be silent before that is an alarm of its own."""
    if device.contact.after_s is not None:
        return device.contact.after_s
    return max(LEAST_CONTACT_S, 3 * period_s_of(device, profile))
