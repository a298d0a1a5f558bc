"""Steps as JSON, and the ones that are kept in the database: for the street, and for communities."""

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import func, select

from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.escalation.plan import Policy, Reach, Step
from server.escalation.tables import PolicyRow
from server.items.model import URGENT
from server.people.model import ChannelKind, Role
from wire.vocabulary import AlarmClass

_DAY_S = 86_400
_DESK_WITHIN: Mapping[AlarmClass, tuple[int, str]] = {
    AlarmClass.LIFE_SAFETY: (
        15 * 60,
        "危及生命的事项，最迟 15 分钟要通知到指挥中心。请检查每一步的时间和单位。",
    ),
    AlarmClass.HAZARD: (_DAY_S, "有危险的事项，最迟 24 小时要通知到指挥中心。请检查每一步的时间和单位。"),
}
"""Seconds after which the desk is told at the latest, where lives or property are in danger: far beyond the
shipped steps, so that a wrong unit in a form is caught."""


def _of_the_street(at: time) -> time:
    """Refuse a time of day of another zone: alarms would be compared with it in vain."""
    if at.tzinfo is not None:
        raise ValueError("a time of day of the street, without an offset")
    return at


_TimeOfDay = Annotated[time, AfterValidator(_of_the_street)]


class StepForm(BaseModel):
    """One step as it is written and edited."""

    model_config = ConfigDict(extra="forbid")

    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    instead: tuple[Role, ...] = ()
    window_s: Annotated[int, Field(ge=0, le=7 * _DAY_S)]
    channels: tuple[ChannelKind, ...] = ()
    """Used whenever a person has them."""
    at_least: Annotated[int, Field(ge=0, le=len(ChannelKind))] = 1
    """Filled up to so many kinds of channel."""
    reminder: bool = False


class PolicyForm(BaseModel):
    """The steps of one class as they are written and edited. The last step must reach the desk."""

    model_config = ConfigDict(extra="forbid")

    steps: Annotated[tuple[StepForm, ...], Field(min_length=1, max_length=10)]
    acceptance_s: Annotated[int | None, Field(ge=60, le=7 * _DAY_S)] = None
    repeat_s: Annotated[int, Field(ge=60, le=_DAY_S)]
    """How often the last step is told again: nothing may end in silence."""
    attend_s: Annotated[int | None, Field(ge=60, le=30 * _DAY_S)] = None
    """After how long without a press whoever has it is reminded; null: the time shipped for the class."""
    quiet: tuple[_TimeOfDay, _TimeOfDay] | None = None
    """From when until when, by the street's time."""

    def problem(self, class_: AlarmClass) -> str:
        """Return what makes these steps unusable for a class; empty when nothing does."""
        return next((sentence for wrong, sentence in self._checks(class_) if wrong), "")

    def _checks(self, class_: AlarmClass) -> Iterator[tuple[bool, str]]:
        """Yield, the gravest first, whether something is wrong and how it is said."""
        life, quiet = class_ is AlarmClass.LIFE_SAFETY, self.quiet
        yield Role.DESK not in self.steps[-1].roles, "最后一步必须通知指挥中心。"
        yield life and quiet is not None, "危及生命的事项不能有免打扰时间。"
        # Two kinds of channel: GB/T 45839-2025.
        few = self.steps[0].at_least < 2  # noqa: PLR2004 - as above
        yield life and few, "危及生命的事项第一步至少用两种通知方式。"
        late = class_ in URGENT and (self.attend_s or 0) > _DAY_S
        yield late, "危及生命和有危险的事项，最迟一天没有进展就要提醒。"
        silent = any(not step.channels and not step.at_least for step in self.steps)
        yield silent, "每一步至少要有一种通知方式。"
        same = quiet is not None and quiet[0] == quiet[1]
        yield same, "免打扰的开始和结束不能一样；不要免打扰就都留空。"
        if class_ in _DESK_WITHIN:
            within_s, sentence = _DESK_WITHIN[class_]
            yield self._desk_after_s() > within_s, sentence

    def _desk_after_s(self) -> int:
        """Return after how long the desk is told first."""
        first = next(number for number, step in enumerate(self.steps) if Role.DESK in step.roles)
        return sum(step.window_s for step in self.steps[:first])


def as_policy(form: PolicyForm) -> Policy:
    """Return the steps that a form says."""
    return Policy(
        steps=tuple(
            Step(
                roles=step.roles,
                instead=step.instead,
                window=timedelta(seconds=step.window_s),
                reach=Reach(always=step.channels, at_least=step.at_least),
                reminder=step.reminder,
            )
            for step in form.steps
        ),
        acceptance=None if form.acceptance_s is None else timedelta(seconds=form.acceptance_s),
        repeat=timedelta(seconds=form.repeat_s),
        attend=None if form.attend_s is None else timedelta(seconds=form.attend_s),
        quiet=form.quiet,
    )


def as_form(policy: Policy) -> PolicyForm:
    """Return steps as they are written."""
    return PolicyForm(
        steps=tuple(
            StepForm(
                roles=step.roles,
                instead=step.instead,
                window_s=round(step.window.total_seconds()),
                channels=step.reach.always,
                at_least=step.reach.at_least,
                reminder=step.reminder,
            )
            for step in policy.steps
        ),
        acceptance_s=None if policy.acceptance is None else round(policy.acceptance.total_seconds()),
        repeat_s=round(policy.repeat.total_seconds()) if policy.repeat else _DAY_S,
        attend_s=None if policy.attend is None else round(policy.attend.total_seconds()),
        quiet=policy.quiet,
    )


async def stored_version(session: ReadSession) -> tuple[int, int]:
    """Return a pair that grows with every change; rows are never deleted, only written anew."""
    query = select(func.count(PolicyRow.id), func.coalesce(func.sum(PolicyRow.version), 0))
    count, versions = (await session.execute(query)).one()
    return count, versions


async def read_stored(
    session: ReadSession, defaults: Mapping[AlarmClass, Policy]
) -> tuple[dict[AlarmClass, Policy], dict[tuple[str, AlarmClass], Policy]]:
    """Return the street's steps of every class, and communities' own by (code, class)."""
    street, communities = dict(defaults), {}
    for row in await session.scalars(select(PolicyRow)):
        if not row.policy:
            continue
        policy = as_policy(PolicyForm.model_validate(row.policy))
        if row.community:
            communities[row.community, row.class_] = policy
        else:
            street[row.class_] = policy
    return street, communities


async def store(
    session: WriteSession,
    class_: AlarmClass,
    community: str,
    form: PolicyForm | None,
    *,
    by: str,
    now: datetime,
    reason: str,
) -> None:
    """Put steps in force for the street (empty community) or a community; null takes them back."""
    query = select(PolicyRow).where(PolicyRow.community == community, PolicyRow.class_ == class_)
    row = await session.scalar(query)
    policy: dict[str, Any] = form.model_dump(mode="json") if form else {}
    before = dict(row.policy) if row else {}
    if row is None:
        session.add(
            PolicyRow(community=community, class_=class_, policy=policy, changed_at=now, changed_by=by)
        )
    else:
        row.policy, row.changed_at, row.changed_by = policy, now, by
        row.version += 1
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action="escalation_steps_changed",
        subject_kind="community" if community else "street",
        subject=community,
        reason=reason,
        detail={"class": class_.value, "before": before, "after": policy},
    )
    session.announce("policies", community)
