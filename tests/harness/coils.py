"""A simulated relay's coil, read by somebody else than the gateway."""

from pymodbus.client import AsyncModbusTcpClient


async def coil_of(port: int, *, unit: int) -> bool:
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    assert await client.connect()
    try:
        return bool((await client.read_coils(0, count=1, device_id=unit)).bits[0])
    finally:
        client.close()
