"""The stage: broker, simulated devices, server, phones and gateway, each a process on loopback."""

import base64
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from firmware_sim.demo.brokers import start_broker
from firmware_sim.demo.children import Child, ChildError, command_of
from firmware_sim.demo.ports import LOOPBACK, Ports

GATEWAY: Final = "gw-demo-01"
LEADER: Final = "wang"
BACKUP: Final = "li"

SITE: Final = """\
version: "demo"
gateway: {gateway}
server: {{host: {host}, port: {broker}}}
stores: {{folder: state}}
buses:
  - {{id: kitchen, technique: modbus_tcp, host: {host}, port: {kitchen}}}
  - {{id: relays, technique: modbus_tcp, host: {host}, port: {relays}}}
  - {{id: riverside, technique: modbus_tcp, host: {host}, port: {riverside}}}
devices:
  - {{id: gas-kitchen, bus: kitchen, unit: 1, profile: honeywell-midas, label: 厨房燃气探测器, period_s: 0.5}}
  - {{id: mains-kitchen, bus: kitchen, unit: 2, profile: eastron-sdm120, label: 电表}}
  - {{id: leakage-kitchen, bus: kitchen, unit: 3, profile: acrel-asj, label: 剩余电流探测器}}
  - {{id: valve-kitchen, bus: relays, unit: 1, profile: coil-relay, label: 厨房燃气阀}}
  - {{id: hydrant-1, bus: riverside, unit: 1, profile: keller-acculevel, label: 室外消火栓}}
  - {{id: river-1, bus: riverside, unit: 2, profile: yosemitech-y4000, label: 运河水质站, period_s: 2}}
rules:
  - id: gas-high
    type: threshold
    devices: [gas-kitchen]
    point: gas_lel
    above: 25.0        # GB/T 50493-2019, 5.5.2: level 1 at most 25 %LEL
    hysteresis: 5.0
    on_delay_s: 1.0
    off_delay_s: 2.0
    latching: true
    kind: gas
    class: life_safety
    actions: [{{do: close_valve, device: valve-kitchen}}]
  - id: leakage
    type: threshold
    devices: [leakage-kitchen]
    point: residual_current_ma
    above: 300         # GB 50116-2013, 9.2.3: 300 mA to 500 mA
    hysteresis: 30
    on_delay_s: 5
    kind: electric
    class: hazard
  - id: hydrant-low
    type: threshold
    devices: [hydrant-1]
    point: pressure_kpa
    below: 140         # GB 50974-2014, 7.2.8: at least 0.14 MPa
    hysteresis: 10
    on_delay_s: 10
    kind: fire
    class: fault
  - id: oxygen-low
    type: threshold
    devices: [river-1]
    point: dissolved_oxygen_mg_l
    below: 3           # GB 3838-2002, class IV
    hysteresis: 0.5
    on_delay_s: 60
    kind: water
    class: hazard
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The running parts and where they are."""

    ports: Ports
    folder: Path
    broker: str
    first_run_code: str
    sim: Child
    server: Child
    phones: Child
    edge: Child

    @property
    def server_url(self) -> str:
        """Where the desk signs in."""
        return f"http://{LOOPBACK}:{self.ports.server}"

    @property
    def phones_url(self) -> str:
        """Where the wall of phones is."""
        return f"http://{LOOPBACK}:{self.ports.phones}"

    @property
    def control_url(self) -> str:
        """Where the simulated world is moved."""
        return f"http://{LOOPBACK}:{self.ports.control}"

    @property
    def children(self) -> tuple[Child, ...]:
        """The parts whose end would end the demonstration."""
        return (self.sim, self.server, self.phones, self.edge)


@asynccontextmanager
async def build_stage(ports: Ports, *, broker: str, step_backup_s: float) -> AsyncIterator[Stage]:
    """Start every part and stop all of them at the end of the block.

    Raises:
        ChildError: a part did not start.
        NoBrokerError: the broker that was asked for is not there.
    """
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    code = "".join(secrets.choice("ABCDEFGHJKMNPQRSTUVWXYZ23456789") for _ in range(8))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gridwarden-demo-")))
        kind, broker_child = await start_broker(broker, port=ports.broker, folder=folder / "broker")
        stack.push_async_callback(broker_child.stop)
        env = {
            "GRIDWARDEN_DATA_FOLDER": str(folder / "server"),
            "GRIDWARDEN_HTTP_PORT": str(ports.server),
            "GRIDWARDEN_MQTT_PORT": str(ports.broker),
            "GRIDWARDEN_WEBHOOK_SECRET": secret,
            "GRIDWARDEN_WEBHOOK_ALLOW": f"{LOOPBACK}:{ports.phones}",
            "GRIDWARDEN_FIRST_RUN_CODE": code,
            "GRIDWARDEN_STEP_BACKUP_S": str(step_backup_s),
        }

        async def start(name: str, command: list[str], event: str) -> Child:
            child = await Child.start(name, command, env=env, cwd=folder)
            stack.push_async_callback(child.stop)
            await child.ready(event)
            return child

        await _import_street(env, ports, folder)
        phones = await start(
            "phones",
            [
                *command_of("gridwarden-sim"),
                "phones",
                "--port",
                str(ports.phones),
                "--server",
                f"http://{LOOPBACK}:{ports.server}",
            ],
            "phones_started",
        )
        sim = await start("devices", _devices_command(ports), "sim_started")
        server = await start("server", [*command_of("gridwarden-server"), "run"], "server_started")
        site = folder / "site.yaml"
        site.write_text(_site_text(ports), encoding="utf-8")
        edge = await start("gateway", [*command_of("gridwarden-edge"), "run", str(site)], "edge_started")
        await server.wait_for(lambda line: line.get("event") == "committed_said")
        yield Stage(
            ports=ports,
            folder=folder,
            broker=kind,
            first_run_code=code,
            sim=sim,
            server=server,
            phones=phones,
            edge=edge,
        )


def _site_text(ports: Ports) -> str:
    return SITE.format(
        gateway=GATEWAY,
        host=LOOPBACK,
        broker=ports.broker,
        kitchen=ports.kitchen,
        relays=ports.relays,
        riverside=ports.riverside,
    )


def _devices_command(ports: Ports) -> list[str]:
    scenario = resources.files("firmware_sim.scenarios") / "kitchen_leak.yaml"
    buses = ("kitchen", "relays", "riverside")
    return [
        *command_of("gridwarden-sim"),
        "devices",
        str(scenario),
        "--control-port",
        str(ports.control),
        *(f"--port={bus}={getattr(ports, bus)}" for bus in buses),
    ]


async def _import_street(env: dict[str, str], ports: Ports, folder: Path) -> None:
    child = await Child.start(
        "import",
        [
            *command_of("gridwarden-server"),
            "import",
            "--sample",
            "--webhook-base",
            f"http://{LOOPBACK}:{ports.phones}",
        ],
        env=env,
        cwd=folder,
    )
    if await child.process.wait() != 0:
        raise ChildError(f"the sample street could not be imported: {child.last_words()}")
