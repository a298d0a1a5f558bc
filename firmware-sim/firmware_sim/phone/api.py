"""The hand on the network: a JSON interface on loopback, under `/api`."""

from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from firmware_sim.phone.behaviour import Misbehaviour, Provider, Rule
from firmware_sim.phone.leaderpage import NoSuchButtonError
from firmware_sim.phone.network import NoSuchMessageError, PhoneNetwork
from firmware_sim.phone.people import Person, Script
from firmware_sim.phone.providers import Providers
from firmware_sim.phone.wecomcallback import verify_url

EXPLAINED = (NoSuchMessageError, NoSuchButtonError, ValidationError, KeyError, ValueError, JSONDecodeError)
"""What a request can be wrong about."""

_people: TypeAdapter[list[Person]] = TypeAdapter(list[Person])


class _Press(BaseModel):
    model_config = ConfigDict(extra="forbid")
    message: str
    key: str = ""
    person: str | None = None


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")
    person: str
    number: str
    text: str


@dataclass(slots=True)
class Interface:
    """What can be asked and told; docs/simulator/phones.md describes it."""

    providers: Providers

    @property
    def network(self) -> PhoneNetwork:
        """The network it is about."""
        return self.providers.network

    async def list_messages(self, request: Request) -> JSONResponse:
        """List what is on the phones."""
        found = self.network.inbox.of(request.query_params.get("person"))
        channel = request.query_params.get("channel")
        return JSONResponse([m.as_json() for m in found if channel in (None, m.channel.value)])

    async def list_attempts(self, _request: Request) -> JSONResponse:
        """List what the providers did."""
        return JSONResponse([attempt.as_json() for attempt in self.network.attempts])

    async def press(self, request: Request) -> JSONResponse:
        """Press a button."""
        asked = _Press.model_validate(await request.json())
        message = await self.network.press(asked.message, asked.key, person=asked.person)
        await self.network.agenda.settle()
        return JSONResponse(message.as_json())

    async def reply(self, request: Request) -> JSONResponse:
        """Answer by short message."""
        asked = _Reply.model_validate(await request.json())
        self.providers.sms.reply(asked.person, asked.number, asked.text)
        await self.network.agenda.settle()
        return JSONResponse({})

    async def rules(self, request: Request) -> JSONResponse:
        """List, lay down or lift misbehaviours."""
        if request.method == "POST":
            self.network.rulebook.lay_down(Rule.model_validate(await request.json()))
        elif request.method == "DELETE":
            provider, kind = request.query_params.get("provider"), request.query_params.get("kind")
            self.network.rulebook.lift(
                Provider(provider) if provider else None,
                kind=Misbehaviour(kind) if kind else None,
                person=request.query_params.get("person"),
            )
        return JSONResponse([rule.model_dump(mode="json") for rule in self.network.rulebook.rules])

    async def scripts(self, request: Request) -> JSONResponse:
        """List or give people something to do."""
        if request.method == "POST":
            script = Script.model_validate(await request.json())
            self.network.scripts[script.person] = script
        elif request.method == "DELETE":
            self.network.scripts.clear()
        return JSONResponse([script.model_dump(mode="json") for script in self.network.scripts.values()])

    async def people(self, request: Request) -> JSONResponse:
        """List or register people."""
        if request.method == "POST":
            for person in _people.validate_python(await request.json()):
                self.network.directory.register(person)
        return JSONResponse([one.model_dump(mode="json") for one in self.network.directory.people.values()])

    async def settings(self, request: Request) -> JSONResponse:
        """Show or change where reports go, texts, manners."""
        if request.method == "POST":
            await _change(self.providers, await request.json())
        return JSONResponse(
            {
                "callbacks": self.network.callbacks.as_json(),
                "strangers": self.network.directory.strangers,
                "templates": self.network.templates,
            }
        )

    async def clock(self, request: Request) -> JSONResponse:
        """Tell the time, or push it ahead."""
        if request.method == "POST":
            await self.network.agenda.advance(float((await request.json())["advance_s"]))
        return JSONResponse({"now": self.network.agenda.now().isoformat()})

    async def verify(self, _request: Request) -> JSONResponse:
        """Check the server's WeCom callback."""
        return JSONResponse({"verified": await verify_url(self.network)})

    def routes(self) -> list[Route]:
        """Return where each is."""
        return [
            Route("/api/messages", self.list_messages),
            Route("/api/attempts", self.list_attempts),
            Route("/api/press", self.press, methods=["POST"]),
            Route("/api/reply", self.reply, methods=["POST"]),
            Route("/api/rules", self.rules, methods=["GET", "POST", "DELETE"]),
            Route("/api/scripts", self.scripts, methods=["GET", "POST", "DELETE"]),
            Route("/api/people", self.people, methods=["GET", "POST"]),
            Route("/api/settings", self.settings, methods=["GET", "POST"]),
            Route("/api/clock", self.clock, methods=["GET", "POST"]),
            Route("/api/wecom/verify", self.verify, methods=["POST"]),
        ]


async def _change(providers: Providers, body: dict[str, Any]) -> None:
    """Change callbacks, templates, the directory's manners; let tokens expire.

    Raises:
        ValueError: it names what is not there.
    """
    network = providers.network
    unknown = set(body) - {"callbacks", "templates", "strangers", "expire_tokens", "clear_quotas"}
    unknown |= set(body.get("callbacks", {})) - set(network.callbacks.as_json())
    if unknown:
        raise ValueError(f"found {', '.join(sorted(unknown))}, not known here")
    for name, url in body.get("callbacks", {}).items():
        setattr(network.callbacks, name, str(url))
    network.templates.update({str(k): str(v) for k, v in body.get("templates", {}).items()})
    network.directory.strangers = bool(body.get("strangers", network.directory.strangers))
    if body.get("expire_tokens"):
        providers.wecom.expire_tokens()
    if body.get("clear_quotas"):
        providers.clear_quotas()


async def explain(_request: Request, error: Exception) -> JSONResponse:
    """Say what was wrong with a request."""
    status = 404 if isinstance(error, NoSuchMessageError) else 400
    return JSONResponse({"error": str(error)}, status_code=status)
