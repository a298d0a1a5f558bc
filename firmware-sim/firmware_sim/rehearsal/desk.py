"""The desk and the hands on the simulated world, over HTTP as in life."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import httpx2

_NAME: Final = "值班员"
_PASSWORD: Final = "a-long-enough-password"  # noqa: S105 - of a rehearsal
_SEE_OTHER: Final = 303
_TOO_MANY: Final = 429


class DeskError(RuntimeError):
    """The desk cannot sign in."""


@dataclass(slots=True)
class Desk:
    """A signed-in operator."""

    url: str
    client: httpx2.AsyncClient

    async def sign_in(self, code: str) -> None:
        """Set up the first operator if there is none, then sign in.

        Raises:
            DeskError: the server does not let it in.
        """
        form = {"name": _NAME, "password": _PASSWORD}
        await self.client.post(f"{self.url}/setup", data={**form, "code": code})
        answer = await self.client.post(f"{self.url}/login", data=form)
        if answer.status_code != _SEE_OTHER:
            raise DeskError(f"the desk cannot sign in: status {answer.status_code}")

    async def items(self) -> list[dict[str, Any]]:
        """Return every item, open and closed."""
        found: list[dict[str, Any]] = []
        for still_open in ("true", "false"):
            found += (await self._get("items", open=still_open, limit="200"))["items"]
        return found

    async def story(self, item: str) -> dict[str, Any]:
        """Return an item with its alarms, moves and notices."""
        return await self._get(f"items/{item}")

    async def _get(self, path: str, **query: str) -> dict[str, Any]:
        """Ask the server, and wait where it says that this is too much at once."""
        url = f"{self.url}/api/v1/{path}"
        answer = await self.client.get(url, params=query)
        if answer.status_code == _TOO_MANY:
            await asyncio.sleep(int(answer.headers["Retry-After"]))
            return await self._get(path, **query)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told


@dataclass(slots=True)
class Hand:
    """A JSON interface of the simulator: the devices' control or the phones' `/api`."""

    url: str
    client: httpx2.AsyncClient

    async def get(self, path: str, **query: str) -> Any:
        """Ask."""
        answer = await self.client.get(f"{self.url}{path}", params=query)
        answer.raise_for_status()
        return answer.json()

    async def post(self, path: str, body: Any) -> Any:
        """Tell."""
        answer = await self.client.post(f"{self.url}{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    async def delete(self, path: str, **query: str) -> None:
        """Take away."""
        (await self.client.delete(f"{self.url}{path}", params=query)).raise_for_status()
