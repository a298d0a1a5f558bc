"""How long a Modbus transaction holds its line: an estimate from the frames' length. Pure.

Modbus over serial line V1.02, 2.5.1: a character has a start bit, eight data bits, a parity bit or a
second stop bit, and a stop bit; frames are 3.5 characters apart, at least 1.75 ms above 19,200 baud.
"""

from typing import Final

from edge.drivers.modbusprofile import BIT_FUNCTIONS, ModbusProfile
from edge.drivers.planner import Block
from edge.site.busconfig import ModbusBusSettings, ModbusRtuBusSettings, ModbusTcpBusSettings

TURNAROUND_S: Final = 0.010
"""Until a device begins to answer; 5 to 50 ms are usual."""
TCP_TURNAROUND_S: Final = 0.003
ASSUMED_BAUD: Final = 9600
"""Behind a converter, where the site file does not say."""
_SHORT_CHARACTER: Final = 10
_QUESTION_BYTES: Final = 8
_ANSWER_BYTES: Final = 5
_GAP_CHARACTERS: Final = 3.5
_LEAST_GAP_S: Final = 0.00175


def transaction_s(bus: ModbusBusSettings, profile: ModbusProfile, block: Block) -> float:
    """Return about how many seconds one read holds the line."""
    pauses_s = bus.gap_ms / 1000 + profile.pause_ms / 1000
    if isinstance(bus, ModbusTcpBusSettings):
        return TCP_TURNAROUND_S + pauses_s
    baud, bits = ASSUMED_BAUD, _SHORT_CHARACTER
    if isinstance(bus, ModbusRtuBusSettings):
        baud = bus.baud
        bits = _SHORT_CHARACTER + (bus.parity != "none") + (bus.stop_bits - 1)
    data_bytes = (block.count + 7) // 8 if block.fc in BIT_FUNCTIONS else 2 * block.count
    character_s = bits / baud
    frames_s = (_QUESTION_BYTES + _ANSWER_BYTES + data_bytes) * character_s
    return frames_s + 2 * max(_GAP_CHARACTERS * character_s, _LEAST_GAP_S) + TURNAROUND_S + pauses_s
