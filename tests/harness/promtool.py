"""Prometheus's own tool as the judge of what we write."""

import subprocess
from pathlib import Path


def lint(metrics: bytes) -> str:
    """What `promtool check metrics` objects to; empty when nothing."""
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics, capture_output=True, check=False, timeout=60
    )
    return "" if done.returncode == 0 else (done.stdout + done.stderr).decode()


def check_rules(*files: Path) -> str:
    """What `promtool check rules` objects to."""
    return _say(["promtool", "check", "rules", *map(str, files)])


def check_config(file: Path) -> str:
    """What `promtool check config` objects to, files that it names included."""
    return _say(["promtool", "check", "config", str(file)])


def try_rules(*files: Path) -> str:
    """What `promtool test rules` finds wrong."""
    return _say(["promtool", "test", "rules", *map(str, files)])


def _say(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr
