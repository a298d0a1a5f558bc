"""A Modbus TCP device that costs next to nothing: 128 words for each of 247 units, all on one port.

`python bench/fast_device.py PORT`. Functions 3, 4 and 6. Every answer costs a slice and a write, so that what
is measured at the other end is the other end.
"""

import asyncio
import sys
from typing import ClassVar

import uvloop

WORDS = 128
FRESH = b"".join(i.to_bytes(2, "big") for i in range(WORDS))


class Device(asyncio.Protocol):
    banks: ClassVar[dict[int, bytearray]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        while len(data) >= 12:
            unit, function = data[6], data[7]
            first, value = int.from_bytes(data[8:10], "big"), int.from_bytes(data[10:12], "big")
            bank = self.banks.setdefault(unit, bytearray(FRESH))
            if function == 6:
                bank[2 * first : 2 * first + 2] = data[10:12]
                self.transport.write(data[:12])
            else:
                size = 2 * value
                head = data[:4] + (size + 3).to_bytes(2, "big") + bytes((unit, function, size))
                self.transport.write(head + bank[2 * first : 2 * first + size])
            data = data[12:]
        self.rest = data


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Device, "127.0.0.1", port)
    print('{"event": "device_started"}', flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1])))
