"""The independent watchdog: asks the server whether it is ready, and tells the desk if it is not.

A process of its own, on another machine if there is one: it shares with the server neither the database nor
the broker, only the file of accounts. `Watch` is pure: time is an argument.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog

from server.clock import Clock
from server.config import Settings
from server.errors import SettingsError
from server.notify.accounts import load_accounts
from server.notify.channels import Channel, Message, Outcome, Verdict
from server.notify.channels.door import Door, UnreachableError
from server.notify.channels.webhook import WebhookChannel
from server.notify.render import Rendered
from server.notify.setup import build_channels
from wire.ids import new_uuid7
from wire.vocabulary import AlarmClass, Kind, Mode

log = structlog.get_logger()

EVERY_S: Final = 5.0
_FAILURES: Final = 3
_REPEAT: Final = timedelta(minutes=10)
_OK: Final = 200
DEAD: Final = "报警服务器没有应答，请值班人员按应急预案人工值守，并立即通知维护人员。"
BACK: Final = "报警服务器已恢复应答。"


class Word(StrEnum):
    """What the desk is told."""

    NOTHING = "nothing"
    DEAD = "dead"
    BACK = "back"


@dataclass(slots=True)
class Watch:
    """Judges answers: three failures in a row are a dead server, told again every ten minutes."""

    failures: int = 0
    told_at: datetime | None = None

    def judge(self, now: datetime, *, ready: bool) -> Word:
        """Take one answer and say what the desk is told now."""
        if ready:
            self.failures = 0
            if self.told_at is None:
                return Word.NOTHING
            self.told_at = None
            return Word.BACK
        self.failures += 1
        if self.failures < _FAILURES:
            return Word.NOTHING
        if self.told_at is not None and timedelta(0) <= now - self.told_at < _REPEAT:
            return Word.NOTHING
        self.told_at = now
        return Word.DEAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Where the desk is told: `channel=address`."""

    channel: str
    address: str = field(repr=False)


def read_addressees(text: str) -> tuple[Addressee, ...]:
    """Read `sms=199…,voice=199…,robot=desk-group,webhook=https://…`.

    Raises:
        SettingsError: nobody is named, or an entry has no address.
    """
    found = []
    for entry in (part.strip() for part in text.split(",") if part.strip()):
        channel, _, address = entry.partition("=")
        if not address:
            raise SettingsError(
                f"GRIDWARDEN_WATCHDOG_TELL: {channel} has no address, write {channel}=ADDRESS"
            )
        found.append(Addressee(channel=channel, address=address))
    if not found:
        raise SettingsError("GRIDWARDEN_WATCHDOG_TELL is empty: name at least one, e.g. sms=19900000000")
    return tuple(found)


async def watch(settings: Settings, url: str, clock: Clock) -> None:
    """Watch a server until cancelled.

    Raises:
        SettingsError: whom to tell is not said, or the accounts cannot be read.
    """
    addressees = read_addressees(settings.watchdog_tell)
    async with AsyncExitStack() as stack:
        door = await stack.enter_async_context(Door())
        webhook = WebhookChannel(settings.webhook_key(), allowed=settings.webhook_allow)
        stack.push_async_callback(webhook.close)
        accounts = load_accounts(settings.channels_file)
        channels = build_channels(accounts, webhook, door=door, clock=clock, stack=stack).by_kind
        missing = sorted({one.channel for one in addressees} - set(channels))
        if missing:
            raise SettingsError(f"GRIDWARDEN_WATCHDOG_TELL: no account for {', '.join(missing)}")
        log.info("watchdog_started", every_s=EVERY_S, tells=[one.channel for one in addressees])
        state = Watch()
        while True:
            word = state.judge(clock.now(), ready=await is_ready(door, url))
            if word is not Word.NOTHING:
                log.error("watchdog", word=word.value)
                if not await tell(channels, addressees, word, now=clock.now()) and word is Word.DEAD:
                    state.told_at = None  # nobody heard it: say it again at once
            await asyncio.sleep(clock.pause_s(EVERY_S))


async def is_ready(door: Door, url: str) -> bool:
    """Ask the server whether every loop of it comes round."""
    try:
        answer = await door.exchange("GET", f"{url.rstrip('/')}/health/ready")
    except UnreachableError as error:
        log.warning("server_unreachable", error=str(error))
        return False
    return answer.status == _OK


async def tell(
    channels: Mapping[str, Channel], addressees: tuple[Addressee, ...], word: Word, *, now: datetime
) -> bool:
    """Tell everybody at once; tells whether anybody could be told."""
    outcomes: list[Outcome] = await asyncio.gather(
        *(channels[one.channel].send(_message(one, word, now)) for one in addressees)
    )
    for one, outcome in zip(addressees, outcomes, strict=True):
        log.info("told", channel=one.channel, verdict=outcome.verdict.value, reason=outcome.reason)
    return any(outcome.verdict is Verdict.SENT for outcome in outcomes)


def _message(one: Addressee, word: Word, now: datetime) -> Message:
    return Message(
        id=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
        person="desk",
        address=one.address,
        item="",
        rendered=Rendered(
            title="服务器失联" if word is Word.DEAD else "服务器恢复",
            text=DEAD if word is Word.DEAD else BACK,
        ),
        kind=Kind.CONTACT,
        class_=AlarmClass.LIFE_SAFETY,
        mode=Mode.LIVE,
        where="报警服务器",
        link="",
        step=0,
        sent_at=now,
        items=2,  # no buttons: there is no item to accept
    )
