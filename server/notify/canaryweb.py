"""Where canaries come back in."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from server.access.allowances import Door
from server.access.guard import guessed, open_to_all
from server.context import Context
from server.errors import NotFoundError
from server.escalation import canary
from server.notify.canaryway import PATH
from server.notify.channels.webhook import signed_id


def build_canary_receiver(context: Context) -> APIRouter:
    """Return the route at which canaries come back in."""
    router = APIRouter(include_in_schema=False)
    secret = context.settings.canary_secret()

    @router.post(PATH, dependencies=[open_to_all("its signature says that it is this server's own canary")])
    async def take_in(request: Request) -> Response:
        run = signed_id(secret, await request.body(), request.headers)
        if run is None:
            await guessed(context, request, Door.CALLBACK)
            raise NotFoundError("没有这个页面。")
        async with context.database.write() as session:
            known = await canary.receive(session, run, now=context.clock.now())
        if not known:
            raise NotFoundError("没有这个页面。")
        return Response(status_code=204)

    return router
