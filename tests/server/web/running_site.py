"""A server's pages and API over real HTTP, its time in the test's hand."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import httpx2
import uvicorn

from server.access.allowancekeeper import AllowanceKeeper, recall
from server.access.allowances import Allowances
from server.access.links import LinkBook
from server.access.service import issue_first_run_code
from server.app import _listening, _serve, _WebServer
from server.clock import ManualClock
from server.config import Settings
from server.context import Context
from server.db.session import Database
from server.history.database import HistoryDatabase
from server.http import build_app
from server.pulse import Pulses
from tests.server.world import World, open_world, running_parts

CODE = "ABCDEFGHJKLM"
OPERATOR = "值班员"
PASSWORD = "a-long-enough-password"


@dataclass
class Site:
    """The running site and the world behind it."""

    world: World
    clock: ManualClock
    settings: Settings
    readings: HistoryDatabase
    pulses: Pulses
    url: str
    stack: AsyncExitStack
    restart: Callable[[], Awaitable[None]]
    """Serves anew at the same address, over the same database, as a process that was killed and started."""
    allowances: AllowanceKeeper
    """Its `turn` is what the server does every few seconds."""

    async def visitor(self, **headers: str) -> httpx2.AsyncClient:
        """A browser of its own: it keeps its cookies."""
        client = httpx2.AsyncClient(
            base_url=self.url, headers={"Accept-Language": "zh-CN", **headers}, timeout=60, verify=False
        )
        return await self.stack.enter_async_context(client)

    async def operator(self) -> httpx2.AsyncClient:
        """Somebody signed in at the desk."""
        client = await self.visitor()
        form = {"name": OPERATOR, "password": PASSWORD}
        await client.post("/setup", data={**form, "code": CODE})
        answer = await client.post("/login", data=form)
        assert answer.headers["location"] == "/desk"
        return client

    async def colleague(
        self, name: str, *, role: str = "desk", scope: str = "street", code: str = ""
    ) -> httpx2.AsyncClient:
        """Somebody with an account of their own, signed in; made by the first operator."""
        grant = {"role": role, "scope": scope, **({"code": code} if code else {})}
        body = {"name": name, "password": PASSWORD, "grants": [grant]}
        made = await (await self.operator()).post("/api/v1/accounts", json=body)
        assert made.status_code == 201, made.text
        client = await self.visitor()
        answer = await client.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return client

    async def link(self, item: str, person: str) -> str:
        """The path of a person's link to an item."""
        book = LinkBook(self.settings.signing_key())
        async with self.world.database.write() as session:
            return f"/i/{await book.make(session, item, person, self.clock.now())}"


@asynccontextmanager
async def open_site(folder: Path, **values: str):
    async with open_world(folder) as world, _open(world, folder, **values) as site:
        yield site


@asynccontextmanager
async def open_site_over(database: Database, folder: Path, *, now: datetime):
    """A site over a database that is filled already, its clock at a moment."""
    async with running_parts(database) as world:
        world.clock.time = now
        async with _open(world, folder) as site:
            yield site


@asynccontextmanager
async def _open(world: World, folder: Path, **values: str):
    # A whole application waits in real time for real requests: its loops are not to turn without end.
    world.clock.longest_pause_s = 0.05
    async with AsyncExitStack() as stack:
        settings = Settings(data_folder=folder, **values)
        readings = HistoryDatabase(settings.readings_database)
        stack.push_async_callback(readings.close)
        await readings.prepare()
        async with world.database.write() as session:
            await issue_first_run_code(session, now=world.clock.now(), code=CODE)
        context = Context(
            settings=settings,
            clock=world.clock,
            database=world.database,
            readings=readings,
            policies=world.policies,
            pulses=Pulses(),
            channels={"webhook": world.channel},
        )
        running = await stack.enter_async_context(AsyncExitStack())
        url = await running.enter_async_context(_serving(context, port=0))

        async def restart() -> None:
            await running.aclose()
            again = replace(context, allowances=Allowances())
            async with world.database.read() as session:
                await recall(session, again.allowances, now=world.clock.now())
            await running.enter_async_context(_serving(again, port=int(url.rpartition(":")[2])))

        async with AsyncExitStack() as visitors:
            keeper = AllowanceKeeper(
                database=world.database, allowances=context.allowances, clock=world.clock, pulses=Pulses()
            )
            yield Site(world, world.clock, settings, readings, context.pulses, url, visitors, restart, keeper)


@asynccontextmanager
async def _serving(context: Context, *, port: int):
    """The application and its board; yields its address."""
    with _listening("127.0.0.1", port) as listener:
        app = build_app(context)
        # Its beats would come by the real clock between those that a test sets by the moved one.
        app.state.board._pulses = Pulses()
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=0, timeout_keep_alive=600
        )
        server = _WebServer(config)
        serving = asyncio.create_task(_serve(server, listener))
        board = asyncio.create_task(app.state.board.run())
        await server.up.wait()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            board.cancel()
            serving.cancel()
            await asyncio.wait([serving, board])
