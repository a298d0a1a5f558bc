"""The steps of escalation: read, change, and see beforehand who would be told when."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.context import Context
from server.errors import InvalidError, NotFoundError
from server.escalation.plan import plan, policy_for
from server.escalation.stored import PolicyForm, as_form, as_policy, store
from server.items.responsible import responsible_for
from server.places.tables import Community
from server.web.problems import PROBLEMS
from wire.vocabulary import AlarmClass


class PolicyChange(BaseModel):
    """New steps, or null for the street's (the shipped ones for the street itself)."""

    model_config = ConfigDict(extra="forbid")

    policy: PolicyForm | None
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class Trial(BaseModel):
    """Whom an alarm of a device would reach, by the steps in force or by others."""

    model_config = ConfigDict(extra="forbid")

    gateway: Annotated[str, Field(min_length=1, max_length=64)]
    device: Annotated[str, Field(min_length=1, max_length=128)]
    class_: Annotated[AlarmClass, Field(alias="class")]
    policy: PolicyForm | None = None
    at: datetime | None = None
    """When the alarm would come; now if left out."""


class ToldOut(BaseModel):
    """One person of a step."""

    person: str
    role: str
    channels: list[str]
    reason: str


class StepOut(BaseModel):
    """One step that reaches somebody."""

    number: int
    after_s: float
    people: list[ToldOut]


def build_policy_api(context: Context) -> APIRouter:
    """Return the routes under /api/v1/escalation."""
    router = APIRouter(prefix="/api/v1/escalation", tags=["escalation"], responses=PROBLEMS)

    @router.get(
        "/policies/{class_}",
        operation_id="getPolicy",
        dependencies=[requires(Right.SEE_SETTINGS, unscoped=("class_",))],
    )
    async def show(class_: AlarmClass, community: Annotated[str, Query()] = "") -> PolicyForm:
        """Return the steps in force for a class, in the street or in a community."""
        return as_form(policy_for(context.policies, class_, community or None))

    @router.put("/policies/{class_}", operation_id="setPolicy", status_code=204)
    async def change(
        who: Annotated[SignedIn, requires(Right.CHANGE_SETTINGS, unscoped=("class_",))],
        class_: AlarmClass,
        wanted: PolicyChange,
        community: Annotated[str, Query()] = "",
    ) -> None:
        """Put steps in force from now on; items on their way go on by the new ones."""
        problem = wanted.policy.problem(class_) if wanted.policy else ""
        if problem:
            raise InvalidError(problem)
        async with context.database.write() as session:
            if community and await session.get(Community, community) is None:
                raise NotFoundError("没有这个社区。")
            await store(
                session,
                class_,
                community,
                wanted.policy,
                by=who.operator,
                now=context.clock.now(),
                reason=wanted.reason,
            )

    @router.post("/dry-run", operation_id="dryRunPolicy", dependencies=[requires(Right.SEE_SETTINGS)])
    async def try_out(wanted: Trial) -> list[StepOut]:
        """Say who would be told when if nobody accepted. Nothing is sent or kept."""
        at = wanted.at or context.clock.now()
        if at.tzinfo is None:
            raise InvalidError("时间必须带时区。")
        problem = wanted.policy.problem(wanted.class_) if wanted.policy else ""
        if problem:
            raise InvalidError(problem)
        async with context.database.read() as session:
            found = await responsible_for(session, wanted.gateway, wanted.device, now=at)
        policy = (
            as_policy(wanted.policy)
            if wanted.policy
            else policy_for(context.policies, wanted.class_, found.community)
        )
        return [
            StepOut(
                number=step.number,
                after_s=(step.due_at - at).total_seconds(),
                people=[
                    ToldOut(
                        person=one.person,
                        role=one.role.value,
                        channels=[kind.value for kind in step.reach.choose(one.channels or ())],
                        reason=one.reason,
                    )
                    for one in step.people
                ],
            )
            for step in plan(policy, found.people, at)
        ]

    return router
