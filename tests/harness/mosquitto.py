"""A Mosquitto with a configuration, a port and a data folder of the test's own."""

import getpass
from dataclasses import dataclass, field
from pathlib import Path

from firmware_sim.demo.brokers import find_mosquitto
from firmware_sim.demo.children import Child
from firmware_sim.demo.ports import pick_port
from tests.harness.waiting import listens, until

_CONFIG = """\
listener {port} 127.0.0.1
user {user}
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 1
max_packet_size 300000
log_dest none
"""


@dataclass
class Mosquitto:
    """A broker that can be taken away and brought back on the same port."""

    folder: Path
    port: int = field(default_factory=pick_port)
    process: Child | None = None

    async def start(self) -> None:
        program = find_mosquitto()
        assert program is not None, "mosquitto is missing: apt-get install mosquitto"
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "mosquitto.conf"
        config.write_text(_CONFIG.format(port=self.port, folder=self.folder, user=getpass.getuser()))
        self.process = await Child.start("mosquitto", [program, "-c", str(config)])
        await until(lambda: listens(self.port), what="the broker's port")

    async def stop(self) -> None:
        if self.process is not None:
            await self.process.stop()
