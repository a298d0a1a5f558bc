"""The incident with no human: every press goes through the real pages."""

import asyncio

import httpx2

from firmware_sim.demo.incident import (
    LeaderPhone,
    MissingHopError,
    Trace,
    open_window,
    start_leak,
    wait_for_message,
    watch_machines,
)
from firmware_sim.demo.stage import LEADER, Stage

_LIMIT_S = 50.0


async def play_incident(stage: Stage, trace: Trace) -> None:
    """Play the incident to its end, noting every hop.

    Raises:
        MissingHopError: a hop did not come in time.
    """
    try:
        async with asyncio.timeout(_LIMIT_S), asyncio.TaskGroup() as group:
            group.create_task(watch_machines(stage, trace), name="machines")
            group.create_task(_act(stage, trace), name="leader")
    except TimeoutError as error:
        raise MissingHopError("the incident did not come to its end in time") from error


async def _act(stage: Stage, trace: Trace) -> None:
    await start_leak(stage, trace)
    message = await wait_for_message(stage, LEADER)
    async with httpx2.AsyncClient() as client:
        phone = LeaderPhone(link=message["payload"]["link"], client=client)
        await phone.wait_until_shown(message["payload"]["title"])
        trace.note("item on the leader's page")
        trace.note("已收到 accepted", await phone.press("accept"))
        trace.note("已到场 on site", await phone.press("arrive"))
        await open_window(stage)
        await trace.wait_for("sensor says normal")
        trace.note("已处理 done", await phone.press("finish"))
        await phone.wait_until_shown("已结束")
        await trace.wait_for("latch reset by the gateway")
        trace.note("verified and closed")
