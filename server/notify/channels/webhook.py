"""Signed webhooks, as Standard Webhooks 1.0 describes them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self

from standardwebhooks import Webhook, WebhookVerificationError

from server.notify.channels import Message, Outcome, Verdict
from server.notify.channels.door import Door, UnreachableError
from server.notify.channels.guard import RefusedAddressError, Resolve, find_target

_TEMPORARY: Final = frozenset({408, 421, 423, 425, 429})
"""Statuses under 500 after which another attempt may work."""
_FIRST_SERVER_ERROR: Final = 500
_SUCCESS: Final = range(200, 300)


def judge(status: int) -> Verdict:
    """Say what an HTTP status means for a notice. Redirects are not followed: they fail."""
    if status in _SUCCESS:
        return Verdict.SENT
    if status in _TEMPORARY or status >= _FIRST_SERVER_ERROR:
        return Verdict.TEMPORARY
    return Verdict.PERMANENT


def body_of(message: Message) -> dict[str, Any]:
    """Return what is posted."""
    return {
        "id": message.id,
        "type": "notice",
        "person": message.person,
        "item": message.item,
        "title": message.rendered.title,
        "text": message.rendered.text,
        "class": message.class_.value,
        "kind": message.kind.value,
        "where": message.where,
        "link": message.link,
        "step": message.step,
        "mode": message.mode.value,
        "sent_at": message.sent_at.isoformat(),
    }


def signed_id(secret: str, body: bytes, headers: Mapping[str, str]) -> str | None:
    """Return the id of a message that was signed with a secret within five minutes; None of any other.

    Args:
        secret: `whsec_` and base64.
        body: as it came.
        headers: of the request.
    """
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):  # the latter for a signature that is no signature at all
        return None
    return headers["webhook-id"]


@dataclass(slots=True)
class WebhookChannel:
    """Posts notices; close it when done."""

    secret: str
    """`whsec_` and base64."""
    allowed: frozenset[str] = frozenset()
    """`host:port` entries that may be private."""
    resolve: Resolve | None = None
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    """When a request is signed. The receiver compares it with its own clock, so that this is the
    machine's true time even where the server runs on a test's."""
    door: Door = field(default_factory=Door)
    _signer: Webhook = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the signer."""
        self._signer = Webhook(self.secret)

    async def __aenter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.door.close()

    async def send(self, message: Message) -> Outcome:
        """Post a notice to the address that was checked, and no other."""
        try:
            target = await find_target(message.address, allowed=self.allowed, resolve=self.resolve)
        except RefusedAddressError as error:
            return Outcome(verdict=Verdict.PERMANENT, reason=f"address refused: {error}")
        except OSError as error:
            return Outcome(verdict=Verdict.TEMPORARY, reason=f"not resolved: {error.strerror}")
        signed_at = self.now().astimezone(UTC)
        body = json.dumps(body_of(message), ensure_ascii=False)
        headers = {
            "host": target.host_header,
            "content-type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(signed_at.timestamp())),
            "webhook-signature": self._signer.sign(message.id, signed_at, body),
        }
        try:
            answer = await self.door.exchange(
                "POST", target.url, content=body.encode(), headers=headers, sni=target.host
            )
        except UnreachableError as error:
            # The text may hold the address, which is a secret: only the kind is kept.
            return Outcome(verdict=Verdict.TEMPORARY, reason=str(error))
        return Outcome(verdict=judge(answer.status), reason=f"status {answer.status}")
