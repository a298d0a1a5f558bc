"""The least a Python gateway can be, as a peer: pymodbus reads, json, aiomqtt publishes with QoS 1.

No rules, no store, no answer from a server, no planner, no silent devices.
`python bench/bare_gateway.py MODBUS_PORT BROKER_PORT UNITS WORDS PERIOD_S`
"""

import asyncio
import json
import sys
import time

import aiomqtt
import uvloop
from pymodbus.client import AsyncModbusTcpClient

TOPIC = "bare/readings"


async def main(modbus_port: int, broker_port: int, units: int, words: int, period_s: float) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=modbus_port)
    await client.connect()
    async with aiomqtt.Client("127.0.0.1", broker_port) as broker:
        print('{"event": "edge_started"}', flush=True)
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            for unit in range(1, units + 1):
                answer = await client.read_holding_registers(0, count=words, device_id=unit)
                message = {"unit": unit, "at": time.time(), "values": answer.registers}
                await broker.publish(TOPIC, json.dumps(message), qos=1)
            due = max(due + period_s, loop.time())
            await asyncio.sleep(due - loop.time())


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(
            main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
        )
