"""Which blocks to read so that every point of a device comes with few requests. Pure.

Neighbours are joined and small gaps bridged; a block never exceeds the device's cap, never touches
a range it forbids, and keeps the even alignment that some devices ask for.
"""

from dataclasses import dataclass
from itertools import pairwise

from edge.drivers.modbusprofile import BIT_FUNCTIONS, ModbusProfile


@dataclass(frozen=True, slots=True)
class Block:
    """One read request.

    Attributes:
        fc: function code, 1 to 4.
        address: first address on the wire.
        count: how many words or bits.
        points: indices of the points it covers; -1 stands for the quality word.
    """

    fc: int
    address: int
    count: int
    points: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Need:
    fc: int
    first: int
    end: int
    points: frozenset[int]


QUALITY_WORD = -1


def plan_reads(profile: ModbusProfile) -> tuple[Block, ...]:
    """Return the blocks that bring every point of a device."""
    needs = [
        _Need(point.fc, point.address, point.address + point.registers, frozenset({index}))
        for index, point in enumerate(profile.points)
    ]
    if profile.quality is not None:
        word = profile.quality
        needs.append(_Need(word.fc, word.address, word.address + 1, frozenset({QUALITY_WORD})))
    joined: list[_Need] = []
    for need in sorted(needs, key=lambda n: (n.fc, n.first, n.end)):
        if joined and _may_join(profile, joined[-1], need):
            last = joined[-1]
            joined[-1] = _Need(last.fc, last.first, max(last.end, need.end), last.points | need.points)
        else:
            joined.append(need)
    return tuple(_block(profile, need) for need in joined)


def split_block(profile: ModbusProfile, block: Block) -> tuple[Block, ...]:
    """Return smaller blocks for one that the device refused (exception 2); () for a single point.

    The cut falls in the widest gap, where the address that the device does not have most likely is.
    """
    spans = sorted((_span(profile, index) for index in block.points), key=lambda need: need.first)
    if len(spans) <= 1:
        return ()
    gaps = [after.first - before.end for before, after in pairwise(spans)]
    widest = max(range(len(gaps)), key=lambda i: (gaps[i], -abs(i - len(gaps) // 2)))
    cut = widest + 1
    return tuple(
        _block(
            profile,
            _Need(
                block.fc,
                part[0].first,
                max(need.end for need in part),
                frozenset().union(*(need.points for need in part)),
            ),
        )
        for part in (spans[:cut], spans[cut:])
    )


def _span(profile: ModbusProfile, index: int) -> _Need:
    if index == QUALITY_WORD:
        assert profile.quality is not None, "only a profile with a quality word has this index"
        word = profile.quality
        return _Need(word.fc, word.address, word.address + 1, frozenset({index}))
    point = profile.points[index]
    return _Need(point.fc, point.address, point.address + point.registers, frozenset({index}))


def _may_join(profile: ModbusProfile, last: _Need, need: _Need) -> bool:
    if last.fc != need.fc or need.first - last.end > profile.max_gap:
        return False
    joined = _block(profile, _Need(last.fc, last.first, max(last.end, need.end), frozenset()))
    cap = profile.max_bits if last.fc in BIT_FUNCTIONS else profile.max_registers
    if joined.count > cap:
        return False
    end = joined.address + joined.count
    return not any(first < end and joined.address <= last_ for first, last_ in profile.forbidden)


def _block(profile: ModbusProfile, need: _Need) -> Block:
    first, end = need.first, need.end
    if profile.even:
        first -= first % 2
        end += end % 2
    return Block(fc=need.fc, address=first, count=end - first, points=need.points)
