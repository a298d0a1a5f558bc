"""A PostgreSQL of a test's own, on a port and in a folder of its own."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from firmware_sim.demo.ports import pick_port
from tests.harness.waiting import until

_DEBIANS = Path("/usr/lib/postgresql")


def find_programs() -> Path | None:
    """The folder with `initdb` and `postgres`, the newest of Debian's before whatever is on the path."""
    found = sorted(_DEBIANS.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return None if on_path is None else Path(on_path).resolve().parent


@asynccontextmanager
async def running_postgres() -> AsyncIterator[str]:
    """Yield the address of an empty database."""
    programs = find_programs()
    assert programs is not None, "PostgreSQL is missing: apt-get install postgresql"
    # initdb refuses root; the folder must be one that its user can enter.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="gw-pg-"))
    data = folder / "data"
    port = pick_port()
    if as_user:
        shutil.chown(folder, "postgres")
    try:
        await _run(*as_user, str(programs / "initdb"), "-D", str(data), "-A", "trust", "-E", "UTF8", "-N")
        options = [f"-p{port}", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
        options += ["-c", "fsync=off", "-c", "logging_collector=off"]
        server = await asyncio.create_subprocess_exec(
            *as_user,
            str(programs / "postgres"),
            "-D",
            str(data),
            *options,
            cwd=folder,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await until(lambda: _answers(programs, port), what="PostgreSQL's port")
            user = "postgres" if as_user else os.environ.get("USER", "postgres")
            yield f"postgresql+asyncpg://{user}@127.0.0.1:{port}/postgres"
        finally:
            stop = [str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"]
            await _run(*as_user, *stop)
            await server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _answers(programs: Path, port: int) -> bool:
    asked = await asyncio.create_subprocess_exec(
        str(programs / "pg_isready"),
        "-q",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
    )
    return await asked.wait() == 0


async def _run(*command: str) -> None:
    done = await asyncio.create_subprocess_exec(
        *command, cwd="/", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await done.communicate()
    assert done.returncode == 0, said.decode(errors="replace")
