"""The house: arrows, sizes, names, docstrings."""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("wire", "edge", "server", "firmware-sim/firmware_sim")
MOST_LINES = 400
MOST_STATEMENTS = 60
MODULES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "node_modules" not in path.parts and "versions" not in path.parts
)


def bin_of(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def test_the_arrows_hold():
    done = subprocess.run([bin_of("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_wrong_arrow_is_seen(tmp_path):
    """The contracts can fail: an import against them does."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    names = {contract["name"] for contract in config["contracts"]}
    assert "gateway, server and simulator know one another only through wire" in names
    (tmp_path / "wire").mkdir()
    (tmp_path / "wire" / "__init__.py").write_text("import socket\n")
    (tmp_path / ".importlinter").write_text(
        "[importlinter]\nroot_package = wire\ninclude_external_packages = True\n"
        "[importlinter:contract:1]\nname = pure\ntype = forbidden\nsource_modules = wire\nforbidden_modules = socket\n"
    )
    done = subprocess.run(
        [bin_of("lint-imports"), "--no-cache"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 1, done.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_enough_to_be_read_and_has_a_name_that_says_something(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "misc"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_whatever_is_public_is_described(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or not tree.body
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
            assert ast.get_docstring(node), f"{path.name}: {node.name}"
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name[0] != "_":
                    assert ast.get_docstring(inner), f"{path.name}: {node.name}.{inner.name}"


def test_the_description_of_the_interface_is_that_of_the_code():
    done = subprocess.run(
        [bin_of("gridwarden-server"), "openapi"], capture_output=True, text=True, check=True
    )
    kept = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))
    assert json.loads(done.stdout) == kept, "run `make api`"


def test_nothing_that_users_install_is_under_the_gpl():
    """Licences as the installed packages state them; Playwright, ruff and the like stay with developers."""
    from importlib import metadata

    pins = set()
    for role in ("edge", "server", "sim"):
        lines = (ROOT / f"requirements/{role}.txt").read_text(encoding="utf-8").splitlines()
        pins |= {line.split("==")[0].split("[")[0] for line in lines if "==" in line and line[0].isalnum()}
    wrong = []
    for name in sorted(pins):
        try:
            found = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue  # of another platform
        said = [found.get("License-Expression") or found.get("License") or ""]
        said += [line for line in found.get_all("Classifier") or [] if line.startswith("License")]
        text = " ".join(said)[:2000]
        if "GPL" in text and "LGPL" not in text:
            wrong.append((name, text[:80]))
    assert wrong == []
