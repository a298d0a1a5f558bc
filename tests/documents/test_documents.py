"""What the documents say is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from edge.drivers.modbusprofile import ModbusProfile
from edge.drivers.profile import shipped_profiles
from edge.site.siteloader import load_site
from server.config import PREFIX, Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")] if "node_modules" not in path.parts
)
TRACKED = subprocess.run(
    ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def code_blocks(path: Path) -> list[str]:
    return re.findall(r"```(?:\w+)\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found), target


def test_the_readme_and_its_chinese_twin_say_the_same():
    english, chinese = ROOT / "README.md", ROOT / "README.zh-CN.md"
    assert code_blocks(english) == code_blocks(chinese)
    for pattern in (r"^#+ ", r"^- ", r"!\["):
        counts = [
            len(re.findall(pattern, p.read_text(encoding="utf-8"), re.MULTILINE)) for p in (english, chinese)
        ]
        assert counts[0] == counts[1], pattern


def test_the_readmes_count_what_ships():
    models = sum(isinstance(one, ModbusProfile) for one in shipped_profiles().values())
    assert f"{models} models on Modbus" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{models} 种 Modbus 型号" in (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")


def test_the_readmes_site_file_is_a_good_one(tmp_path):
    (example,) = [block for block in code_blocks(ROOT / "README.md") if block.startswith("version:")]
    site = tmp_path / "site.yaml"
    site.write_text(example, encoding="utf-8")
    assert load_site(site).settings.gateway == "gw-north-07"


def test_the_contributors_example_is_the_profile_itself():
    (example,) = [b for b in code_blocks(ROOT / "CONTRIBUTING.md") if b.startswith("model:")]
    profile = (ROOT / "edge/drivers/profiles/eastron-sdm120.yaml").read_text(encoding="utf-8")
    assert profile.startswith(example)


def test_every_setting_is_described_and_no_other():
    text = (ROOT / "docs/operations/settings.md").read_text(encoding="utf-8")
    described = set(re.findall(rf"^\| `{PREFIX}(\w+)`", text, re.MULTILINE))
    assert described == {name.upper() for name in Settings.model_fields}


def test_every_decision_is_listed():
    listed = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    for path in (ROOT / "docs/decisions").glob("0*.md"):
        assert path.name in listed


def test_every_make_target_that_documents_name_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for path in DOCUMENTS:
        named = set(re.findall(r"(?:`|^)make ([a-z]+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        assert named <= targets, path


def test_the_compose_file_is_valid_and_publishes_on_loopback_only():
    done = subprocess.run(
        ["docker-compose", "-f", "docker-compose.yml", "config"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    assert {"broker", "server", "gateway", "simulated-devices", "phones", "influxdb"} <= set(services)
    for name, service in services.items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert not source.startswith("./") or (ROOT / source).exists(), source


def test_the_gateway_of_the_compose_file_has_a_good_site_file(tmp_path):
    copy = tmp_path / "site.yaml"
    copy.write_bytes((ROOT / "deploy/compose/site.yaml").read_bytes())
    assert load_site(copy).settings.gateway == "gw-demo-01"


def test_no_file_knows_the_machine_it_was_written_on():
    home = re.compile(rb"/(?:home|Users|root)/\w+/|/work/")
    for name in TRACKED:
        path = ROOT / name
        if path.suffix in {".png", ".json"} or not path.is_file() or path == Path(__file__):
            continue
        assert home.search(path.read_bytes()) is None, name


def test_locks_carry_hashes_and_no_index():
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, path.name
        pins = re.findall(r"^[\w.\[\]-]+==", text, re.MULTILINE)
        assert len(pins) > 3
        assert text.count("--hash=sha256:") >= len(pins)
    lock = (ROOT / "server/web/assets/package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert '"integrity"' in lock


def test_the_three_commands_are_there():
    for script in ("gridwarden-edge", "gridwarden-server", "gridwarden-sim"):
        done = subprocess.run(
            [str(Path(sys.executable).with_name(script)), "--help"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, script
