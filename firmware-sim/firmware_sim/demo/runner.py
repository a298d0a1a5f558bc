"""`gridwarden-sim demo`: plays the incident for a visitor, or checks it without one."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, Final

import httpx2

from firmware_sim.demo import brokers, incident
from firmware_sim.demo.brokers import NoBrokerError
from firmware_sim.demo.check import play_incident
from firmware_sim.demo.children import ChildError
from firmware_sim.demo.incident import HOPS, MissingHopError, Trace
from firmware_sim.demo.ports import free_ports, wanted_ports
from firmware_sim.demo.stage import BACKUP, LEADER, Stage, build_stage
from firmware_sim.serving import PortTakenError

QUIET_S: Final = 10.0
"""How long all is well before the leak."""
STEP_BACKUP_S: Final = 45.0
"""How long the demonstration's leader has before the backup is told."""
_WIDEST: Final = max(map(len, HOPS)) + 4


def run_demo(*, check: bool, broker: str) -> int:
    """Run the demonstration; returns the process's exit code.

    Args:
        check: play it without a human and judge it.
        broker: `auto`, `mosquitto` or `amqtt`.
    """
    if broker not in brokers.CHOICES:
        _say(f"found broker {broker!r}, allowed {', '.join(brokers.CHOICES)}")
        return 2
    try:
        return asyncio.run(_run_until_told(_check(broker) if check else _show(broker)))
    except (ChildError, NoBrokerError, PortTakenError) as error:
        _say(f"cannot run: {error}")
        return 1


async def _run_until_told(work: Coroutine[Any, Any, int]) -> int:
    """Run to the end, or until a signal; a visitor's Ctrl-C is the ordinary way to leave."""
    running = asyncio.create_task(work, name="demonstration")
    told = asyncio.Event()

    def stop() -> None:
        if not told.is_set():  # a second Ctrl-C must not cut the stopping short
            told.set()
            _say("stopping every process …")
            running.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    await asyncio.wait((running,))
    if running.cancelled():
        _say("stopped; nothing is left running")
        return 0
    return running.result()


async def _check(broker: str) -> int:
    trace = Trace()
    problems: list[str] = []
    async with build_stage(free_ports(), broker=broker, step_backup_s=STEP_BACKUP_S) as stage:
        _say(f"broker: {stage.broker}")
        try:
            await play_incident(stage, trace)
        except ExceptionGroup as group:  # whatever went wrong, the table is shown
            problems.append(_describe(_first_of(group)))
        except MissingHopError as error:
            problems.append(str(error))
    _print_table(trace)
    problems += trace.problems()
    for problem in problems:
        _say(problem)
    _say("the check failed" if problems else "every hop came, in order")
    return 1 if problems else 0


def _describe(error: BaseException) -> str:
    return str(error) if isinstance(error, MissingHopError | ChildError) else repr(error)


def _print_table(trace: Trace) -> None:
    began = min(trace.seen.values(), default=None)
    before: datetime | None = None
    for hop in sorted(HOPS, key=lambda hop: (hop not in trace.seen, trace.seen.get(hop, began))):
        at = trace.seen.get(hop)
        if at is None or began is None:
            _say(f"  {hop:<{_WIDEST}} missing")
            continue
        total_ms = (at - began).total_seconds() * 1000
        step_ms = (at - (before or began)).total_seconds() * 1000
        _say(f"  {hop:<{_WIDEST}} {total_ms:9.0f} ms   +{step_ms:.0f}")
        before = at


async def _show(broker: str) -> int:
    ports = wanted_ports()
    _say("starting simulated devices, a gateway, a broker, the server and phones …")
    async with build_stage(ports, broker=broker, step_backup_s=STEP_BACKUP_S) as stage:
        await incident.name_phones(stage)
        _introduce(stage)
        trace = Trace(tell=lambda hop, at: _say(f"{at.astimezone():%H:%M:%S}  {hop}"))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_perform(stage, trace), name="incident")
                for child in stage.children:
                    group.create_task(child.fail_when_ended(), name=f"end-of-{child.name}")
        except BaseExceptionGroup as problems:
            raise _first_of(problems) from None
    return 0


def _first_of(problem: BaseException) -> BaseException:
    """Return what went wrong first, without the groups that tasks wrap it in."""
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return problem


def _introduce(stage: Stage) -> None:
    _say("")
    _say(f"  phones of the street   {stage.phones_url}")
    _say(f"  devices and faults     {stage.control_url}")
    _say(f"  the desk               {stage.server_url}/setup   first-run code {stage.first_run_code}")
    _say(f"  broker                 {stage.broker}, loopback only")
    _say("")
    _say(f"all is well for {QUIET_S:.0f} seconds, then gas leaks in a kitchen. Ctrl-C ends it.")


async def _perform(stage: Stage, trace: Trace) -> None:
    await asyncio.sleep(QUIET_S)
    await incident.start_leak(stage, trace)
    async with asyncio.TaskGroup() as group:
        group.create_task(incident.watch_machines(stage, trace), name="machines")
        group.create_task(_guide(stage, trace), name="guide")


async def _guide(stage: Stage, trace: Trace) -> None:
    message = await incident.wait_for_message(stage, LEADER)
    trace.note("item on the leader's page")
    _say("")
    _say(f"the leader's phone rings: {stage.phones_url}/p/{LEADER}")
    _say(f"be the leader: open {message['payload']['link']}")
    _say("press 已收到, 已到场 and, when the air is clear, 已处理")
    _say(f"press nothing, and after {STEP_BACKUP_S:.0f} s the backup's phone rings")
    _say("")
    async with asyncio.TaskGroup() as group:
        group.create_task(_watch_presses(stage, trace), name="presses")
        group.create_task(_watch_backup(stage), name="backup")


async def _watch_presses(stage: Stage, trace: Trace) -> None:
    """Follow the presses as the leader's page shows them, and clear the air on arrival."""
    message = await incident.wait_for_message(stage, LEADER)
    shown = (("· 已收到", "已收到 accepted"), ("· 已到场", "已到场 on site"), ("· 已处理", "已处理 done"))
    aired = False
    async with httpx2.AsyncClient() as client:
        while "verified and closed" not in trace.seen:
            page = (await client.get(message["payload"]["link"])).text
            for text, hop in shown:
                if text in page:
                    trace.note(hop)
            if "已到场 on site" in trace.seen and not aired:
                aired = True
                await incident.open_window(stage)
            if "· 已结束" in page:
                trace.note("verified and closed")
            await asyncio.sleep(0.3)


async def _watch_backup(stage: Stage) -> None:
    await incident.wait_for_message(stage, BACKUP)
    _say(f"nobody accepted in time: the backup's phone rings: {stage.phones_url}/p/{BACKUP}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
