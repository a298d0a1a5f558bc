"""The channels this server has accounts for, built once, and written where every process sees them."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from server.clock import Clock
from server.db.session import Database
from server.notify.accounts import Accounts
from server.notify.channels import Channel
from server.notify.channels.aliyun import AliyunSms, AliyunVoice
from server.notify.channels.door import Door
from server.notify.channels.fallover import FallOver
from server.notify.channels.robot import RobotChannel
from server.notify.channels.webhook import WebhookChannel
from server.notify.channels.wecom import WecomChannel
from server.notify.tables import ChannelSetup
from server.people.model import ChannelKind
from server.places.tables import PlacesVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """Every channel by its kind; the card channel once more, because cards are rewritten."""

    by_kind: Mapping[str, Channel]
    wecom: WecomChannel | None


def build_channels(
    accounts: Accounts, webhook: WebhookChannel, *, door: Door, clock: Clock, stack: AsyncExitStack
) -> Channels:
    """Build what the accounts allow.

    Args:
        accounts: of providers.
        webhook: the channel that needs no account.
        door: the way out.
        clock: the server's.
        stack: ends what is built.
    """
    built: dict[str, Channel] = {ChannelKind.WEBHOOK.value: webhook}
    wecom = None
    if accounts.wecom is not None:
        wecom = built[ChannelKind.WECOM.value] = WecomChannel(accounts.wecom, door, clock)
    if accounts.sms:
        senders = [AliyunSms(account=account, door=door) for account in accounts.sms]
        built[ChannelKind.SMS.value] = FallOver(senders, clock.now)
    if accounts.voice:
        callers = [AliyunVoice(account=account, door=door) for account in accounts.voice]
        built[ChannelKind.VOICE.value] = FallOver(callers, clock.now)
    if accounts.robots:
        robots = built[ChannelKind.ROBOT.value] = RobotChannel(accounts.robots)
        stack.callback(robots.close)
    return Channels(by_kind=built, wecom=wecom)


async def note_channels(database: Database, kinds: Mapping[str, Channel], *, now: datetime) -> None:
    """Write down which channels can be used: who has only others cannot be reached."""
    async with database.write() as session:
        held = set(await session.scalars(select(ChannelSetup.channel)))
        if held == set(kinds):
            return
        await session.execute(delete(ChannelSetup).where(ChannelSetup.channel.not_in(list(kinds))))
        for kind in set(kinds) - held:
            session.add(ChannelSetup(channel=kind, since=now))
        session.add(PlacesVersion(at=now))
        session.announce("places", "")
