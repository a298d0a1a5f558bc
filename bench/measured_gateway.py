"""The product's gateway, with one more device model for measuring: 20 words beside each other.

`python bench/measured_gateway.py SITE`
"""

import sys
from pathlib import Path

from edge.app import run_gateway
from edge.drivers.profile import parse_profile, shipped_profiles
from edge.logs import configure_logs

MODEL = """\
model: twenty-words
vendor: bench
title: twenty words
kind: water
source: bench/fast_device.py
confidence: verified
points:
"""
WORDS = 20


def model() -> str:
    points = [f"  - {{name: w{i}, unit: '1', fc: 3, address: {i}, type: u16}}" for i in range(WORDS)]
    return MODEL + "\n".join(points) + "\n"


if __name__ == "__main__":
    configure_logs()
    shipped_profiles()["twenty-words"] = parse_profile(model(), origin="bench")
    sys.exit(run_gateway(Path(sys.argv[1]).absolute()))
