"""The hand on the simulated world: a small JSON interface on loopback, and a page for a person's hand."""

from json import JSONDecodeError
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from firmware_sim.devices.modbus import Fault, FaultKind
from firmware_sim.plant import SimulatedPlant, UnknownNameError
from firmware_sim.steps import Step

_PAGE: Final = Path(__file__).parent / "plantpage"
_step: TypeAdapter[Any] = TypeAdapter(Step)


def build_control(plant: SimulatedPlant) -> Starlette:
    """Return the application.

    `GET /` is the page; `GET /devices`; `GET /events`; `POST /devices/NAME/faults` `{"fault": …}`;
    `POST /devices/NAME/values` `{point: number or null}`; `POST /events/NAME`; `POST /steps` with one step of
    a script.
    """

    async def list_devices(_request: Request) -> JSONResponse:
        return JSONResponse(plant.describe())

    async def show_page(_request: Request) -> FileResponse:
        return FileResponse(_PAGE / "page.html")

    async def list_events(_request: Request) -> JSONResponse:
        return JSONResponse(list(plant.scenario.events))

    async def set_fault(request: Request) -> JSONResponse:
        body = await request.json()
        fault = Fault(
            FaultKind(body["fault"]),
            delay_s=float(body.get("delay_s", 0)),
            code=int(body.get("code", 4)),
        )
        plant.misbehave(request.path_params["name"], fault)
        return JSONResponse({"fault": fault.kind.value})

    async def set_values(request: Request) -> JSONResponse:
        plant.pin(request.path_params["name"], await request.json())
        return JSONResponse({})

    async def start_event(request: Request) -> JSONResponse:
        plant.perform_event(request.path_params["name"])
        return JSONResponse({})

    async def do_step(request: Request) -> JSONResponse:
        plant.perform(_step.validate_python(await request.json()))
        return JSONResponse({})

    async def explain(_request: Request, error: Exception) -> JSONResponse:
        status = 404 if isinstance(error, UnknownNameError) else 400
        return JSONResponse({"error": str(error)}, status_code=status)

    return Starlette(
        routes=[
            Route("/", show_page),
            Mount("/page", StaticFiles(directory=_PAGE)),
            Route("/devices", list_devices),
            Route("/events", list_events),
            Route("/devices/{name}/faults", set_fault, methods=["POST"]),
            Route("/devices/{name}/values", set_values, methods=["POST"]),
            Route("/events/{name}", start_event, methods=["POST"]),
            Route("/steps", do_step, methods=["POST"]),
        ],
        exception_handlers=dict.fromkeys(
            (UnknownNameError, KeyError, ValueError, ValidationError, JSONDecodeError), explain
        ),
    )
