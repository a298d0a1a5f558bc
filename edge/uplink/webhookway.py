"""A webhook of the gateway's own: an alarm as a signed HTTP request, without the server between.

Signed as Standard Webhooks describe (specification 1.0: headers `webhook-id`, `webhook-timestamp`,
`webhook-signature`; HMAC-SHA256 over `id.timestamp.body`). The only file here that imports httpx2.
"""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Final

import httpx2
import msgspec

from edge.cancellation import await_cancellable
from edge.errors import WayOutError
from edge.ports import Clock
from edge.uplink.secondway import describe_alarm
from wire.messages import AlarmState

_TIMEOUT_S: Final = 10.0
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - names the kind of secret
_FIRST_ERROR: Final = 300


class WebhookWay:
    """Posts alarms to an address."""

    name = "call_webhook"

    def __init__(self, *, url: str, secret_file: Path, gateway: str, clock: Clock) -> None:
        """Know the address and the file with the secret, which is read anew each time."""
        self._url = url
        self._secret_file = secret_file
        self._gateway = gateway
        self._clock = clock

    async def tell(self, alarm: AlarmState) -> str:
        """Post an alarm; returns the address's host.

        Raises:
            WayOutError: the secret cannot be read, or the receiver did not say 2xx.
        """
        body = msgspec.json.encode(
            {
                "type": "alarm.unheard",
                "gateway": self._gateway,
                "text": describe_alarm(alarm, self._gateway),
                "alarm": alarm,
            }
        )
        # The same id for every attempt: a receiver that took one answers a repeat without acting twice.
        headers = self._sign(f"{alarm.alarm}.{alarm.count}", body)
        try:
            async with httpx2.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False) as client:
                answer = await await_cancellable(client.post(self._url, content=body, headers=headers))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise WayOutError(f"webhook: {error or type(error).__name__}") from error
        if answer.status_code >= _FIRST_ERROR:
            raise WayOutError(f"webhook: the receiver says {answer.status_code}")
        return str(httpx2.URL(self._url).host)

    def _sign(self, message_id: str, body: bytes) -> dict[str, str]:
        try:
            text = self._secret_file.read_text().strip().removeprefix(_SECRET_PREFIX)
            secret = base64.b64decode(text, validate=True)
        except (OSError, ValueError) as error:
            raise WayOutError(f"webhook: the secret cannot be read: {error}") from error
        seconds = self._clock.moment().wall_ms // 1000
        signed = f"{message_id}.{seconds}.".encode() + body
        signature = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        return {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": f"v1,{signature}",
        }
