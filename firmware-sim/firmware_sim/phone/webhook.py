"""Signed webhooks straight to a phone (Standard Webhooks 1.0): the plainest channel there is."""

from dataclasses import dataclass, field

from standardwebhooks import Webhook, WebhookVerificationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from firmware_sim.phone.behaviour import Provider
from firmware_sim.phone.inbox import Received
from firmware_sim.phone.network import Outcome, PhoneNetwork


@dataclass(slots=True)
class Webhooks:
    """Takes them at `/hook/PERSON`."""

    network: PhoneNetwork
    secret: str
    """Of the signatures, `whsec_…`."""
    _verifier: Webhook = field(init=False)

    def __post_init__(self) -> None:
        """Prepare to check signatures."""
        self._verifier = Webhook(self.secret)

    def routes(self) -> list[Route]:
        """Return what it answers to."""
        return [Route("/hook/{person}", self.take, methods=["POST"])]

    async def take(self, request: Request) -> Response:
        """Answer a webhook: 200 once it is on the phone."""
        person = request.path_params["person"]
        behaviour = await self.network.meet(Provider.WEBHOOK, person)
        if behaviour.error:
            self.network.record(Provider.WEBHOOK, person, Outcome.REFUSED, behaviour.error)
            return JSONResponse({"error": "refused"}, status_code=int(behaviour.error))
        try:
            payload = self._verifier.verify(await request.body(), dict(request.headers))
        except (WebhookVerificationError, ValueError) as error:
            self.network.record(Provider.WEBHOOK, person, Outcome.REFUSED, str(error))
            return JSONResponse({"error": str(error)}, status_code=401)
        message = Received(
            id=request.headers["webhook-id"],
            person=person,
            channel=Provider.WEBHOOK,
            address=person,
            received_at=self.network.agenda.now(),
            title=str(payload.get("title", "")),
            text=str(payload.get("text", "")),
            where=str(payload.get("where", "")),
            link=str(payload.get("link", "")),
            class_=str(payload.get("class", "")),
            payload=payload,
        )
        self.network.deliver(message, behaviour)
        return JSONResponse({"taken": True})
