"""The wheel carries every page: built with its assets or not at all, served where there is no Node."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hatch_build import BuildError, check_assets

pytestmark = pytest.mark.story
ROOT = Path(__file__).parents[2]

SERVE = """
import asyncio, pathlib, re, shutil, sys, tempfile
import httpx2, server
from server.clock import ManualClock
from server.config import Settings
from server.context import Context
from server.db.base import Base
from server.db.schema import whole_metadata
from server.db.session import Database
from server.escalation.plan import make_policies
from server.history.database import HistoryDatabase
from server.http import build_app
from server.pulse import Pulses

assert shutil.which("node") is None and shutil.which("npm") is None
assert pathlib.Path(server.__file__).is_relative_to(sys.prefix), server.__file__

async def main(folder):
    settings = Settings(data_folder=folder)
    database, readings = Database(settings.database), HistoryDatabase(settings.readings_database)
    whole_metadata()
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await readings.prepare()
    context = Context(settings=settings, clock=ManualClock(), database=database, readings=readings,
                      policies=make_policies(60), pulses=Pulses())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=build_app(context)),
                                  base_url="http://127.0.0.1") as client:
        for path in ("/my", "/feedback", "/setup", "/i/nonsense"):
            page = await client.get(path)
            assert page.status_code in (200, 404), (path, page.status_code)
            parts = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
            assert len(parts) == 2, (path, parts)
            for part in parts:
                assert (await client.get(part)).status_code == 200, part
        english = await client.get("/feedback", headers={"Accept-Language": "en"})
        assert "Complaints" in english.text
    await readings.close()
    await database.close()

with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(pathlib.Path(folder)))
print("served")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    [built] = folder.glob("*.whl")
    return built


def test_every_built_file_template_and_catalogue_is_in_it(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    entries = json.loads(zipfile.ZipFile(wheel).read("server/web/static/manifest.json"))
    wanted = {f"server/web/static/{entry['file']}" for entry in entries.values()}
    wanted |= {f"server/web/static/{name}" for entry in entries.values() for name in entry.get("css", ())}
    wanted |= {str(path.relative_to(ROOT)) for path in (ROOT / "server/web/templates").glob("*.html")}
    wanted |= {"server/web/locale/en/LC_MESSAGES/messages.mo"}
    assert len(wanted) > 10
    assert wanted - names == set()
    assert [name for name in names if "node_modules" in name] == []


def test_a_build_that_lacks_a_file_fails_and_says_which(tmp_path):
    static = tmp_path / "server" / "web" / "static"
    static.mkdir(parents=True)
    with pytest.raises(BuildError, match="make assets"):
        check_assets(tmp_path)
    (static / "manifest.json").write_text('{"src/pages.ts": {"file": "a.js", "css": ["a.css"]}}')
    (static / "a.js").write_text("1")
    with pytest.raises(BuildError, match=r"not built: a\.css"):
        check_assets(tmp_path)
    (static / "a.css").write_text("")
    with pytest.raises(BuildError, match=r"a\.css"):  # an empty file is no style
        check_assets(tmp_path)


def test_installed_where_there_is_no_node_it_serves_the_pages(wheel, tmp_path):
    place = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True, timeout=60)
    [site] = place.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    # The libraries as locked, from where the tests have them; .pth files in there are not followed, so
    # that the source tree stays out of reach.
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries))
    done = subprocess.run(
        [str(place / "bin" / "python"), "-c", SERVE],
        cwd=tmp_path,
        env={"PATH": str(place / "bin"), "LANG": os.environ.get("LANG", "C.UTF-8")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "served" in done.stdout, done.stderr[-3000:]
