"""The wheel carries every page: built with its assets or not at all, served where there is no Node."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hatch_build import BuildError, check_assets
from tests.browser.pages import PAGES

pytestmark = [pytest.mark.story, pytest.mark.xdist_group("one wheel")]
ROOT = Path(__file__).parents[2]

SERVE = """
import asyncio, pathlib, re, shutil, sys, tempfile
import server

assert shutil.which("node") is None and shutil.which("npm") is None
assert pathlib.Path(server.__file__).is_relative_to(sys.prefix), server.__file__

from tests.browser.evening import play_evening
from tests.browser.pages import PAGES, Reader
from tests.server.web.running_site import open_site

async def look(client, address, shown, parts):
    page = await client.get(address)
    assert page.status_code == shown.status, (shown.name, page.status_code, page.headers.get("location"))
    found = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert len(found) >= 2, (shown.name, found)
    parts.update(found)

async def main(folder):
    parts = set()
    async with open_site(folder) as site:
        stranger = await site.visitor()
        for shown in PAGES:
            if shown.before:
                await look(stranger, shown.address, shown, parts)
        evening = await play_evening(site)
        for reader in Reader:
            client = await site.visitor()
            client.cookies.update(await evening.cookies(reader))
            for shown in PAGES:
                if shown.reader is reader and not shown.before:
                    await look(client, evening.address(shown), shown, parts)
        for part in sorted(parts):
            assert (await stranger.get(part)).status_code == 200, part
        english = await stranger.get("/feedback", headers={"Accept-Language": "en"})
        assert "Complaints" in english.text
    print("served", len(PAGES), "pages,", len(parts), "parts")

with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(pathlib.Path(folder)))
"""
HARNESS = (
    "tests/browser/evening.py",
    "tests/browser/gatewaytold.py",
    "tests/browser/pages.py",
    "tests/harness/**/*.py",
    "tests/server/**/*.py",
)
"""What plays the evening and names its pages: copied beside the wheel, which has no tests."""


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


def test_installed_where_there_is_no_node_it_serves_every_page(wheel, tmp_path):
    place = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True, timeout=60)
    [site] = place.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    # The libraries as locked, from where the tests have them; .pth files in there are not followed, so
    # that the source tree stays out of reach.
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries))
    for pattern in HARNESS:
        for path in ROOT.glob(pattern):
            copied = tmp_path / path.relative_to(ROOT)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copied)
    done = subprocess.run(
        [str(place / "bin" / "python"), "-c", SERVE],
        cwd=tmp_path,
        env={
            "PATH": str(place / "bin"),
            "PYTHONPATH": str(tmp_path),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert f"served {len(PAGES)} pages" in done.stdout, done.stderr[-3000:]
