"""How much of what one asker may do before they must wait. Time is an argument, nothing here reads or writes.

Each door has an allowance that refills steadily (a leaky bucket). What is kept of an asker is one moment:
when their allowance is whole again. Whoever proves themselves (a link that was signed here, a key that
fits) is never held up by what others tried: only what proves nothing is counted at such doors. Pressing a
button of an item has no door at all (`docs/decisions/0027-limits-never-hold-up-an-acceptance.md`).
"""

import hashlib
import ipaddress
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from server.errors import TooManyError

MOST_HELD: Final = 10_000
"""Askers that are remembered; beyond that those are forgotten first who would soonest be free again."""
_WORTH_KEEPING: Final = 0.25
"""The share of an allowance that must be used up before it is written down: ordinary use writes nothing."""


class Door(StrEnum):
    """What is counted."""

    SETUP = "setup"
    """Wrong first-run codes, by source."""
    LINK = "link"
    """Links that were never made here, by source."""
    OPENING = "opening"
    """A link opened, by link and source; never by the phone that it is bound to."""
    CONTACT_CODE = "contact_code"
    """Codes sent to confirm addresses, by person."""
    CONTACT_GUESS = "contact_guess"
    """Wrong codes of addresses, by account."""
    FEEDBACK = "feedback"
    """Complaints and suggestions, by source."""
    CALLBACK = "callback"
    """Reports of providers that prove nothing, by source."""
    API = "api"
    """Requests to the interface, by account or key; never presses, the desk's acts or orders."""
    KEY = "key"
    """Programs' keys that fit nothing, by source."""
    ADOPTION = "adoption"
    """Changes of the register of devices, by account."""
    UPLOAD = "upload"
    """Files of a street, by account."""
    OUTSIDE = "outside"
    """Log-ins that go out to another system, by source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How much at once, and within how many seconds that much comes back."""

    most: int
    within_s: float
    say: str

    @property
    def each_s(self) -> float:
        """How long one use takes to come back, in seconds."""
        return self.within_s / self.most


ALLOWANCES: Final[Mapping[Door, Allowance]] = {
    Door.SETUP: Allowance(most=5, within_s=900, say="首次启动码试得太多，请稍后再试。"),
    Door.LINK: Allowance(most=30, within_s=600, say="这个链接打不开，而且试得太多。请点开消息里的链接。"),
    Door.OPENING: Allowance(most=240, within_s=600, say="这一页打开得太频繁，请稍后再看。事项仍在处理中。"),
    Door.CONTACT_CODE: Allowance(most=10, within_s=3600, say="给这个人发的验证码太多，请稍后再发。"),
    Door.CONTACT_GUESS: Allowance(most=20, within_s=3600, say="验证码错得太多，请稍后再试。"),
    Door.FEEDBACK: Allowance(most=20, within_s=3600, say="刚刚收到很多意见，请稍后再写，急事请打电话。"),
    Door.CALLBACK: Allowance(most=30, within_s=600, say="请稍后再试。"),
    Door.API: Allowance(most=1_200, within_s=60, say="请求太频繁，请稍后再试。"),
    Door.KEY: Allowance(most=30, within_s=600, say="密钥错得太多，请稍后再试。"),
    Door.ADOPTION: Allowance(most=600, within_s=600, say="登记设备太快，请稍后再试。大批设备请用导入。"),
    Door.UPLOAD: Allowance(most=20, within_s=600, say="上传太频繁，请稍后再试。"),
    Door.OUTSIDE: Allowance(most=300, within_s=600, say="登录的人太多，请稍后再试。"),
}
"""A person by hand stays far below each; a mobile network's shared address may stand for many people."""

Key = tuple[Door, str]


@dataclass(slots=True)
class Allowances:
    """What every asker has used up, in memory; `server.access.allowancekeeper` carries it over a restart."""

    whole_at: dict[Key, float] = field(default_factory=dict)
    """When an allowance is whole again, in seconds since 1970; who is not named has all of theirs."""
    unwritten: set[Key] = field(default_factory=set)
    """What changed since it was written down last, and is worth it."""
    refused: Counter[str] = field(default_factory=Counter)
    """How often somebody had to wait, by door."""

    def check(self, door: Door, asker: str, *, now: datetime) -> None:
        """Let an asker through who has some allowance left; takes nothing of it.

        Raises:
            TooManyError: nothing is left; how long to wait.
        """
        self._used(door, asker, now)

    def take(self, door: Door, asker: str, *, now: datetime) -> None:
        """Let an asker through and take one use of their allowance.

        Raises:
            TooManyError: nothing is left; how long to wait.
        """
        allowance, at = ALLOWANCES[door], now.timestamp()
        used_s = self._used(door, asker, now) + allowance.each_s
        key = key_of(door, asker)
        self.whole_at[key] = at + used_s
        if used_s >= _WORTH_KEEPING * allowance.within_s:
            self.unwritten.add(key)
        if len(self.whole_at) > MOST_HELD:
            self._forget_the_freest(at)

    def _used(self, door: Door, asker: str, now: datetime) -> float:
        allowance = ALLOWANCES[door]
        left_s = self.whole_at.get(key_of(door, asker), 0.0) - now.timestamp()
        used_s = min(max(left_s, 0.0), allowance.within_s)  # a clock set back makes nobody wait for hours
        over_s = used_s + allowance.each_s - allowance.within_s
        if over_s > 1e-6:  # noqa: PLR2004 - what rounding leaves
            self.refused[door.value] += 1
            raise TooManyError(allowance.say, retry_after_s=math.ceil(over_s))
        return used_s

    def _forget_the_freest(self, at: float) -> None:
        held = sorted(self.whole_at.items(), key=lambda one: one[1], reverse=True)
        self.whole_at = {key: until for key, until in held[: MOST_HELD * 9 // 10] if until > at}
        self.unwritten &= self.whole_at.keys()

    def changed(self) -> Iterator[tuple[Key, datetime]]:
        """Yield what is to be written down, and forget of each that it was."""
        while self.unwritten:
            key = self.unwritten.pop()
            if key in self.whole_at:
                yield key, datetime.fromtimestamp(self.whole_at[key], UTC)

    def remember(self, rows: Iterable[tuple[Key, datetime]]) -> None:
        """Take over what was written down before a restart."""
        for key, until in rows:
            self.whole_at[key] = until.timestamp()


def key_of(door: Door, asker: str) -> Key:
    """Return under what an asker is kept: a digest, so that no address stands in the database."""
    return door, hashlib.sha256(f"{door.value} {asker}".encode()).hexdigest()[:32]


def source_key(host: str) -> str:
    """Return what counts as one source: an address, of IPv6 the network of a house (RFC 6177)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
