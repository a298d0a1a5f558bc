"""What people order the rules to do: reset, test, shelve, out of service, silence. Pure.

Each returns decisions, or refuses with a sentence.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edge.rules.actions import plan_silence
from edge.rules.decision import Decision
from edge.rules.engine import RuleEngine
from edge.rules.state import Now
from edge.rules.suppression import RefusedError, build_shelf
from edge.rules.telling import tell_test
from edge.rules.watch import Watch
from wire.vocabulary import AlarmClass, Mode

TEST_LASTS_MS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who ordered something and why.

    Attributes:
        issuer: who.
        agreed_by: a second person; empty when there is none.
        reason: why.
    """

    issuer: str
    reason: str
    agreed_by: str = ""


def raise_test(
    engine: RuleEngine, device: str, rule: str | None, now: Now, *, mode: Mode = Mode.TEST
) -> list[Decision]:
    """Raise a marked alarm of a rule on a device, without actions; it ends by itself.

    Args:
        engine: the rules.
        device: on which device.
        rule: which rule; None takes the one of the gravest class that watches the device.
        now: the moment.
        mode: how it is marked.

    Raises:
        RefusedError: there is no such rule on that device, or it would not be marked.
    """
    watch = engine.watches.get((rule, device)) if rule is not None else gravest_watch(engine, device)
    if watch is None:
        named = "no rule" if rule is None else f"no rule {rule!r}"
        raise RefusedError(f"there is {named} on device {device!r}")
    if mode is Mode.LIVE:
        raise RefusedError("a test is never live")
    alarm = tell_test(watch, mode, now.moment)
    return [engine.book.put_test(alarm, now.moment.boot_ms + TEST_LASTS_MS)]


def gravest_watch(engine: RuleEngine, device: str) -> Watch | None:
    """Return the rule of the gravest class that watches a device, the first by name among equals."""
    grave = tuple(AlarmClass)
    watches = [watch for (_, watched), watch in engine.watches.items() if watched == device]
    return min(watches, key=lambda one: (grave.index(one.highest_class), one.key[0]), default=None)


def shelve(
    engine: RuleEngine, *, key: tuple[str, str], until: datetime, person: Person, now: Now
) -> list[Decision]:
    """Keep a rule on a device from people for a time.

    Args:
        engine: the rules.
        key: rule and device.
        until: when it is shown again by itself.
        person: who ordered it.
        now: the moment.

    Raises:
        RefusedError: there is no such rule, or it may not be hidden so.
    """
    rule, device = key
    watch = engine.watches.get(key)
    if watch is None:
        raise RefusedError(f"there is no rule {rule!r} on device {device!r}")
    shelf = build_shelf(
        device=device,
        rule=rule,
        until=until,
        issuer=person.issuer,
        agreed_by=person.agreed_by,
        reason=person.reason,
        life_safety=watch.highest_class is AlarmClass.LIFE_SAFETY,
        now=now,
    )
    engine.book.shelves.put(shelf)
    return [engine.book.state_shelves(), *engine.book.remark(now)]


def unshelve(engine: RuleEngine, *, key: tuple[str, str], now: Now) -> list[Decision]:
    """Show again what was shelved.

    Raises:
        RefusedError: it is not shelved.
    """
    rule, device = key
    if not engine.book.shelves.take_away(device, rule):
        raise RefusedError(f"rule {rule!r} on device {device!r} is not shelved")
    return [engine.book.state_shelves(), *engine.book.remark(now)]


def take_out_of_service(
    engine: RuleEngine, *, device: str, until: datetime, person: Person, now: Now
) -> list[Decision]:
    """Take a device out of service for a time: its alarms are marked and do nothing.

    Raises:
        RefusedError: there is no such device, or it may not be taken out so.
    """
    watches = [watch for (_, watched), watch in engine.watches.items() if watched == device]
    if not watches:
        raise RefusedError(f"there is no device {device!r}")
    shelf = build_shelf(
        device=device,
        rule=None,
        until=until,
        issuer=person.issuer,
        agreed_by=person.agreed_by,
        reason=person.reason,
        life_safety=any(watch.highest_class is AlarmClass.LIFE_SAFETY for watch in watches),
        now=now,
    )
    engine.book.shelves.put(shelf)
    return [engine.book.state_shelves(), *engine.book.remark(now)]


def put_back_in_service(engine: RuleEngine, *, device: str, now: Now) -> list[Decision]:
    """Put a device back into service: what is still active acts now.

    Raises:
        RefusedError: it is not out of service.
    """
    if not engine.book.shelves.take_away(device, None):
        raise RefusedError(f"device {device!r} is not out of service")
    return [engine.book.state_shelves(), *engine.book.remark(now)]


def silence(engine: RuleEngine, *, alarm: str | None, person: Person, now: Now) -> list[Decision]:
    """Silence the sirens that sound for an alarm, or all; the next alarm sounds them again.

    Raises:
        RefusedError: none sounds, or no reason is given.
    """
    if not person.reason.strip():
        raise RefusedError("no reason was given")
    decisions = [
        engine.book.act(known, planned, now)
        for known in tuple(engine.alarms.values())
        if (alarm is None or known.alarm == alarm) and (planned := plan_silence(known, now.moment))
    ]
    if not decisions:
        raise RefusedError("no siren sounds here" if alarm is None else "no siren sounds for this alarm")
    return decisions


def key_of(engine: RuleEngine, *, alarm: str | None, device: str | None, rule: str | None) -> tuple[str, str]:
    """Return which rule on which device an order names.

    Raises:
        RefusedError: it names neither an open alarm nor a rule and a device.
    """
    if alarm is not None:
        known = engine.alarms.get(alarm)
        if known is None:
            raise RefusedError("no such alarm is open here")
        return known.rule, known.device
    if device is None or rule is None:
        raise RefusedError("name an alarm, or a device and a rule")
    return rule, device
