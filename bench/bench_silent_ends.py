"""Thousands of incidents through the real rows, with bad luck of every kind: how many end in silence.

    .venv/bin/python bench/bench_silent_ends.py --incidents 10000 [--first-seed 0]

A hundred incidents at a time share a street with one person for each role, half of whom have a telephone.
A provider that fails as often as it works, and in some streets never reaches some people or anybody; text
messages whose receipts are late, lost, or say that it failed; people who take what they were told of and
never come, who leave, are away, or give their duty away meanwhile, who press one thing and another; a desk
that gives things on. A judge reads the rows at the end of every stride (`tests/server/escalation/judge.py`)
and asks of every open item twelve questions: whether it waits for something, whether the desk knows where
nobody was reached, took it or came, whether a step goes on where none of its messages is believed, and so
on. Every tenth street is played for more than an hour and a half, the others for half an hour. The limit is
none.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.server.escalation.incidents import LONG_S, SHORT_S, play_street

IN_EACH = 100
LONG_EVERY = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--incidents", type=int, default=1_000)
    parser.add_argument("--first-seed", type=int, default=0)
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    started, played = time.process_time(), 0
    complaints: list[str] = []
    for seed in range(asked.first_seed, asked.first_seed + -(-asked.incidents // IN_EACH)):
        pauses_s = LONG_S if seed % LONG_EVERY == 0 else SHORT_S
        complaints += asyncio.run(play_street(seed, IN_EACH, pauses_s=pauses_s))
        played += IN_EACH
        cpu_s = time.process_time() - started
        print(f"{played} incidents, {len(complaints)} silent ends, {cpu_s:.0f} CPU s", flush=True)
    for question, count in Counter(one.split()[-1] for one in complaints).most_common():
        print(
            f"{count} × {question}; for example {next(one for one in complaints if one.endswith(question))}"
        )
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
