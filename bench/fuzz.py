"""Fuzzes the gateway's decoders with coverage guidance: `make fuzz SECONDS=600 TARGETS="hj212 adverts"`.

Runs in an environment of its own (`requirements/fuzz.txt`). Inputs that broke a promise are kept under
`.cache/fuzz-found/`; the corpus grows under `.cache/fuzz-corpus/` and is used again. Prints how long each
target ran and how many inputs it tried; ends with 1 if one broke.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / ".cache" / "fuzz-corpus"
FOUND = ROOT / ".cache" / "fuzz-found"
LONGEST_INPUT = {"site": 4096, "wire": 4096}
_EXECUTED = re.compile(rb"stat::number_of_executed_units:\s*(\d+)")


def _run_target(name: str, seconds: int) -> tuple[int, int, float]:
    """Return exit code, inputs tried and CPU seconds."""
    for folder in (CORPUS / name, FOUND):
        folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        __file__,
        "--inside",
        name,
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_INPUT.get(name, 1400)}",
        "-timeout=10",
        "-print_final_stats=1",
        f"-artifact_prefix={FOUND}/{name}-",
        str(CORPUS / name),
    ]
    began = time.monotonic()
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    took_s = time.monotonic() - began
    tried = _EXECUTED.findall(ended.stderr)
    if ended.returncode:
        sys.stdout.buffer.write(ended.stdout[-4000:] + ended.stderr[-6000:])
    return ended.returncode, int(tried[-1]) if tried else 0, took_s


def _fuzz_inside(name: str, arguments: list[str]) -> None:
    import atheris  # noqa: PLC0415 - in the fuzzing environment alone

    sys.path[:0] = [str(ROOT)]
    with atheris.instrument_imports(include=["edge", "wire"]):
        from tests.fuzz.seeds import seeds_of  # noqa: PLC0415 - instrumented
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - instrumented
    for index, seed in enumerate(seeds_of(name)):
        (CORPUS / name / f"seed-{index:02}").write_bytes(seed)
    atheris.Setup([sys.argv[0], *arguments], TARGETS[name])
    atheris.Fuzz()


def main() -> int:
    if sys.argv[1:2] == ["--inside"]:
        _fuzz_inside(sys.argv[2], sys.argv[3:])
        return 0
    sys.path[:0] = [str(ROOT)]
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - must be found first

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    chosen = parser.parse_args()
    broken = False
    for name in chosen.targets or sorted(TARGETS):
        code, tried, took_s = _run_target(name, chosen.seconds)
        broken |= code != 0
        verdict = "kept its promise" if code == 0 else f"BROKEN (input in {FOUND.relative_to(ROOT)}/)"
        print(f"{name:12} {took_s:7.0f} s {tried:12,} inputs  {verdict}", flush=True)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
