"""Signed webhooks, as Standard Webhooks 1.0 describes them: the only user of httpx2 on the server."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self

import httpx2
from standardwebhooks import Webhook

from server.notify.channels import Message, Outcome, Verdict
from server.notify.channels.guard import RefusedAddressError, Resolve, find_target

_TIMEOUT_S: Final = 8.0
_MOST_RESPONSE_BYTES: Final = 64 * 1024
_TEMPORARY: Final = frozenset({408, 421, 423, 425, 429})
"""Statuses under 500 after which another attempt may work."""
_FIRST_SERVER_ERROR: Final = 500


def judge(status: int) -> Verdict:
    """Say what an HTTP status means for a notice. Redirects are not followed: they fail."""
    if httpx2.codes.is_success(status):
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
    _client: httpx2.AsyncClient = field(init=False)
    _signer: Webhook = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the client: no redirects, no proxies from the environment."""
        self._signer = Webhook(self.secret)
        self._client = httpx2.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=httpx2.Timeout(_TIMEOUT_S)
        )

    async def __aenter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

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
            status = await self._post(target.url, target.host, body.encode(), headers)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            # The text may hold the address, which is a secret: only the kind is kept.
            return Outcome(verdict=Verdict.TEMPORARY, reason=type(error).__name__)
        return Outcome(verdict=judge(status), reason=f"status {status}")

    async def _post(self, url: str, host: str, body: bytes, headers: dict[str, str]) -> int:
        request = self._client.build_request(
            "POST", url, content=body, headers=headers, extensions={"sni_hostname": host}
        )
        response = await self._client.send(request, stream=True)
        try:
            read = 0
            async for chunk in response.aiter_raw():
                read += len(chunk)
                if read > _MOST_RESPONSE_BYTES:
                    break
        finally:
            await response.aclose()
        return response.status_code
