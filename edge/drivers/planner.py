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
    whole, needs = _in_read_blocks(profile, needs)
    joined: list[_Need] = []
    for need in sorted(needs, key=lambda n: (n.fc, n.first, n.end)):
        if joined and _may_join(profile, joined[-1], need):
            last = joined[-1]
            joined[-1] = _Need(last.fc, last.first, max(last.end, need.end), last.points | need.points)
        else:
            joined.append(need)
    planned = sorted((*whole, *joined), key=lambda n: (QUALITY_WORD not in n.points, n.fc, n.first))
    return tuple(_block(profile, need) for need in planned)


def _in_read_blocks(profile: ModbusProfile, needs: list[_Need]) -> tuple[list[_Need], list[_Need]]:
    """Return the blocks that must be read in one piece, and the needs that lie in none of them."""
    whole: list[_Need] = []
    left = needs
    for block in profile.read_blocks:
        first, end = block.address, block.address + block.count
        inside = [n for n in left if n.fc == block.fc and first <= n.first and n.end <= end]
        if inside:
            whole.append(_Need(block.fc, first, end, frozenset().union(*(n.points for n in inside))))
            left = [n for n in left if n not in inside]
    return whole, left


def split_block(profile: ModbusProfile, block: Block) -> tuple[Block, ...]:
    """Return smaller blocks for one that the device refused; () for a single point or what is one piece.

    The cut falls in the widest gap, where the address that the device does not have most likely is.
    """
    if any((b.fc, b.address, b.count) == (block.fc, block.address, block.count) for b in profile.read_blocks):
        return ()
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
