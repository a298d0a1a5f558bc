"""Devices with one point each, a clock, and rules: readings and time go in, decisions come out."""

from datetime import UTC, datetime

from edge.model import Point, Snapshot
from edge.rules.engine import RuleEngine
from edge.rules.model import Voter
from edge.rules.orders import Person
from edge.rules.state import Now
from wire.vocabulary import AlarmClass, Clock, Kind, Quality

START_MS = int(datetime(2026, 11, 24, 4, 0, tzinfo=UTC).timestamp() * 1000)
COMMON = {"id": "r", "devices": ("a",), "point": "x", "kind": Kind.WATER, "class_": AlarmClass.HAZARD}
GAS = {**COMMON, "kind": Kind.GAS, "class_": AlarmClass.LIFE_SAFETY}
TWO = Person(issuer="op-1", agreed_by="op-2", reason="hot work")
VOTERS = tuple(Voter(device=device, point="x") for device in "abc")
VOTE = {"id": "v", "kind": Kind.FIRE, "class_": AlarmClass.LIFE_SAFETY, "device": "a"}


class Room:
    """Devices with one point each, a clock, and the rules."""

    def __init__(self, *rules, devices=("a", "b", "c")):
        self.rules, self.devices, self.ms, self.boot, self.trust = (
            rules,
            devices,
            1_000,
            "boot-1",
            Clock.SYNCED,
        )
        self.heard = []
        self.engine = self.build()

    def build(self):
        return RuleEngine(
            rules=self.rules,
            points=dict.fromkeys(self.devices, (("x", "m"),)),
            labels={},
            boot=self.boot,
            since_ms=self.ms,
        )

    def now(self):
        from edge.model import Moment

        return Now(
            moment=Moment(wall_ms=START_MS + self.ms, boot_ms=self.ms), boot=self.boot, trust=self.trust
        )

    def say(self, value, device="a", quality=Quality.GOOD, **more):
        good = quality is Quality.GOOD and value is not None
        snapshot = Snapshot(
            device=device,
            points=(Point("x", "m"),),
            values=(value,),
            qualities=None if good else (quality if quality is not Quality.GOOD else Quality.STALE,),
            at=self.now().moment,
            **more,
        )
        self.heard.append(snapshot)
        return self.engine.take(snapshot, self.now())

    def wait(self, seconds):
        self.ms += round(seconds * 1000)
        return self.engine.tick(self.now())

    def play(self, values, every_s=1.0, device="a"):
        told = []
        for value in values:
            told += self.say(value, device)
            told += self.wait(every_s)
        return told

    def restart(self):
        states, alarms, shelves = (
            dict(self.engine.states),
            list(self.engine.alarms.values()),
            self.engine.book.shelves.all,
        )
        self.engine = self.build()
        return self.engine.restore(states, alarms, self.now(), shelves)


def changes(decisions):
    return [d.change.value for d in decisions if d.alarm is not None]
