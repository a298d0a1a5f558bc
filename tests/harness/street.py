"""A whole street for one story: broker, devices, phones, server and gateway, each a real process."""

import base64
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import httpx2

from firmware_sim.demo.children import Child, Line, command_of
from firmware_sim.demo.ports import pick_port
from firmware_sim.relay import Relay
from tests.harness.copied_sqlite import new_folder
from tests.harness.mosquitto import Mosquitto
from tests.harness.surfaces import Desk, LeaderPage, Phones
from tests.harness.waiting import until

GATEWAY = "gw-demo-01"
OTHER_GATEWAY = "gw-demo-02"
LEADER = "wang"
BACKUP = "li"
BUSES = {"kitchen": "gas-kitchen", "relays": "valve-kitchen", "riverside": "hydrant-1"}
"""Each bus with a device on it, by which the simulator tells its port."""
_CODE = "STORY2345"
_SECRET = "whsec_" + base64.b64encode(b"a secret of the stories 32 bytes").decode()

_SCENARIO = resources.files("firmware_sim.scenarios") / "kitchen_leak.yaml"

SITE = """\
version: "story"
gateway: gw-demo-01
server: {{host: 127.0.0.1, port: {broker}}}
stores: {{folder: state}}
buses:
  - {{id: kitchen, technique: modbus_tcp, host: 127.0.0.1, port: {kitchen}, timeout_s: 0.5}}
  - {{id: relays, technique: modbus_tcp, host: 127.0.0.1, port: {relays}, timeout_s: 0.5}}
  - {{id: riverside, technique: modbus_tcp, host: 127.0.0.1, port: {riverside}, timeout_s: 0.5}}
devices:
  - {{id: gas-kitchen, bus: kitchen, unit: 1, profile: honeywell-midas, label: 厨房燃气探测器, period_s: 0.2}}
  - {{id: mains-kitchen, bus: kitchen, unit: 2, profile: eastron-sdm120, label: 电表, period_s: 0.5}}
  - {{id: leakage-kitchen, bus: kitchen, unit: 3, profile: acrel-asj, label: 剩余电流探测器, period_s: 0.2}}
  - {{id: valve-kitchen, bus: relays, unit: 1, profile: coil-relay, label: 厨房燃气阀}}
  - id: hydrant-1
    bus: riverside
    unit: 1
    profile: keller-acculevel
    label: 室外消火栓
    period_s: 0.5
    contact: {{after_s: 4}}
  - {{id: river-1, bus: riverside, unit: 2, profile: yosemitech-y4000, label: 运河水质站, period_s: 0.5}}
rules:
  - id: gas-high
    type: threshold
    devices: [gas-kitchen]
    point: gas_lel
    above: 25
    hysteresis: 5
    latching: true
    kind: gas
    class: life_safety
    actions: [{{do: close_valve, device: valve-kitchen}}]
  - id: leakage
    type: threshold
    devices: [leakage-kitchen]
    point: residual_current_ma
    above: 300
    hysteresis: 30
    kind: electric
    class: hazard
  - id: hydrant-low
    type: threshold
    devices: [hydrant-1]
    point: pressure_kpa
    below: 140
    hysteresis: 10
    kind: fire
    class: fault
  - id: oxygen-low
    type: threshold
    devices: [river-1]
    point: dissolved_oxygen_mg_l
    below: 3
    hysteresis: 0.5
    kind: water
    class: hazard
"""

_CONTROL_LIMIT_S = 60.0
"""For a request to the simulated world; only ends a test that has failed, as waiting does."""


@dataclass
class MovedClock:
    """The clock of one process: what its file says is added to the machine's."""

    path: Path
    seconds: float = 0.0
    set_s: float = 0.0

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds
        self._write()

    def set_wall(self, seconds: float) -> None:
        """Set the wall clock of the server on, or back."""
        self.set_s += seconds
        self._write()

    def _write(self) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"{self.seconds} {self.set_s}" if self.set_s else str(self.seconds))
        fresh.replace(self.path)


@dataclass
class Street:
    """Parts start and stop one by one; state stays in the folder, as on a disk."""

    folder: Path
    stack: AsyncExitStack
    broker: Mosquitto
    proxy: Relay
    server_port: int = field(default_factory=pick_port)
    parts: dict[str, Child] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    phones: Phones = field(init=False)
    desk: Desk = field(init=False)
    server_clock: MovedClock = field(init=False)
    gateway_clock: MovedClock = field(init=False)

    # --- starting and stopping -----------------------------------------------------------------

    async def start_world(self) -> None:
        """Start what stays up during a story: simulated devices and phones."""
        self.server_clock = MovedClock(self.folder / "server.clock")
        self.gateway_clock = MovedClock(self.folder / "gateway.clock")
        for clock in (self.server_clock, self.gateway_clock):
            clock.move(0)
        phones = await self._start(
            "phones",
            "gridwarden-sim",
            "phones",
            "--port",
            str(_phones_port()),
            "--server",
            f"http://127.0.0.1:{self.server_port}",
            until_event="phones_started",
        )
        self.ports["phones"] = phones["port"]
        self.phones = Phones(f"http://127.0.0.1:{phones['port']}")
        await self._start_devices(_SCENARIO.read_text(encoding="utf-8"))
        await self._take_sample()

    async def add_devices(self, lines: str) -> None:
        """Build the simulated world anew, with more devices; lines of a scenario's `devices`."""
        await self.stop("devices")
        await self._start_devices(
            _SCENARIO.read_text(encoding="utf-8").replace("events:\n", f"{lines}events:\n")
        )

    async def start_server(self, *, failpoint: str = "", **extra: str) -> Child:
        """Start the server and sign in at the desk."""
        failing = {"GRIDWARDEN_FAILPOINT": failpoint} if failpoint else {}
        await self._start(
            "server", "gridwarden-server", "run", until_event="server_started", **failing, **extra
        )
        if not hasattr(self, "desk"):
            client = await self.stack.enter_async_context(httpx2.AsyncClient(timeout=60, verify=False))
            self.desk = Desk(url=f"http://127.0.0.1:{self.server_port}", code=_CODE, client=client)
        await self.desk.sign_in()
        return self.parts["server"]

    async def start_gateway(self, **extra: str) -> Child:
        """Start the gateway on its site file; it talks to the broker through the proxy."""
        if not self.site.exists():
            self.write_site(SITE)
        await self._start(
            "gateway", "gridwarden-edge", "run", str(self.site), until_event="edge_started", **extra
        )
        return self.parts["gateway"]

    async def reload_gateway(self) -> Line:
        """Tell the gateway to look at its site file again, which has changed; returns when it runs with it."""
        gateway = self.parts["gateway"]
        before = len(gateway.lines)
        os.kill(gateway.process.pid, signal.SIGHUP)
        await gateway.wait_for(lambda line: line.get("event") == "config_changed", since=before)
        return await gateway.wait_for(lambda line: line.get("event") == "edge_started", since=before)

    def record(self) -> dict[str, Any]:
        """Return what the gateway remembers of its configurations."""
        return json.loads((self.folder / "state" / "configuration.json").read_text())

    async def start(self) -> None:
        """Start server and gateway, and wait until they have agreed on what is committed."""
        server = await self.start_server()
        await self.start_gateway()
        await server.ready("open_alarms_listed")

    async def run_to_its_end(self, script: str, *arguments: str) -> Child:
        """Run a command that ends by itself; returns it with what it wrote."""
        child = await Child.start(
            script, [*command_of(script), *arguments], env=self._environment(script), cwd=self.folder
        )
        self.stack.push_async_callback(child.stop)
        await child.process.wait()
        await child.stop()
        return child

    async def stop(self, part: str) -> int:
        """Ask a part to stop; returns its exit code."""
        child = self.parts.pop(part)
        await child.stop()
        return child.process.returncode

    async def kill(self, part: str) -> None:
        """End a part at once, as a power cut does."""
        child = self.parts.pop(part)
        await child.kill()
        await child.stop()

    @property
    def site(self) -> Path:
        """The gateway's site file."""
        return self.folder / "site.yaml"

    def write_site(self, text: str) -> None:
        """Write a site file with this street's ports."""
        ports = {bus: self.ports[bus] for bus in BUSES}
        self.site.write_text(text.format(broker=self.proxy.port, **ports), encoding="utf-8")

    # --- the simulated world -------------------------------------------------------------------

    async def set_values(self, device: str, **values: float | None) -> None:
        """Pin what a device measures; None lets physics go on."""
        await self._control(f"/devices/{device}/values", values)

    async def set_fault(self, device: str, fault: str, **more: float) -> None:
        """Make a device misbehave."""
        await self._control(f"/devices/{device}/faults", {"fault": fault, **more})

    async def _control(self, path: str, body: dict[str, Any]) -> None:
        # Plain HTTP: reading the machine's certificates for each of some thousand requests would keep
        # the story's own loop so busy that its connections time out.
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{self.ports['control']}", verify=False, timeout=_CONTROL_LIMIT_S
        ) as client:
            (await client.post(path, json=body)).raise_for_status()

    # --- what can be seen ----------------------------------------------------------------------

    async def journalled(
        self, rule: str, change: str, *, device: str | None = None, count: int | None = None
    ) -> Line:
        """Wait until the gateway says that a change of an alarm is on its disk."""
        return await self.parts["gateway"].wait_for(
            lambda line: (
                line.get("event") == "alarm_journalled"
                and line.get("rule") == rule
                and line.get("change") == change
                and device in (None, line.get("device"))
                and count in (None, line.get("count"))
            )
        )

    async def rings(self, person: str, *, count: int = 1) -> list[dict[str, Any]]:
        """Wait until a person's phone has so many messages; returns them."""

        async def enough() -> list[dict[str, Any]]:
            messages = await self.phones.messages(person)
            return messages if len(messages) >= count else []

        return await until(enough, what=f"{count} messages on the phone of {person}")

    async def page_of(self, person: str) -> LeaderPage:
        """Open the link of a person's first message."""
        message = (await self.rings(person))[0]
        client = await self.stack.enter_async_context(httpx2.AsyncClient(timeout=60, verify=False))
        return LeaderPage(link=message["payload"]["link"], client=client)

    async def item_of(self, device: str, *, limit_s: float = 80.0) -> dict[str, Any]:
        """Wait for the item of a device."""

        async def found() -> dict[str, Any] | None:
            return next((i for i in await self.desk.items() if i["device"] == device), None)

        return await until(found, what=f"an item of {device}", limit_s=limit_s)

    # --- inside --------------------------------------------------------------------------------

    async def _take_sample(self) -> None:
        """Give the server the sample street: imported for the first story of this process, copied for the others."""
        ours, sample = self.folder / "server", _sample()
        if not any(sample.iterdir()):
            imported = await self.run_to_its_end(
                "gridwarden-server", "import", "--sample", "--webhook-base", self.phones.url
            )
            assert imported.process.returncode == 0, imported.last_words()
            shutil.copytree(ours, sample, dirs_exist_ok=True)
        else:
            shutil.copytree(sample, ours)

    async def _start_devices(self, scenario: str) -> None:
        path = self.folder / "scenario.yaml"
        path.write_text(scenario, encoding="utf-8")
        started = await self._start(
            "devices", "gridwarden-sim", "devices", str(path), until_event="sim_started"
        )
        self.ports |= {bus: started["ports"][device] for bus, device in BUSES.items()}
        self.ports["control"] = started["control_port"]

    async def _start(self, part: str, script: str, *arguments: str, until_event: str, **extra: str) -> Line:
        child = await Child.start(
            part,
            [*command_of(script), *arguments],
            env={**self._environment(part), **extra},
            cwd=self.folder,
        )
        self.stack.push_async_callback(child.stop)
        self.parts[part] = child
        return await child.ready(until_event)

    def _environment(self, part: str) -> dict[str, str]:
        clock = {"server": "server.clock", "gateway": "gateway.clock"}.get(part)
        return {
            **({"GRIDWARDEN_TEST_CLOCK": str(self.folder / clock)} if clock else {}),
            "GRIDWARDEN_DATA_FOLDER": str(self.folder / "server"),
            "GRIDWARDEN_HTTP_PORT": str(self.server_port),
            "GRIDWARDEN_MQTT_PORT": str(self.broker.port),
            "GRIDWARDEN_WEBHOOK_SECRET": _SECRET,
            "GRIDWARDEN_WEBHOOK_ALLOW": f"127.0.0.1:{self.ports.get('phones', 1)}",
            "GRIDWARDEN_FIRST_RUN_CODE": _CODE,
        }


@cache
def _phones_port() -> int:
    """The port of the phones in every story of this process: it stands in the addresses of the sample street."""
    return pick_port()


@cache
def _sample() -> Path:
    """Where what the import of the sample street left is kept."""
    return new_folder()


@asynccontextmanager
async def open_street(folder: Path) -> AsyncIterator[Street]:
    """Give a street with broker, devices and phones; server and gateway are started by the story."""
    assert not any(name.startswith("GRIDWARDEN_") for name in os.environ), "stories need a clean environment"
    async with AsyncExitStack() as stack:
        broker = Mosquitto(folder / "broker")
        await broker.start()
        stack.push_async_callback(broker.stop)
        proxy = await stack.enter_async_context(Relay(broker.port).serve())
        street = Street(folder=folder, stack=stack, broker=broker, proxy=proxy)
        await street.start_world()
        yield street
