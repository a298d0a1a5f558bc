"""What people see: the desk's interface, the leader's page, the phones. Only HTTP, as in life."""

import html
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx2

PASSWORD = "a-long-enough-password"


@dataclass
class Phones:
    """The simulated phone network."""

    url: str

    async def messages(self, person: str | None = None) -> list[dict[str, Any]]:
        async with httpx2.AsyncClient(base_url=self.url, timeout=60, verify=False) as client:
            wanted = {} if person is None else {"person": person}
            return (await client.get("/api/messages", params=wanted)).json()

    async def set_mode(self, person: str, mode: str) -> None:
        async with httpx2.AsyncClient(base_url=self.url, timeout=60, verify=False) as client:
            if mode == "ok":
                answer = await client.delete("/api/rules", params={"provider": "webhook", "person": person})
            else:
                kind = {"fail": "outage"}.get(mode, mode)
                rule = {"provider": "webhook", "person": person, "kind": kind}
                answer = await client.post("/api/rules", json=rule)
            answer.raise_for_status()


@dataclass
class LeaderPage:
    """A leader's browser at the page of one item."""

    link: str
    client: httpx2.AsyncClient = field(default_factory=httpx2.AsyncClient)

    async def read(self) -> str:
        answer = await self.client.get(self.link)
        answer.raise_for_status()
        return answer.text

    async def press(self, move: str, *, reason: str = "") -> str:
        """Press a button that the page offers; returns the page after it."""
        page = await self.read()
        forms = re.findall(r'<form[^>]*action="([^"]*/moves)">(.*?)</form>', page, re.DOTALL)
        action, body = next(form for form in forms if f'value="{move}"' in form[1])
        pressed = re.search(r'name="press" value="([^"]+)"', body)
        url = httpx2.URL(self.link)
        origin = f"{url.scheme}://{url.netloc.decode()}"
        answer = await self.client.post(
            origin + html.unescape(action),
            data={
                "move": move,
                "press": pressed.group(1) if pressed else str(uuid.uuid4()),
                "reason": reason,
            },
            headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"},
            follow_redirects=True,
        )
        answer.raise_for_status()
        return answer.text


@dataclass
class Desk:
    """A signed-in operator."""

    url: str
    code: str
    client: httpx2.AsyncClient

    async def sign_in(self) -> None:
        """Set up the first operator if there is none, then sign in."""
        form = {"name": "值班员", "password": PASSWORD}
        await self.client.post(f"{self.url}/setup", data={**form, "code": self.code})
        answer = await self.client.post(f"{self.url}/login", data=form)
        assert answer.status_code == 303, answer.text

    async def get(self, path: str, **parameters: Any) -> Any:
        answer = await self.client.get(f"{self.url}/api/v1/{path}", params=parameters)
        answer.raise_for_status()
        return answer.json()

    async def items(self) -> list[dict[str, Any]]:
        """Return every item, the oldest first."""
        found = [
            item
            for still_open in (True, False)
            for item in (await self.get("items", open=still_open, limit=200))["items"]
        ]
        return sorted(found, key=lambda item: item["id"])

    async def item(self, item_id: str) -> dict[str, Any]:
        """Return an item with its alarms, moves and notices."""
        return await self.get(f"items/{item_id}")

    async def alarms(self) -> list[dict[str, Any]]:
        """Return the alarms of every item, in the order of the items."""
        return [alarm for item in await self.items() for alarm in (await self.item(item["id"]))["alarms"]]

    async def page(self, path: str) -> str:
        answer = await self.client.get(f"{self.url}{path}")
        answer.raise_for_status()
        return answer.text

    async def press(self, item_id: str, move: str, **more: Any) -> dict[str, Any]:
        answer = await self.client.post(
            f"{self.url}/api/v1/items/{item_id}/moves",
            json={"move": move, "press": str(uuid.uuid4()), **more},
        )
        answer.raise_for_status()
        return answer.json()
