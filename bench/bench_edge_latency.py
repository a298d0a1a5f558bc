"""From a change at the device to the server's word that its alarm is committed, read every 100 ms."""

import asyncio
import random
import time
from statistics import median, quantiles

import aiomqtt
from edge_bench import BENCH, GATEWAY, open_world, running

from firmware_sim.demo.children import Line, logged_at
from wire import codec
from wire.messages import AckReply
from wire.vocabulary import Lane

CHANGES = 40
LIMIT_MEDIAN_MS, LIMIT_P95_MS = 70.0, 130.0


def _is_journalled(line: Line) -> bool:
    return line.get("event") == "alarm_journalled"


async def set_word(writer: asyncio.StreamWriter, value: int) -> None:
    """Write word 0 of unit 1 at the device."""
    writer.write(bytes((0, 1, 0, 0, 0, 6, 1, 6, 0, 0)) + value.to_bytes(2, "big"))
    await writer.drain()


async def main() -> None:
    took_ms: list[float] = []
    journalled_ms: list[float] = []
    async with (
        open_world() as world,
        running(world, [str(BENCH / "measured_gateway.py"), str(world.site(1, 0.1))]) as gateway,
    ):
        await gateway.ready("bus_connected")
        await asyncio.sleep(3)
        _, writer = await asyncio.open_connection("127.0.0.1", world.device)
        async with aiomqtt.Client("127.0.0.1", world.broker) as broker:
            await broker.subscribe(f"gw/{GATEWAY}/down/ack", qos=1)
            replies = aiter(broker.messages)
            for turn in range(CHANGES):
                await asyncio.sleep(random.uniform(0.25, 0.4))
                began, began_wall, seen = time.monotonic(), time.time(), len(gateway.lines)
                await set_word(writer, 0 if turn % 2 else 40_000)
                while True:
                    reply = codec.decode_reply((await anext(replies)).payload)
                    if isinstance(reply, AckReply) and reply.lane is Lane.ALARMS:
                        break
                took_ms.append((time.monotonic() - began) * 1000)
                line = await gateway.wait_for(_is_journalled, since=seen)
                journalled_ms.append((logged_at(line).timestamp() - began_wall) * 1000)
        writer.close()
    print(
        f"a change at one unit read every 100 ms -> committed at the server, {CHANGES} changes: "
        f"median {median(took_ms):.0f} ms (limit {LIMIT_MEDIAN_MS:g}), "
        f"p95 {quantiles(took_ms, n=20)[-1]:.0f} ms (limit {LIMIT_P95_MS:g})"
    )
    rest_ms = [took - there for took, there in zip(took_ms, journalled_ms, strict=True)]
    print(
        f"of it until the gateway's journal holds it (50 are the waiting for the poll): "
        f"median {median(journalled_ms):.0f} ms, p95 {quantiles(journalled_ms, n=20)[-1]:.0f} ms; "
        f"broker, server's transaction and its word back: "
        f"median {median(rest_ms):.0f} ms, p95 {quantiles(rest_ms, n=20)[-1]:.0f} ms"
    )


if __name__ == "__main__":
    asyncio.run(main())
