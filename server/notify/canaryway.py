"""The canary's own way out: a webhook channel that is used for nothing else, to this server's own address.

A real notice never takes it, and it takes no real notice's: what it tests is the machinery that both use.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from server.config import Settings, http_address
from server.escalation.tables import CanaryRun
from server.notify.channels import Channel, Message
from server.notify.channels.webhook import WebhookChannel
from server.notify.claims import Claimed
from server.notify.render import Rendered
from wire.vocabulary import AlarmClass, Kind, Mode

PATH: Final = "/canary"
NAME: Final = "canary"
"""Under which the sender of notices knows the channel; no person has an address of this kind."""
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryWay:
    """A channel, and where the canary's notice goes."""

    channel: Channel
    address: str

    @classmethod
    def build(cls, settings: Settings, listening: tuple[str, int], stack: AsyncExitStack) -> Self:
        """Build the channel of a server.

        Args:
            settings: of the server; `canary_url` sends the notice another way round, past a proxy.
            listening: where the server listens, address and port.
            stack: ends what is built.
        """
        own = http_address(_ANYWHERE.get(listening[0], listening[0]), listening[1])
        address = f"{settings.canary_url.rstrip('/') or own}{PATH}"
        parts = urlsplit(address)
        target = f"{parts.hostname}:{parts.port or _PORTS.get(parts.scheme, 0)}"
        channel = WebhookChannel(settings.canary_secret(), allowed=frozenset({target}))
        stack.push_async_callback(channel.close)
        return cls(channel=channel, address=address)

    def claimed(self, run: CanaryRun) -> Claimed:
        """Return a canary's notice in the form in which every notice is sent."""
        return Claimed(
            channel=NAME,
            message=Message(
                id=run.id,
                person=NAME,
                address=self.address,
                item=run.id,
                rendered=Rendered(title="canary", text=""),
                kind=Kind.CONTACT,
                class_=AlarmClass.ADVICE,
                mode=Mode.TEST,
                where="",
                link="",
                step=0,
                sent_at=run.sent_at,
            ),
        )
