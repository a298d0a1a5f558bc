"""`gridwarden-sim scenario`: plays a scenario and says what followed.

The scenario's clock stands still while something expected is waited for: an expectation is a point of the
script that is passed once it holds, so that a busy machine makes a rehearsal slower, not wrong.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final

import httpx2

from firmware_sim.demo.brokers import NoBrokerError
from firmware_sim.demo.children import ChildError
from firmware_sim.rehearsal.desk import DeskError
from firmware_sim.rehearsal.judge import NEEDS, count, describe, is_enough, waits
from firmware_sim.rehearsal.playing import play
from firmware_sim.rehearsal.promises import NOT_LOOKED_AT, PROMISES, broken
from firmware_sim.rehearsal.record import Part, Record, take
from firmware_sim.rehearsal.stage import RehearsalStage, build_rehearsal
from firmware_sim.scenario import Scenario, load_scenario
from firmware_sim.steps import BaseExpectation, BaseStep

PATIENCE_S: Final = 40.0
"""Real seconds after which something expected will not come any more."""
_POLL_S: Final = 0.25
_SETTLE_S: Final = 0.5


@dataclass(slots=True)
class Outcome:
    """How a rehearsal went."""

    met: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def timeline(scenario: Scenario) -> list[tuple[float, BaseStep | BaseExpectation]]:
    """Return steps and expectations in their order; at the same second what is done comes first."""
    steps = [(step.at, 0, step) for step in scenario.script]
    expected = [(one.by, 1, one) for one in scenario.expect]
    merged: list[tuple[float, int, BaseStep | BaseExpectation]] = [*steps, *expected]
    return [(at, what) for at, _, what in sorted(merged, key=lambda entry: entry[:2])]


async def rehearse(
    stage: RehearsalStage, *, tell: Callable[[str], None], patience_s: float = PATIENCE_S
) -> Outcome:
    """Play a scenario on a stage and judge it.

    Args:
        stage: the running parts.
        tell: takes a line for each step and expectation.
        patience_s: how long to wait, in real seconds, for something that may still come.
    """
    outcome, clock_s, seen = Outcome(), 0.0, _Seen(stage)
    for at_s, what in timeline(stage.scenario):
        await asyncio.sleep(max(at_s - clock_s, 0.0) / stage.scenario.speed)
        if at_s > clock_s or isinstance(what, BaseStep):
            clock_s, seen = at_s, _Seen(stage)
        if isinstance(what, BaseStep):
            done = " ".join(f"{k}={v}" for k, v in what.model_dump(mode="json", exclude={"at"}).items())
            tell(f"{at_s:8.1f} s     {done}")
            try:
                await play(stage, what)
            except (httpx2.HTTPError, ChildError, ValueError) as error:
                outcome.problems.append(f"{at_s} s: {done}: {error}")
            continue
        found = await _wait_for(seen, what, patience_s)
        met = is_enough(what, found)
        tell(f"{at_s:8.1f} s  {'✓' if met else '✗'}  {describe(what)}{'' if met else f', found {found}'}")
        (outcome.met if met else outcome.problems).append(f"{at_s} s: {describe(what)}, found {found}")
    kept = await _wait_for_promises(stage, patience_s)
    outcome.problems += kept
    tell(f"  at the end  {'✗' if kept else '✓'}  {len(PROMISES)} promises of every rehearsal")
    return outcome


@dataclass(slots=True)
class _Seen:
    """What was last seen at one moment of the script; of many items it takes seconds to ask for."""

    stage: RehearsalStage
    _records: dict[frozenset[Part], Record] = field(default_factory=dict)

    async def count(self, what: BaseExpectation, *, anew: bool) -> int:
        """Count what there is of something expected, where need be by asking for it."""
        parts = NEEDS[type(what)]
        if anew or parts not in self._records:
            self._records[parts] = await take(self.stage, parts)
        return count(self._records[parts], what)


async def _wait_for(seen: _Seen, what: BaseExpectation, patience_s: float) -> int:
    # What came stays; what must not come is looked for anew.
    found = await seen.count(what, anew=not waits(what))
    until = monotonic() + patience_s
    while waits(what) and not is_enough(what, found) and monotonic() < until:
        await asyncio.sleep(_POLL_S)
        found = await seen.count(what, anew=True)
    return found


async def _wait_for_promises(stage: RehearsalStage, patience_s: float) -> list[str]:
    """Return what does not hold at the end; what is still on its way may come."""
    parts = (Part.STORIES, Part.MESSAGES)
    wrong = broken(await take(stage, parts), stage.scenario)
    until = monotonic() + patience_s
    while wrong and monotonic() < until:
        await asyncio.sleep(_SETTLE_S)
        wrong = broken(await take(stage, parts), stage.scenario)
    return wrong


def run_scenario(path: Path, *, check: bool, broker: str) -> int:
    """Play a scenario file; returns the process's exit code.

    Args:
        path: the file.
        check: end after it and judge; otherwise everything stays up for a visitor until Ctrl-C.
        broker: `auto`, `mosquitto` or `amqtt`.

    Raises:
        ScenarioError: the file cannot be used.
    """
    scenario = load_scenario(path)
    try:
        return asyncio.run(_run(path.resolve(), scenario, check=check, broker=broker))
    except (ChildError, NoBrokerError, DeskError) as error:
        _say(f"cannot run: {error}")
        return 1
    except KeyboardInterrupt:
        return 0


async def _run(path: Path, scenario: Scenario, *, check: bool, broker: str) -> int:
    _say(f"{scenario.name}: {scenario.about}")
    async with build_rehearsal(path, scenario, broker=broker) as stage:
        _say(f"phones {stage.phones.url}   devices {stage.world.url}   desk {stage.desk.url}")
        outcome = await rehearse(stage, tell=_say)
        for problem in outcome.problems:
            _say(f"not as expected: {problem}")
        if not check:
            _say("everything stays up; Ctrl-C ends it")
            await asyncio.Event().wait()
    _say(f"not looked at: {'; '.join(NOT_LOOKED_AT)}")
    _say("the check failed" if outcome.problems else f"all {len(outcome.met)} expectations met")
    return 1 if outcome.problems else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
