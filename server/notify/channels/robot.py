"""Group robots, e-mail and whatever else Apprise knows: the only user of apprise.

Apprise blocks and says only whether it worked, so it runs in few threads and there are no receipts.
A contact's address is the name of an entry of the accounts file, with a part of its own after a colon
where the entry asks for one: `desk-group`, `mail:wang@example.com`.
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import quote

import apprise

from server.notify.channels import Message, Outcome, Verdict

_THREADS: Final = 4


class RobotChannel:
    """Hands messages to services by name."""

    name = "robot"

    def __init__(self, entries: Mapping[str, str]) -> None:
        """Take Apprise addresses by name; they hold secrets and stay in here."""
        self._entries = dict(entries)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="apprise")

    def close(self) -> None:
        """Let the threads end; a request that hangs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def send(self, message: Message) -> Outcome:
        """Hand a message over."""
        name, _, own = message.address.partition(":")
        entry = self._entries.get(name)
        if entry is None:
            return Outcome(verdict=Verdict.PERMANENT, reason=f"no entry {name}", provider=name)
        address = entry.replace("{address}", quote(own, safe="@"))
        loop = asyncio.get_running_loop()
        known, worked = await loop.run_in_executor(self._threads, _notify, address, message)
        if not known:
            return Outcome(verdict=Verdict.PERMANENT, reason=f"entry {name} is no address", provider=name)
        verdict = Verdict.SENT if worked else Verdict.TEMPORARY
        return Outcome(verdict=verdict, reason="" if worked else "refused", provider=name)


def _notify(address: str, message: Message) -> tuple[bool, bool]:
    """Return whether Apprise knows such an address, and whether it worked."""
    service = apprise.Apprise()
    if not service.add(address):
        return False, False
    body = f"{message.rendered.text}\n{message.link}"
    return True, bool(service.notify(title=message.rendered.title, body=body))
