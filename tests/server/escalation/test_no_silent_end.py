"""Ten thousand incidents with random people and channels: none is planned to end in silence."""

import random
from datetime import timedelta

from server.escalation.plan import DEFAULT_POLICIES, Candidate, plan
from server.people.model import ChannelKind, Role
from tests.server.world import at
from wire.vocabulary import AlarmClass

INCIDENTS = 10_000


def test_ten_thousand_plans_end_at_the_desk_and_are_repeated():
    dice = random.Random(20261124)
    for number in range(INCIDENTS):
        policy = DEFAULT_POLICIES[dice.choice(tuple(AlarmClass))]
        people = [
            Candidate(
                person=f"{role.value}-{number}",
                role=role,
                channels=frozenset(kind for kind in ChannelKind if dice.random() < 0.4),
            )
            for role in Role
            if role is Role.DESK or dice.random() < 0.6
        ]
        desk = next(one for one in people if one.role is Role.DESK)
        steps = plan(policy, people, at())
        assert policy.repeat is not None
        if desk.channels:
            assert desk in steps[-1].people
            assert steps[-1].due_at - at() <= sum((step.window for step in policy.steps), timedelta(0))
        assert all(step.reach.choose(one.channels) for step in steps for one in step.people)
        assert [step.due_at for step in steps] == sorted(step.due_at for step in steps)
        assert not steps or steps[0].due_at == at()
