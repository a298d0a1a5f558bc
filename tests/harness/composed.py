"""docker-compose.yml without an engine: commands, environment, files and secrets of its services as processes.

What the images would do is taken from the Dockerfile (entry point and command), what the services add from
docker-compose.yml. Names of the network become this machine's loopback, ports free ones, folders of
containers folders of the test; everything else stays as it is shipped.
"""

import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from firmware_sim.demo.children import Child, command_of
from firmware_sim.demo.ports import pick_ports

ROOT: Final = Path(__file__).parents[2]
COMPOSE: Final = ROOT / "docker-compose.yml"
_DOCKERFILE: Final = ROOT / "deploy/docker/Dockerfile"
_PORTS: Final = (8080, 8086, 8090, 8091, 8092, 8883, 15020, 15021, 15022)
"""Every port at which something of the file listens that takes part here."""
_SHIPPED: Final = {"/app/scenarios": ROOT / "firmware-sim/firmware_sim/scenarios"}
"""What an image carries, and where it comes from."""


def make_secrets(folder: Path, *gateways: str) -> None:
    """Run the step `secrets`."""
    script = ROOT / "deploy/compose/make-secrets"
    subprocess.run(["sh", str(script), str(folder), *gateways], check=True, timeout=60)


def image_command(target: str) -> tuple[list[str], list[str]]:
    """Return entry point and command of an image, as the Dockerfile says."""
    stages = re.split(r"^FROM .* AS (\w+)$", _DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = dict(zip(stages[1::2], stages[2::2], strict=True))[target]
    found = {
        word: yaml.safe_load(value)
        for word, value in re.findall(r"^(ENTRYPOINT|CMD) (\[.*\])$", text, re.MULTILINE)
    }
    return found["ENTRYPOINT"], found.get("CMD", [])


@dataclass
class Composed:
    """The services of docker-compose.yml that are ours."""

    folder: Path
    services: dict[str, Any] = field(default_factory=dict)
    ports: dict[int, int] = field(default_factory=dict)
    postgres_port: int = 0
    running: dict[str, Child] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
        self.ports = dict(zip(_PORTS, pick_ports(len(_PORTS)), strict=True))

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    def make_secrets(self) -> None:
        make_secrets(self.secrets)
        url = self.secrets / "for-server/database.url"
        text = url.read_text()
        assert "@postgres/" in text
        url.chmod(0o600)
        url.write_text(text.replace("@postgres/", f"@127.0.0.1:{self.postgres_port}/"))

    # --- what a service is given -----------------------------------------------------------------

    def environment(self, name: str) -> dict[str, str]:
        given = self.services[name].get("environment", {})
        found = {}
        for key, value in given.items():
            usual = re.sub(r"\$\{\w+:-(.*)\}", r"\1", value)
            alone = key.endswith("_HOST") and usual in self.services
            found[key] = "127.0.0.1" if alone else self.here(name, usual)
        return found

    def command(self, name: str, *arguments: str) -> list[str]:
        """The whole command line of a service, or of its image with other arguments."""
        service = self.services[name]
        entry, usual = image_command(service["build"]["target"])
        own = list(arguments) or service.get("command", usual)
        return [*command_of(entry[0]), *entry[1:], *(self.here(name, part) for part in own)]

    def health_check(self, name: str) -> list[str]:
        word, program, *arguments = self.services[name]["healthcheck"]["test"]
        assert (word, program) == ("CMD", "python"), name
        return [sys.executable, *(self.here(name, part) for part in arguments)]

    def here(self, name: str, text: str) -> str:
        """Return a text of a service with this machine's addresses, ports and folders."""
        text = text.replace("0.0.0.0", "127.0.0.1")
        text = re.sub(rf"\b(?:{'|'.join(self.services)})(?=:\d)", "127.0.0.1", text)
        text = re.sub(r"(?<=host: )broker\b", "127.0.0.1", text)
        for theirs, ours in self.ports.items():
            text = re.sub(rf"\b{theirs}\b", str(ours), text)
        for inside, outside in {**_SHIPPED, **self.mounts(name)}.items():
            text = re.sub(rf"(?<![\w/.]){re.escape(inside)}(?=[/\"'}}\s,]|$)", str(outside), text)
        return text

    def mounts(self, name: str) -> dict[str, Path]:
        """Where each folder or file of a container lies here: volumes of secrets as the step fills them."""
        filled = {
            volume: path.removeprefix("/secrets/")
            for volume, path in (entry.split(":") for entry in self.services["secrets"]["volumes"])
        }
        found = {}
        for entry in self.services[name].get("volumes", ()):
            source, inside = entry.split(":")[:2]
            if source in filled:
                found[inside] = self.secrets / filled[source]
            else:
                found[inside] = self.folder / name / Path(inside).name
        return found

    # --- running ----------------------------------------------------------------------------------

    async def start(self, name: str, event: str) -> Child:
        """Start a service once those that it depends on run, and wait until it says that it is up."""
        for earlier in self.services[name].get("depends_on", {}):
            assert earlier in {*self.running, "secrets", "broker", "postgres"}, f"{name} before {earlier}"
        self._copy_files(name)
        child = await Child.start(name, self.command(name), env=self.environment(name), cwd=self._place(name))
        self.running[name] = child
        await child.ready(event)
        return child

    async def run(self, name: str, *arguments: str) -> Child:
        """Run a command in a service's image that ends by itself: `docker compose run`."""
        child = await Child.start(
            name, self.command(name, *arguments), env=self.environment(name), cwd=self._place(name)
        )
        await child.process.wait()
        await child.stop()
        return child

    async def stop(self) -> None:
        for child in reversed(self.running.values()):
            await child.stop()

    def url(self, port: int) -> str:
        """Address of a published port."""
        return f"http://127.0.0.1:{self.ports[port]}"

    def _place(self, name: str) -> Path:
        place = self.folder / name
        place.mkdir(exist_ok=True)
        return place

    def _copy_files(self, name: str) -> None:
        """Copy files that a service reads from the repository, with this machine's addresses in them."""
        self._place(name)
        for entry in self.services[name].get("volumes", ()):
            source, inside = entry.split(":")[:2]
            if source.startswith("./"):
                text = (ROOT / source).read_text(encoding="utf-8")
                self.mounts(name)[inside].write_text(self.here(name, text), encoding="utf-8")
