"""What the measurements of the gateway share: its surroundings as processes, its CPU and memory."""

import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from firmware_sim.demo.brokers import find_mosquitto
from firmware_sim.demo.children import Child, command_of
from firmware_sim.demo.ports import pick_port

BENCH = Path(__file__).parent
GATEWAY = "gw-demo-01"
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


@dataclass
class World:
    folder: Path
    broker: int
    device: int

    def site(self, units: int, period_s: float) -> Path:
        """Write a site with so many units of 20 words, two rules on each."""
        lines = [
            'version: "bench"',
            f"gateway: {GATEWAY}",
            f"server: {{host: 127.0.0.1, port: {self.broker}}}",
            "stores: {folder: state}",
            "buses:",
            f"  - {{id: b, technique: modbus_tcp, host: 127.0.0.1, port: {self.device}}}",
            "devices:",
            *(
                f"  - {{id: d{u}, bus: b, unit: {u}, profile: twenty-words, period_s: {period_s}}}"
                for u in range(1, units + 1)
            ),
            "rules:",
        ]
        names = ", ".join(f"d{u}" for u in range(1, units + 1))
        lines += [
            f"  - {{id: {point}-high, type: threshold, devices: [{names}], point: {point}, above: 30000,"
            " kind: water, class: hazard}"
            for point in ("w0", "w1")
        ]
        path = self.folder / "site.yaml"
        path.write_text("\n".join(lines) + "\n")
        return path


@asynccontextmanager
async def open_world(*, server: bool = True) -> AsyncIterator[World]:
    """Broker, device and server, each a real process; a data folder that goes with them."""
    children: list[Child] = []

    async def start(name: str, command: list[str], ready: str = "", **env: str) -> None:
        child = await Child.start(name, command, env=env, cwd=folder)
        children.append(child)
        if ready:
            await child.ready(ready)

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        world = World(folder, pick_port(), pick_port())
        config = folder / "mosquitto.conf"
        config.write_text(
            f"listener {world.broker} 127.0.0.1\nallow_anonymous true\n"
            "max_packet_size 300000\nset_tcp_nodelay true\nlog_dest none\n"
        )
        program = find_mosquitto()
        assert program, "mosquitto is missing"
        try:
            await start("broker", [program, "-c", str(config)])
            await start(
                "device", [sys.executable, str(BENCH / "fast_device.py"), str(world.device)], "device_started"
            )
            if server:
                env = {
                    "GRIDWARDEN_DATA_FOLDER": str(folder / "server"),
                    "GRIDWARDEN_HTTP_PORT": str(pick_port()),
                    "GRIDWARDEN_MQTT_PORT": str(world.broker),
                    "GRIDWARDEN_WEBHOOK_SECRET": "whsec_YSBzZWNyZXQgb2YgdGhlIHN0b3JpZXMgMzIgYnl0ZXM=",
                    "GRIDWARDEN_FIRST_RUN_CODE": "BENCH2345",
                }
                prepare = await Child.start(
                    "import", [*command_of("gridwarden-server"), "import", "--sample"], env=env, cwd=folder
                )
                await prepare.process.wait()
                assert prepare.process.returncode == 0, prepare.last_words()
                await start("server", [*command_of("gridwarden-server"), "run"], "server_started", **env)
            yield world
        finally:
            for child in reversed(children):
                await child.stop()


@asynccontextmanager
async def running(world: World, command: list[str]) -> AsyncIterator[Child]:
    """One gateway, ours or a peer, while it runs."""
    child = await Child.start("gateway", [sys.executable, *command], cwd=world.folder)
    try:
        await child.ready("edge_started")
        yield child
    finally:
        await child.stop()
