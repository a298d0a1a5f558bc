"""CPU per value and memory of the whole gateway: 50 units of 20 words, rules, both stores, a real server.

Beside it a bare pymodbus + aiomqtt loop that has neither. CPU seconds of the gateway's process alone.
"""

import asyncio

from edge_bench import BENCH, World, cpu_s, open_world, resident_mb, running
from fast_device import WORDS as _BANK
from measured_gateway import WORDS

UNITS = 50
WARM_UP_S = 6.0
WINDOW_S = 12.0
LIMITS = {0.1: 12.0, 1.0: 25.0}
LIMIT_MB = 60.0


async def measure(world: World, command: list[str], period_s: float) -> tuple[float, float]:
    """CPU in us per value that was due, and MB resident at the end."""
    async with running(world, command) as child:
        await asyncio.sleep(WARM_UP_S)
        pid = child.process.pid
        loop = asyncio.get_running_loop()
        before, began = cpu_s(pid), loop.time()
        await asyncio.sleep(WINDOW_S)
        values = UNITS * WORDS * (loop.time() - began) / period_s
        return (cpu_s(pid) - before) / values * 1e6, resident_mb(pid)


async def main() -> None:
    assert WORDS <= _BANK
    for period_s, limit_us in LIMITS.items():
        async with open_world() as world:
            site = world.site(UNITS, period_s)
            cost_us, memory_mb = await measure(
                world, [str(BENCH / "measured_gateway.py"), str(site)], period_s
            )
            bare = [str(BENCH / "bare_gateway.py"), str(world.device), str(world.broker), str(UNITS)]
            bare_us, bare_mb = await measure(world, [*bare, str(WORDS), str(period_s)], period_s)
        print(
            f"{UNITS} units x {WORDS} words every {period_s:g} s, CPU per value: "
            f"gateway {cost_us:.1f} us (limit {limit_us:g}), {memory_mb:.0f} MB (limit {LIMIT_MB:g}); "
            f"bare pymodbus + aiomqtt {bare_us:.1f} us, {bare_mb:.0f} MB"
        )


if __name__ == "__main__":
    asyncio.run(main())
