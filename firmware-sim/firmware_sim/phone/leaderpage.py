"""A browser's least: opens the link of a message and presses what the page offers."""

import html
import re
import uuid

import httpx2


class NoSuchButtonError(RuntimeError):
    """The page does not offer what was to be pressed."""


async def press_on_page(client: httpx2.AsyncClient, link: str, move: str) -> None:
    """Open a page and press a button of it, as a browser would.

    Args:
        client: keeps the cookies, as a phone does.
        link: of the page.
        move: the value of the button.

    Raises:
        NoSuchButtonError: the page does not offer it.
        httpx2.HTTPError: the page cannot be had.
    """
    answer = await client.get(link)
    answer.raise_for_status()
    forms = re.findall(r'<form[^>]*action="([^"]*/moves)">(.*?)</form>', answer.text, re.DOTALL)
    found = next((form for form in forms if f'value="{move}"' in form[1]), None)
    if found is None:
        raise NoSuchButtonError(f"the page offers no button {move!r}")
    action, body = found
    pressed = re.search(r'name="press" value="([^"]+)"', body)
    url = httpx2.URL(link)
    origin = f"{url.scheme}://{url.netloc.decode()}"
    done = await client.post(
        origin + html.unescape(action),
        data={"move": move, "press": pressed.group(1) if pressed else str(uuid.uuid4())},
        headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"},
        follow_redirects=True,
    )
    done.raise_for_status()
