"""How often a device is heard, how long it may be silent, and what of it is stored.

The site file's word counts, else its profile's.
"""

from typing import Final

from edge.drivers.listenedprofile import ListenedProfile
from edge.drivers.profile import Profile
from edge.site.config import DeviceSettings, ReportSettings
from edge.stores.exceptionreport import Deadband, ReportPolicy

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


def report_policy_of(device: DeviceSettings, profile: Profile, site: ReportSettings) -> ReportPolicy:
    """Return which readings of a device are stored: its own word, the site's, the profile's, in that order.

    Args:
        device: the device.
        profile: its model.
        site: what the site file says for every device.
    """
    heartbeats = (device.report.heartbeat_s, site.heartbeat_s, profile.heartbeat_s)
    heartbeat_s = next(said for said in heartbeats if said is not None)
    percents = (device.report.deadband_percent, site.deadband_percent)
    percent = next((said for said in percents if said is not None), None)
    own = {**site.deadbands, **device.report.deadbands}
    return ReportPolicy(
        heartbeat_ms=round(heartbeat_s * 1000),
        deadbands={
            point.name: Deadband(
                absolute=own.get(point.name, point.deadband),
                percent=point.deadband_percent if percent is None else percent,
            )
            for point in profile.points
        },
    )
