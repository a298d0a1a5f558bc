"""How each step of a script is done on a stage: to the world, to the line, by people, to parts."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from firmware_sim.rehearsal.stage import RehearsalStage
from firmware_sim.steps import (
    BaseStep,
    LineStep,
    PartStep,
    PassTimeStep,
    PersonStep,
    PressStep,
    ProviderStep,
)


async def play(stage: RehearsalStage, step: BaseStep) -> None:
    """Do a step.

    Raises:
        httpx2.HTTPError: a part refuses it.
        ChildError: a part did not start.
    """
    await _PLAY.get(type(step), _move_world)(stage, step)


async def _move_world(stage: RehearsalStage, step: BaseStep) -> None:
    await stage.world.post("/steps", step.model_dump(mode="json"))


async def _pass_time(stage: RehearsalStage, step: PassTimeStep) -> None:
    await _move_world(stage, step)
    stage.skip(step.seconds)
    await stage.phones.post("/api/clock", {"advance_s": step.seconds})


async def _set_line(stage: RehearsalStage, step: LineStep) -> None:
    if step.up:
        stage.line.mend()
    else:
        stage.line.cut()


async def _script_person(stage: RehearsalStage, step: PersonStep) -> None:
    told = step.model_dump(mode="json", exclude={"do", "at"})
    await stage.phones.post("/api/scripts", told)


async def _set_provider(stage: RehearsalStage, step: ProviderStep) -> None:
    if step.kind is None:
        await stage.phones.delete("/api/rules", provider=step.provider.value)
        return
    await stage.phones.post("/api/rules", step.model_dump(mode="json", exclude={"do", "at"}))


async def _press(stage: RehearsalStage, step: PressStep) -> None:
    messages = [m for m in await stage.phones.get("/api/messages", person=step.person) if m["link"]]
    if not messages:
        raise ValueError(f"{step.person} has no message with a link to press {step.move!r} on")
    asked = {"message": messages[-1]["id"], "person": step.person, "key": f"open:{step.move}"}
    await stage.phones.post("/api/press", asked)


async def _set_part(stage: RehearsalStage, step: PartStep) -> None:
    await (stage.start_part(step.part) if step.up else stage.kill_part(step.part))


_PLAY: Final[dict[type, Callable[[RehearsalStage, Any], Awaitable[None]]]] = {
    PassTimeStep: _pass_time,
    LineStep: _set_line,
    PersonStep: _script_person,
    ProviderStep: _set_provider,
    PressStep: _press,
    PartStep: _set_part,
}
