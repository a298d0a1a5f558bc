"""Requests to providers and receivers: the only user of httpx2 on the server."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx2

_TIMEOUT_S: Final = 8.0
_MOST_RESPONSE_BYTES: Final = 64 * 1024


class UnreachableError(Exception):
    """No answer came; the text is the kind of failure, never the address, which may be a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    def as_object(self) -> dict[str, Any]:
        """Return the body as a JSON object; empty when it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Door:
    """One client: no redirects, no proxies from the environment, answers cut at 64 KiB."""

    def __init__(self, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        """Prepare it.

        Args:
            transport: instead of the network, for tests.
        """
        self._client = httpx2.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=httpx2.Timeout(_TIMEOUT_S),
            transport=transport,
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

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        as_json: Any = None,
        headers: Mapping[str, str] | None = None,
        sni: str | None = None,
    ) -> Answer:
        """Send a request and read its answer.

        Args:
            method: GET or POST.
            url: where to.
            params: of the URL.
            content: the body as bytes.
            as_json: the body as a JSON value, if `content` is not given.
            headers: more headers.
            sni: the name the certificate must have, where the URL holds a checked IP address.

        Raises:
            UnreachableError: no answer came.
        """
        extensions = {"sni_hostname": sni} if sni else {}
        try:
            request = self._client.build_request(
                method,
                url,
                params=dict(params) if params else None,
                content=content,
                json=as_json,
                headers=dict(headers or {}),
                extensions=extensions,
            )
            response = await self._client.send(request, stream=True)
            try:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MOST_RESPONSE_BYTES:
                        break
            finally:
                await response.aclose()
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise UnreachableError(type(error).__name__) from error
        return Answer(status=response.status_code, body=bytes(body[:_MOST_RESPONSE_BYTES]))
