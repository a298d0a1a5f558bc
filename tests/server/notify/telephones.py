"""The server's parts beside the simulated phone network, in one process; nothing listens."""

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from fastapi import FastAPI
from starlette.responses import Response

from firmware_sim.phone.accounts import Callbacks
from firmware_sim.phone.agenda import Agenda
from firmware_sim.phone.app import build_phones
from firmware_sim.phone.network import PhoneNetwork
from server.config import Settings
from server.context import Context
from server.errors import NotFoundError
from server.notify.accounts import Accounts
from server.notify.cards import CardKeeper
from server.notify.channels.door import Door
from server.notify.channels.webhook import WebhookChannel
from server.notify.setup import build_channels, note_channels
from server.notify.web import build_callbacks
from server.people.tables import Contact
from server.pulse import Pulses
from tests.server.world import PEOPLE, World, plain_link

KEY = "nobody-can-guess"
SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSBwaG9uZXMsIDMyIGJ5dGVzIQ=="


def accounts_for(network: PhoneNetwork, *, spare: bool = False) -> Accounts:
    """What the server must know to be the phone network's customer."""
    wecom, aliyun = network.accounts.wecom, network.accounts.aliyun
    cloud = {
        "access_key": aliyun.access_key,
        "access_secret": aliyun.access_secret,
        "base_url": "http://phones",
    }
    sms = {**cloud, "sign_name": aliyun.sign_name, "template": "SMS_1"}
    voice = {
        **cloud,
        "show_number": aliyun.show_number,
        "start_code": "TTS_1",
        "accept_code": "TTS_ACCEPT",
        "help_code": "TTS_HELP",
    }
    bad = [{**sms, "name": "broken", "base_url": "http://nowhere.invalid"}] if spare else []
    return Accounts.model_validate(
        {
            "wecom": {
                "corpid": wecom.corpid,
                "secret": wecom.secret,
                "agentid": wecom.agentid,
                "token": wecom.token,
                "encoding_aes_key": wecom.encoding_aes_key,
                "base_url": "http://phones",
            },
            "sms": [*bad, {**sms, "name": "main"}],
            "voice": [{**voice, "name": "main"}],
        }
    )


@dataclass
class Telephones:
    """The network, and the world whose notices it carries."""

    world: World
    network: PhoneNetwork
    http: httpx2.AsyncClient
    cards: CardKeeper
    callbacks: httpx2.AsyncClient

    async def api(self, method: str, path: str, **more: Any) -> Any:
        answer = await self.http.request(method, f"/api/{path}", **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def on_phone(self, person: str, channel: str | None = None) -> list[dict[str, Any]]:
        found = await self.api("GET", "messages", params={"person": person})
        return [one for one in found if channel in (None, one["channel"])]

    async def press(self, message: dict[str, Any], key: str) -> None:
        body = {"message": message["id"], "key": key, "person": message["person"]}
        await self.api("POST", "press", json=body)
        await self.settle(0)

    async def rule(self, provider: str, kind: str, **more: Any) -> None:
        await self.api("POST", "rules", json={"provider": provider, "kind": kind, **more})

    async def settle(self, seconds: float) -> None:
        """Let the network's time and the world's pass, and everybody do what became due."""
        await self.api("POST", "clock", json={"advance_s": seconds})
        await self.world.pass_time(seconds)
        await self.api("POST", "clock", json={"advance_s": 1})
        await self.cards.turn()

    async def attempts(self, outcome: str) -> list[dict[str, Any]]:
        return [one for one in await self.api("GET", "attempts") if one["outcome"] == outcome]


async def give_numbers(world: World) -> None:
    """Everybody has WeCom and a number, but no webhook."""
    async with world.database.write() as session:
        for person in PEOPLE:
            contact = Contact(person=person, channel="wecom", address=person)
            contact.added_at = contact.verified_at = world.clock.now()
            session.add(contact)
    for number, person in enumerate(PEOPLE):
        await world.set_person(person, webhook_url=None, phone=f"1990000000{number}")


@asynccontextmanager
async def open_telephones(world: World, folder: Any, *, spare: bool = False):
    """Replace the world's fake channel by real ones over a simulated network."""
    network = PhoneNetwork(
        agenda=Agenda(base=lambda: world.clock.time.replace(year=2026)),
        callbacks=Callbacks(
            wecom=f"http://server/callbacks/{KEY}/wecom",
            sms=f"http://server/callbacks/{KEY}/sms",
            voice=f"http://server/callbacks/{KEY}/voice",
            voice_key=f"http://server/callbacks/{KEY}/voice/keys",
        ),
        templates={
            "SMS_1": "${what} ${where}，请打开 ${link} 处理",
            "TTS_1": "${where}${what}，收到请按1，需要帮助请按2",
            "TTS_ACCEPT": "已收到",
            "TTS_HELP": "需要帮助",
        },
    )
    accounts = accounts_for(network, spare=spare)
    app = FastAPI()
    context = Context(
        settings=Settings(data_folder=folder, callback_key=KEY),
        clock=world.clock,
        database=world.database,
        readings=None,  # type: ignore[arg-type]  # callbacks read no readings
        policies=world.policies,
        pulses=Pulses(),
    )
    app.include_router(build_callbacks(context, accounts.wecom))
    app.add_exception_handler(NotFoundError, lambda _, error: Response(status_code=error.status))
    await network.http.aclose()
    async with AsyncExitStack() as stack:
        callbacks = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://server")
        network.http = await stack.enter_async_context(callbacks)
        phones = httpx2.ASGITransport(app=build_phones(network, secret=SECRET))
        http = await stack.enter_async_context(httpx2.AsyncClient(transport=phones, base_url="http://phones"))
        mounted = _Both(phones)
        door = await stack.enter_async_context(Door(mounted))
        webhook = WebhookChannel(SECRET)
        stack.push_async_callback(webhook.close)
        built = build_channels(accounts, webhook, door=door, clock=world.clock, stack=stack)
        await note_channels(world.database, built.by_kind, now=world.clock.now())
        world.worker._channels = built.by_kind
        assert built.wecom is not None
        cards = CardKeeper(
            database=world.database,
            clock=world.clock,
            wecom=built.wecom,
            make_link=plain_link,
            pulses=Pulses(),
        )
        stack.callback(world.database.listen(cards.hear))
        await give_numbers(world)
        telephones = Telephones(world, network, http, cards, callbacks)
        people = [
            {"person": person, "name": person, "wecom": person, "numbers": [f"1990000000{number}"]}
            for number, person in enumerate(PEOPLE)
        ]
        await telephones.api("POST", "people", json=people)
        yield telephones


class _Both(httpx2.AsyncBaseTransport):
    """The phones at their name; anything else is not there."""

    def __init__(self, phones: httpx2.AsyncBaseTransport) -> None:
        self._phones = phones

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.host != "phones":
            raise httpx2.ConnectError("no such host")
        return await self._phones.handle_async_request(request)
