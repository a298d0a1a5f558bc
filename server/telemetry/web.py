"""`/metrics` and `/health`: for programs that watch the server."""

import hmac
import ipaddress
from typing import Any, Final

import structlog
from fastapi import APIRouter, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, PlainTextResponse, Response

from server.access.guard import open_to_all
from server.context import Context
from server.escalation.canarystanding import canary_standing
from server.telemetry.exposition import CONTENT_TYPE, write_metrics
from server.telemetry.service import look

log = structlog.get_logger()

_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")


def build_telemetry(context: Context) -> APIRouter:
    """Return the routes that watchers read."""
    router = APIRouter(tags=["health"])
    probed = open_to_all("probes have no account; it tells nothing but the names of loops")
    measured = open_to_all("this machine alone, or the bearer of the metrics' token")
    context.pulses.tally.held_up = context.allowances.refused
    token = context.settings.metrics_token  # a file that cannot be read ends the start

    @router.get("/health/live", operation_id="isAlive", dependencies=[probed])
    async def is_alive() -> dict[str, str]:
        """Answer as long as the process serves at all."""
        return {"status": "alive"}

    @router.get("/health/ready", operation_id="isReady", dependencies=[probed])
    async def is_ready() -> Response:
        """Answer 200 only while every loop of the server comes round."""
        stuck = context.pulses.stuck(boot_s=context.clock.boot_s())
        body: dict[str, Any] = {
            "status": "stuck" if stuck else "ready",
            "loops": list(context.pulses.loops),
            "stuck": stuck,
        }
        try:
            async with context.database.read() as session:
                canary = await canary_standing(session, now=context.clock.now())
        except (SQLAlchemyError, OSError) as error:
            log.warning("not_ready_without_database", error=type(error).__name__)
            return JSONResponse({**body, "status": "no_database"}, status_code=503)
        # Told, not judged by: nobody must take the only server away because a message to itself is lost.
        body["canary_age_s"] = None if canary.age_s is None else round(canary.age_s, 1)
        body["canary_failing"] = canary.failing
        return JSONResponse(body, status_code=503 if stuck else 200)

    @router.get("/metrics", include_in_schema=False, dependencies=[measured])
    async def measure(request: Request) -> Response:
        if not may_measure(request, token):
            return PlainTextResponse(
                "from this machine only, or with GRIDWARDEN_METRICS_TOKEN_FILE's token as Bearer\n",
                status_code=403,
            )
        try:
            found = await look(context.database, context.readings, now=context.clock.now())
        except (SQLAlchemyError, OSError) as error:
            # What the loops counted is wanted most when a database is away.
            log.warning("metrics_without_databases", error=type(error).__name__)
            found = None
        ages_s = context.pulses.ages(boot_s=context.clock.boot_s())
        return Response(write_metrics(found, context.pulses.tally, ages_s), media_type=CONTENT_TYPE)

    return router


def may_measure(request: Request, token: str) -> bool:
    """Tell whether a request may read the metrics.

    With a token, whoever knows it. Without one, this machine alone; a request that a proxy on this
    machine passed on comes from elsewhere.
    """
    if token:
        said = request.headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(said.encode(), token.encode())
    if any(name in request.headers for name in _FORWARDED) or request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
