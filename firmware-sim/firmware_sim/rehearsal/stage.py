"""Everything that a rehearsal needs, each part a process: broker, devices, phones, server, gateway."""

import base64
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Final

import httpx2

from firmware_sim.demo.brokers import start_broker
from firmware_sim.demo.children import Child, ChildError, Line, command_of
from firmware_sim.demo.ports import LOOPBACK, pick_ports
from firmware_sim.rehearsal.desk import Desk, Hand
from firmware_sim.rehearsal.site import register_of, site_of
from firmware_sim.relay import Relay
from firmware_sim.scenario import Scenario

_CODE: Final = "REHEARSE2"


@dataclass(slots=True)
class RehearsalStage:
    """The running parts; gateway and server can be killed and started again."""

    scenario: Scenario
    folder: Path
    stack: AsyncExitStack
    env: dict[str, str]
    line: Relay
    desk: Desk
    phones: Hand
    world: Hand
    running: dict[str, Child] = field(default_factory=dict)
    gateways: list[Child] = field(default_factory=list)
    servers: list[Child] = field(default_factory=list)
    """Every life of each, for what it logged."""
    skipped_s: float = 0.0

    async def start_part(self, part: str) -> None:
        """Start gateway or server and wait until it is ready.

        Raises:
            ChildError: it did not start.
        """
        if part == "server":
            command = [*command_of("gridwarden-server"), "run"]
            self.servers.append(await self.start("server", command, "server_started"))
            await self.desk.sign_in(_CODE)
            return
        command = [*command_of("gridwarden-edge"), "run", str(self.folder / "site.yaml")]
        self.gateways.append(await self.start("gateway", command, "edge_started"))

    async def kill_part(self, part: str) -> None:
        """End gateway or server at once, as a power cut does."""
        child = self.running.pop(part)
        await child.kill()
        await child.stop()

    def skip(self, seconds: float) -> None:
        """Move the server's clock ahead."""
        self.skipped_s += seconds
        fresh = self.folder / "server.clock.new"
        fresh.write_text(str(self.skipped_s), encoding="utf-8")
        fresh.replace(self.folder / "server.clock")

    @property
    def gateway_lines(self) -> list[Line]:
        """What the gateway logged in all its lives."""
        return [line for child in self.gateways for line in child.lines]

    @property
    def server_lines(self) -> list[Line]:
        """What the server logged in all its lives."""
        return [line for child in self.servers for line in child.lines]

    async def start(self, name: str, command: list[str], event: str) -> Child:
        """Start a child that is stopped with the stage.

        Args:
            name: of the part.
            command: what to run.
            event: the line of its log that says that it is ready.

        Raises:
            ChildError: it ended before it was ready.
        """
        env = dict(self.env)
        if name == "server":
            env["GRIDWARDEN_TEST_CLOCK"] = str(self.folder / "server.clock")
        child = await Child.start(name, command, env=env, cwd=self.folder)
        self.stack.push_async_callback(child.stop)
        self.running[name] = child
        await child.ready(event)
        return child


@asynccontextmanager
async def build_rehearsal(path: Path, scenario: Scenario, *, broker: str) -> AsyncIterator[RehearsalStage]:
    """Start every part and stop all of them at the end of the block.

    Raises:
        ChildError: a part did not start.
        NoBrokerError: the broker that was asked for is not there.
    """
    numbers = iter(pick_ports(4 + len(scenario.buses)))
    broker_port, server_port, phones_port, control_port = (next(numbers) for _ in range(4))
    bus_ports = {
        bus: broker_port if place.technique == "mqtt" else number
        for (bus, place), number in zip(scenario.buses.items(), numbers, strict=True)
    }
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gridwarden-rehearsal-")))
        _, child = await start_broker(broker, port=broker_port, folder=folder / "broker")
        stack.push_async_callback(child.stop)
        line = await stack.enter_async_context(Relay(broker_port).serve())
        client = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=20.0))
        stage = RehearsalStage(
            scenario=scenario,
            folder=folder,
            stack=stack,
            env=_environment(folder, server_port, broker_port, phones_port),
            line=line,
            desk=Desk(f"http://{LOOPBACK}:{server_port}", client),
            phones=Hand(f"http://{LOOPBACK}:{phones_port}", client),
            world=Hand(f"http://{LOOPBACK}:{control_port}", client),
        )
        stage.skip(0)
        await _import_register(stage)
        site = site_of(scenario, broker_port=line.port, ports=bus_ports)
        (folder / "site.yaml").write_text(site, encoding="utf-8")
        phones = ["phones", "--port", str(phones_port), "--server", stage.desk.url]
        await stage.start("phones", [*command_of("gridwarden-sim"), *phones], "phones_started")
        devices = ["devices", str(path), "--control-port", str(control_port), "--speed", str(scenario.speed)]
        devices += [f"--port={bus}={port}" for bus, port in bus_ports.items()]
        await stage.start("devices", [*command_of("gridwarden-sim"), *devices], "sim_started")
        await stage.start_part("server")
        await stage.start_part("gateway")
        await stage.running["server"].ready("open_alarms_listed")
        yield stage


def _environment(folder: Path, server: int, broker: int, phones: int) -> dict[str, str]:
    return {
        "GRIDWARDEN_DATA_FOLDER": str(folder / "server"),
        "GRIDWARDEN_HTTP_PORT": str(server),
        "GRIDWARDEN_MQTT_PORT": str(broker),
        "GRIDWARDEN_WEBHOOK_SECRET": "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "GRIDWARDEN_WEBHOOK_ALLOW": f"{LOOPBACK}:{phones}",
        "GRIDWARDEN_FIRST_RUN_CODE": _CODE,
        "GRIDWARDEN_CANARY_EVERY_S": "0",
    }


async def _import_register(stage: RehearsalStage) -> None:
    street = stage.folder / "street"
    with resources.as_file(resources.files("firmware_sim.scenarios") / "street") as shipped:
        shutil.copytree(shipped, street)
    (street / "devices.csv").write_text(register_of(stage.scenario), encoding="utf-8")
    command = [*command_of("gridwarden-server"), "import", str(street), "--webhook-base", stage.phones.url]
    child = await Child.start("import", command, env=stage.env, cwd=stage.folder)
    if await child.process.wait() != 0:
        raise ChildError(f"the register could not be imported: {child.last_words()}")
    await child.stop()
