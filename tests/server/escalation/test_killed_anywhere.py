"""Killed before or after the commit of any transition, whoever comes after ends where an unharmed server ends:
nothing is skipped and nothing is done twice. A message alone may come twice, where the provider's answer was lost.
"""

import ast
from collections import Counter
from pathlib import Path

import pytest

import server
from server.failpoints import EXIT_CODE, Failpoint, Side, around
from tests.server.escalation.killed import Moment, begin, copied, die_in, forget, picture, received, world_of
from tests.server.escalation.transitions import AGAIN_S, SCENARIOS, transitions

ROOM = Path(server.__file__).parent
UNNAMED = {
    "escalation/pages.py": "settings",
    "escalation/web.py": "settings",
    "escalation/canary.py": "a canary carries nobody's alarm, and the next one follows",
    "notify/canaryweb.py": "the same",
    "notify/web.py": "receipts and presses name themselves",
    "notify/trying.py": "test messages",
    "notify/setup.py": "which channels there are, written at each start",
    "notify/rosternews.py": "messages of the roster, no alarms: claimed by time, tried again, never called by night",
    "notify/cards.py": "a card is rewritten again when it was not noted",
    "items/web.py": "presses name themselves; card photographs and notes",
    "items/ownlistpages.py": "links of one's own list: made when it is opened again, if they are not there",
    "items/playbookweb.py": "settings",
    "items/playbookpages.py": "settings",
}


def test_every_transition_has_a_scenario():
    assert SCENARIOS.keys() == transitions()


def test_every_transaction_of_time_and_of_notices_says_what_it_carries_out():
    unnamed = set()
    for path in [one for room in ("escalation", "notify", "items") for one in (ROOM / room).rglob("*.py")]:
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.AsyncFunctionDef):
                calls = {
                    call.func.attr
                    for call in ast.walk(function)
                    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
                }
                if "write" in calls and not calls & {"passing", "_compare"}:
                    unnamed.add(path.relative_to(ROOM).as_posix())
    assert unnamed == UNNAMED.keys()


@pytest.mark.parametrize("transition", sorted(SCENARIOS))
async def test_killed_around_a_commit_it_ends_as_if_nothing_had_happened(tmp_path, transition):
    start = tmp_path / "start"
    start.mkdir()
    await begin(start)
    async with world_of(start, transition, None) as world:
        await SCENARIOS[transition].before(world)
        moment = Moment(now=world.clock.now(), boot=world.clock.boot)
    unharmed = await go_on(await copied(start, tmp_path / "unharmed"), transition, moment)
    for side in Side:
        await killed_at(around(transition, side), start, transition, moment, unharmed)
    if transition == "notice/recorded":
        lost = Failpoint.AFTER_SEND_BEFORE_RECORD.value
        await killed_at(lost, start, transition, moment, unharmed)
    await forget(tmp_path.iterdir())


async def killed_at(place, start, transition, moment, unharmed) -> None:
    folder = await copied(start, start.parent / place.replace("/", "-").replace(":", "-"))
    assert await die_in(folder, transition, place, moment) == EXIT_CODE, f"{place} is never reached"
    found = await go_on(folder, transition, moment)
    for what, rows in unharmed.items():
        assert found[what] == rows, (place, what)
    times = Counter((notice, attempt) for notice, _, attempt in received(folder))
    # Of those that are under way at the same time the others' answers are lost as well.
    answer_lost = transition == "notice/recorded"
    assert max(times.values(), default=1) <= (2 if answer_lost else 1), "a message came twice"


async def go_on(folder, transition, moment) -> dict:
    """What comes after: it is tried again, as people and gateways do, and time passes."""
    async with world_of(folder, transition, moment) as world:
        await SCENARIOS[transition].act(world)
        await world.pass_time(AGAIN_S)
        await world.pass_time(70)
    return await picture(folder, transition)
