"""What a gateway says of its configuration: all of it, in small parts, to whoever lacks it, after every alarm."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from edge.clock import ManualClock
from edge.rules.inforce import rule_in_force
from edge.rules.model import (
    BitsRule,
    NoDataRule,
    RateRule,
    StuckRule,
    Voter,
    VoteRule,
    WindowRule,
)
from edge.rules.sentences import hash_of
from edge.site.inforce import ConfigurationContent, content_of
from edge.site.siteloader import read_site
from edge.site.siterules import rules_of
from edge.uplink.configuration import (
    FIRST_REPEAT_MS,
    MOST_TRIES,
    PART_BYTES,
    ConfigurationTeller,
    TooLargeError,
    cut_into_parts,
)
from edge.watch.selfwatch import SELF_DEVICE, SELF_POINTS, self_rules
from tests.edge.site import POINTS, gas_rule
from tests.harness.waiting import until
from tests.wire.examples import ENVELOPE
from wire import codec
from wire.configuration import MAX_CONFIGURATION_PARTS, RuleLimit
from wire.messages import ReportMessage
from wire.vocabulary import AlarmClass, Kind, LimitSide, Measure

SITE = """\
version: "7"
gateway: gw-1
server: {host: broker.example, username: gw, password_file: very-secret-file}
buses:
  - {id: kitchen, technique: modbus_tcp, host: 10.0.0.7, port: 1502}
  - {id: cellar, technique: modbus_rtu, device: /dev/serial/by-id/usb-1, baud: 19200, parity: even}
  - {id: air, technique: ble}
  - {id: home, technique: mqtt, host: 10.0.0.8, username: u, password_file: other-secret-file}
devices:
  - {id: gas-1, bus: kitchen, unit: 3, profile: honeywell-midas, label: 厨房}
  - {id: gas-2, bus: kitchen, unit: 4, profile: honeywell-midas, report: {heartbeat_s: 0}}
  - {id: meter, bus: cellar, unit: 1, profile: eastron-sdm120, period_s: 5}
  - {id: leak, bus: air, address: "A4:C1:38:00:00:04", profile: bthome-leak}
rules:
  - {use: default-gas, id: gas, actions: [], hysteresis: 3}
  - use: default-gas
    id: gas-night
    devices: [gas-1]
    class: hazard
    stages: []
    active: {days: [mon, tue], from: "22:00", to: "06:00"}
  - {id: own, type: threshold, devices: [meter], point: voltage_v, above: 253, below: 198, kind: electric, class: fault}
"""


def content(text: str = SITE) -> ConfigurationContent:
    site = read_site(text.encode(), Path("site.yaml"))
    points = {SELF_DEVICE: tuple((p.name, p.unit) for p in SELF_POINTS)}
    rules = (*rules_of(site.settings), *self_rules())
    return content_of(site, rules, more_points=points, software="gridwarden 1")


def test_rules_are_told_with_their_limits_stages_and_clauses():
    rules = {(rule.rule, *rule.devices[:1]): rule for rule in content().rules}
    gas = rules["gas", "gas-1"]
    assert gas.devices == ("gas-1", "gas-2")
    assert gas.limits == (
        RuleLimit(side=LimitSide.ABOVE, limit=25.0, stage=1, class_=AlarmClass.LIFE_SAFETY),
        RuleLimit(side=LimitSide.ABOVE, limit=50.0, stage=2, class_=AlarmClass.LIFE_SAFETY),
    )
    assert (gas.type, gas.point, gas.unit, gas.latching) == ("threshold", "gas_lel", "%{LEL}", True)
    assert "GB/T 50493-2019" in gas.clause
    assert (gas.title, gas.clause_confidence, gas.departs) == (
        "可燃气体两级报警",
        "verified",
        ("hysteresis",),
    )
    assert "25 %LEL" in gas.sentence
    night = rules["gas-night", "gas-1"]
    assert night.schedule == "mon tue 22:00-06:00 Asia/Shanghai"
    assert night.departs == ("active", "class", "stages")
    own = rules["own", "meter"]
    assert [(one.side, one.limit, one.stage) for one in own.limits] == [
        (LimitSide.ABOVE, 253.0, 0),
        (LimitSide.BELOW, 198.0, 0),
    ]
    assert (own.clause, own.title, own.departs) == ("", "", ())
    contact = rules["contact", "leak"]
    assert (contact.measure, contact.unit) == (Measure.AGE, "s")
    assert rules["gateway-heat", SELF_DEVICE].limits[0].limit == 85.0


def test_buses_devices_and_models_are_told_without_a_secret():
    told = content()
    assert [(bus.bus, bus.technique, bus.address) for bus in told.buses] == [
        ("kitchen", "modbus_tcp", "10.0.0.7:1502"),
        ("cellar", "modbus_rtu", "/dev/serial/by-id/usb-1 19200 even 1"),
        ("air", "ble", "hci0"),
        ("home", "mqtt", "10.0.0.8:1883"),
    ]
    devices = {device.device: device for device in told.devices}
    assert (devices["gas-1"].address, devices["leak"].address) == ("3", "A4:C1:38:00:00:04")
    assert (devices["gas-1"].heartbeat_ms, devices["gas-2"].heartbeat_ms) == (60_000, 0)
    assert devices["meter"].period_ms == 5_000
    assert [profile.model for profile in told.profiles] == [
        "honeywell-midas",
        "eastron-sdm120",
        "bthome-leak",
    ]
    everything = msgspec.json.encode(told)
    assert b"secret" not in everything
    assert b"broker.example" not in everything


def test_a_rule_is_known_by_the_hash_that_its_alarms_carry():
    told = rule_in_force(gas_rule(), POINTS["gas"])
    assert told.hash == hash_of(gas_rule())
    assert told.actions == ("close_valve valve",)


COMMON = {"id": "r", "kind": Kind.GAS, "class_": AlarmClass.HAZARD}
GAS = {**COMMON, "devices": ("gas",), "point": "gas_lel"}


@pytest.mark.parametrize(
    ("rule", "told_as", "limits", "window_ms"),
    [
        (
            RateRule(**GAS, window_ms=60_000, rising_per_min=2.0, falling_per_min=1.0),
            ("rate", Measure.RATE, "%{LEL}/min"),
            [(LimitSide.RISING, 2.0), (LimitSide.FALLING, 1.0)],
            60_000,
        ),
        (
            WindowRule(**GAS, measure=Measure.MEAN, window_ms=30_000, above=5.0),
            ("window", Measure.MEAN, "%{LEL}"),
            [(LimitSide.ABOVE, 5.0)],
            30_000,
        ),
        (NoDataRule(**GAS, after_ms=9_000), ("no_data", Measure.AGE, "s"), [(LimitSide.ABOVE, 9.0)], 0),
        (StuckRule(**GAS, for_ms=5_000), ("stuck", Measure.VALUE, "%{LEL}"), [], 5_000),
        (BitsRule(**GAS, bits=(1,)), ("bits", Measure.BITS, "1"), [], 0),
        (
            VoteRule(
                **COMMON,
                device="gas",
                voters=(Voter(device="gas", point="gas_lel"), Voter(device="far", point="gas_lel")),
                need=2,
                above=20.0,
            ),
            ("k_of_n", Measure.VALUE, "%{LEL}"),
            [(LimitSide.ABOVE, 20.0)],
            0,
        ),
        (
            VoteRule(
                **COMMON,
                device="gas",
                voters=(Voter(device="gas", rule="a"), Voter(device="gas", rule="b")),
                need=2,
            ),
            ("all_of", Measure.VOTES, "1"),
            [],
            0,
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_every_kind_of_rule_is_told(rule, told_as, limits, window_ms):
    told = rule_in_force(rule, POINTS["gas"])
    assert (told.type, told.measure, told.unit) == told_as
    assert [(one.side, one.limit) for one in told.limits] == limits
    assert told.window_ms == window_ms
    if told.type == "k_of_n":
        assert (told.watches, told.votes_needed, told.point) == (("far",), 2, "gas_lel")


def test_a_sentence_about_many_rules_leaves_its_alarm_readable():
    voters = tuple(Voter(device=f"device-{n:060}", rule="smoke") for n in range(40))
    told = rule_in_force(VoteRule(**COMMON, device="gas", voters=voters, need=1), POINTS["gas"])
    assert 900 < len(told.sentence) <= 1_024
    assert told.type == "any_of"


def many_devices(count: int) -> str:
    devices = "".join(
        f"  - {{id: gas-{n:03}, bus: kitchen, unit: {n}, profile: honeywell-midas, label: 九栋{n}单元厨房燃气}}\n"
        for n in range(1, count + 1)
    )
    head, _, tail = SITE.partition("devices:\n")
    return f"{head}devices:\n{devices}  - {{id: meter, bus: cellar, profile: eastron-sdm120}}\n" + (
        "  - {id: gas-1, bus: air, address: 'A4:C1:38:00:00:04', profile: bthome-leak}\n"
        + tail[tail.index("rules:") :].replace("devices: [gas-1]", "devices: [gas-001]")
    )


def test_parts_put_together_are_the_whole_and_each_is_small():
    whole = content(many_devices(200))
    parts = cut_into_parts(whole)
    assert 3 < len(parts) <= MAX_CONFIGURATION_PARTS
    assert {part.content_hash for part in parts} == {whole.hash}
    assert [part.part for part in parts] == list(range(1, len(parts) + 1))
    for name in ("buses", "profiles", "devices", "rules"):
        assert tuple(one for part in parts for one in getattr(part, name)) == getattr(whole, name)
    for part in parts:
        message = codec.encode(ReportMessage(**ENVELOPE, report=part))
        assert len(message) < PART_BYTES + 2_000
        assert codec.decode_report(message).report == part


def test_a_very_large_configuration_has_larger_parts_and_one_beyond_all_measure_is_refused():
    whole = content(many_devices(200))
    hundredfold = {**{name: getattr(whole, name) for name in ("file_hash", "version", "software")}}
    large = ConfigurationContent(**hundredfold, buses=(), profiles=(), devices=(), rules=whole.rules * 30)
    parts = cut_into_parts(large)
    assert len(parts) <= MAX_CONFIGURATION_PARTS
    assert all(
        len(codec.encode(ReportMessage(**ENVELOPE, report=part))) < codec.MAX_MESSAGE_BYTES for part in parts
    )
    immense = msgspec.structs.replace(whole.rules[0], devices=tuple(f"{n:060}" for n in range(4_000)))
    with pytest.raises(TooLargeError):
        cut_into_parts(
            ConfigurationContent(**hundredfold, buses=(), profiles=(), devices=(), rules=(immense,))
        )


def test_what_is_told_has_another_hash_as_soon_as_anything_of_it_changes():
    assert content().hash == content().hash
    assert content().hash != content(SITE.replace("above: 253", "above: 254")).hash


# --- when it is told -----------------------------------------------------------------------------


@dataclass
class Gateway:
    clock: ManualClock = field(default_factory=ManualClock)
    sent: list = field(default_factory=list)
    built: int = 0
    linked: bool = True
    alarms_wait: bool = False
    text: str = field(default_factory=lambda: many_devices(60))

    def __post_init__(self):
        self.whole = content(self.text)
        self.parts = cut_into_parts(self.whole)
        self.teller = ConfigurationTeller(
            content=self._build, send=self._send, alarms_wait=lambda: self.alarms_wait, clock=self.clock
        )

    def _build(self):
        self.built += 1
        return self.whole

    async def _send(self, part):
        if self.linked:
            self.sent.append(part)
        return self.linked

    async def go(self):
        """Take turns until there is a pause; return how long it is."""
        while (wait_s := await self.teller.turn()) == 0.0:
            pass
        return wait_s


async def test_a_server_that_keeps_no_configurations_is_told_none():
    gateway = Gateway()
    gateway.teller.hear(UNSET)
    assert await gateway.go() is None
    assert (gateway.sent, gateway.built) == ([], 0)


async def test_a_server_that_has_it_is_told_nothing():
    gateway = Gateway()
    gateway.teller.hear(gateway.whole.hash)
    assert await gateway.go() is None
    assert gateway.sent == []


async def test_a_server_that_lacks_it_is_told_the_whole_until_it_says_that_it_keeps_it():
    gateway = Gateway()
    gateway.teller.hear("")
    assert await gateway.go() == FIRST_REPEAT_MS / 1000
    assert gateway.sent == list(gateway.parts)
    gateway.clock.advance(seconds=FIRST_REPEAT_MS / 1000)
    assert await gateway.go() == 2 * FIRST_REPEAT_MS / 1000
    assert gateway.sent == list(gateway.parts) * 2
    gateway.teller.settle("another")
    gateway.clock.advance(seconds=120)
    await gateway.teller.turn()
    gateway.teller.settle(gateway.whole.hash)
    assert await gateway.go() is None
    assert len(gateway.sent) == 2 * len(gateway.parts) + 1


async def test_a_server_that_never_keeps_it_is_left_alone_after_a_while():
    gateway = Gateway()
    gateway.teller.hear("")
    while (wait_s := await gateway.go()) is not None:
        gateway.clock.advance(seconds=wait_s)
    assert gateway.sent == list(gateway.parts) * MOST_TRIES
    gateway.teller.hear("")
    assert await gateway.go() is not None, "the next connection begins anew"


async def test_no_part_goes_while_an_alarm_waits():
    gateway = Gateway(alarms_wait=True)
    gateway.teller.hear("")
    assert await gateway.go()
    assert gateway.sent == []
    gateway.alarms_wait = False
    assert await gateway.teller.turn() == 0.0
    gateway.alarms_wait = True
    await gateway.go()
    assert gateway.sent == list(gateway.parts[:1]), "an alarm that came in between goes first"
    gateway.alarms_wait = False
    await gateway.go()
    assert gateway.sent == list(gateway.parts)


async def test_it_begins_anew_when_the_connection_was_not_there():
    gateway = Gateway(linked=False)
    gateway.teller.hear("")
    assert await gateway.go()
    gateway.linked = True
    await gateway.go()
    assert gateway.sent == list(gateway.parts)


async def test_the_loop_tells_by_itself_and_rests():
    gateway = Gateway()
    running = asyncio.create_task(gateway.teller.run())
    await asyncio.sleep(0)
    gateway.teller.hear("")
    await until(lambda: len(gateway.sent) == len(gateway.parts))
    gateway.teller.settle(gateway.whole.hash)
    for _ in range(100):
        await asyncio.sleep(0)
    assert gateway.sent == list(gateway.parts)
    running.cancel()
