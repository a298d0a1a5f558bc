"""What must not be the case while an action is carried out. Pure.

A fan that is not made for explosive air must not be started while gas is in its zone. What is not
known forbids too: a sensor that is silent, in maintenance, or was heard too long ago. Closing a gas
valve is never held up by anything.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from edge.drivers.modbusprofile import ModbusProfile
from edge.drivers.profile import Profile
from edge.model import Moment, PlannedAction, Snapshot
from edge.site.config import SiteSettings
from edge.site.periods import contact_after_s
from wire.vocabulary import Quality

Guard = Callable[[PlannedAction, Moment], str]
"""Returns why an action must not be carried out now, or nothing when it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interlock:
    """A state in which an action is forbidden.

    Attributes:
        device, point: where the state is read.
        above: forbidden while the value is greater; None when `below` is used.
        below: forbidden while the value is smaller; None when `above` is used.
        max_age_ms: an older value is not known.
    """

    device: str
    point: str
    above: float | None = None
    below: float | None = None
    max_age_ms: int = 30_000

    def judge(self, snapshot: Snapshot | None, now: Moment) -> str:
        """Return why the action is forbidden, or nothing when it is not."""
        name = f"{self.point} of {self.device}"
        if snapshot is None or now.boot_ms - snapshot.at.boot_ms > self.max_age_ms:
            return f"{name} is not known"
        index = next((i for i, point in enumerate(snapshot.points) if point.name == self.point), None)
        value = None if index is None else snapshot.values[index]
        if index is None or value is None or snapshot.quality_at(index) is not Quality.GOOD:
            return f"{name} is not known"
        if self.above is not None and value > self.above:
            return f"{name} is {value:g}, above {self.above:g}"
        if self.below is not None and value < self.below:
            return f"{name} is {value:g}, below {self.below:g}"
        return ""


Interlocks = Mapping[tuple[str, str], tuple[Interlock, ...]]
"""By device and action."""


def build_interlocks(settings: SiteSettings, profiles: Mapping[str, Profile]) -> Interlocks:
    """Return the interlocks of a site: those of the device models, and its own."""
    ages = {
        device.id: round(contact_after_s(device, profiles[device.profile]) * 1000)
        for device in settings.devices
    }
    found: dict[tuple[str, str], tuple[Interlock, ...]] = {}

    def add(device: str, action: str, locks: Iterable[Interlock]) -> None:
        found[device, action] = found.get((device, action), ()) + tuple(locks)

    for device in settings.devices:
        profile = profiles[device.profile]
        for action, wanted in profile.actions.items() if isinstance(profile, ModbusProfile) else ():
            add(
                device.id,
                action,
                (
                    Interlock(
                        device=device.id,
                        point=lock.point,
                        above=lock.above,
                        below=lock.below,
                        max_age_ms=ages[device.id],
                    )
                    for lock in wanted.not_while
                ),
            )
    for rule in settings.interlocks:
        state = rule.not_while
        lock = Interlock(
            device=state.device,
            point=state.point,
            above=state.above,
            below=state.below,
            max_age_ms=ages[state.device],
        )
        add(rule.device, rule.do, (lock,))
    return found


def guard_with(interlocks: Interlocks, latest: Mapping[str, Snapshot]) -> Guard:
    """Return what judges actions by the newest snapshots."""

    def judge(action: PlannedAction, now: Moment) -> str:
        locks = interlocks.get((action.device, action.action), ())
        reasons = (lock.judge(latest.get(lock.device), now) for lock in locks)
        return next((reason for reason in reasons if reason), "")

    return judge
