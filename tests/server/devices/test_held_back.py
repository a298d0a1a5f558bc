"""What was out of sight at some time: by orders that were carried out, and by what a gateway says of now."""

from datetime import datetime

from server.devices.heldback import held_back
from server.devices.tables import Command, CommandState
from tests.server.world import GATEWAY, at
from wire.messages import StatusMessage, SuppressionState
from wire.vocabulary import CommandOutcome, Presence, Suppression

RULE = "gas-high"


async def carry_out(world, order: str, done_at: datetime, **more: str) -> None:
    async with world.database.write() as session:
        session.add(
            Command(
                id=f"{order} {done_at}",
                gateway=GATEWAY,
                order={"order": order, "device": "gas-1", "rule": RULE, **more},
                issuer="维护员",
                issued_at=done_at,
                expires_at=done_at,
                send_at=done_at,
                state=CommandState.ANSWERED,
                outcome=CommandOutcome.DONE,
                answered_at=done_at,
            )
        )


async def shelve(world, done_at: datetime, until: datetime) -> None:
    await carry_out(world, "shelve", done_at, until=until.isoformat())


def says(world, until: datetime) -> StatusMessage:
    shelved = SuppressionState(
        device="gas-1", rule=RULE, suppression=Suppression.SHELVED, until=until, by="在场的人"
    )
    return StatusMessage(**world.envelope(), presence=Presence.ONLINE, suppressions=(shelved,))


async def who(world, status: StatusMessage | None, since: datetime, until: datetime) -> list[str]:
    async with world.database.read() as session:
        found = await held_back(session, (GATEWAY, "gas-1"), status, since=since, until=until)
    return [one.by for one in found]


async def test_what_is_shelved_beside_the_device_counts_though_it_was_once_shelved_from_here(world):
    await shelve(world, at(hours=-48), until=at(hours=-40))
    await carry_out(world, "unshelve", at(hours=-47))
    assert await who(world, says(world, until=at(hours=2)), at(hours=-1), at()) == ["在场的人"]
    assert await who(world, says(world, until=at(hours=2)), at(hours=-48), at()) == ["维护员", "在场的人"]


async def test_an_order_that_was_prolonged_beside_the_device_counts_for_longer(world):
    await shelve(world, at(hours=-4), until=at(hours=-2))
    assert await who(world, says(world, until=at(hours=2)), at(hours=-1), at()) == ["在场的人"]


async def test_what_was_ordered_from_here_and_stands_is_said_once(world):
    await shelve(world, at(hours=-4), until=at(hours=2))
    assert await who(world, says(world, until=at(hours=2)), at(hours=-1), at()) == ["维护员"]
    assert await who(world, None, at(hours=-6), at(hours=-5)) == []
