"""How large a street is, and how a whole is shared out in whole numbers. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Final

MOST_HOUSEHOLDS: Final = 100
"""In one micro-grid."""
BEGIN: Final = date(2026, 11, 23)
"""The Monday from which a street's absences and rotations count, unless another is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetSize:
    """How many there are of everything.

    Attributes:
        width, height: of the street's land, in steps (see `land.STEP_M`).
        dedicated: dedicated grids, `blocks` of them for a business block each.
        devices: of all gateways together; every gateway has as many, give or take one.
    """

    width: int
    height: int
    areas: int
    communities: int
    estates: int
    blocks: int
    comprehensive: int
    dedicated: int
    micro: int
    households: int
    residents: int
    gateways: int
    devices: int
    cameras: int

    @property
    def leaves(self) -> int:
        """Grids that share the land out: every micro-grid and every dedicated one."""
        return self.micro + self.dedicated


SIZES: Final[Mapping[str, StreetSize]] = {
    "full": StreetSize(
        width=240,
        height=200,
        areas=11,
        communities=57,
        estates=145,
        blocks=98,
        comprehensive=204,
        dedicated=129,
        micro=1_414,
        households=137_000,
        residents=400_000,
        gateways=600,
        devices=120_000,
        cameras=900,
    ),
    "small": StreetSize(
        width=36,
        height=36,
        areas=2,
        communities=4,
        estates=8,
        blocks=3,
        comprehensive=9,
        dedicated=8,
        micro=28,
        households=2_600,
        residents=7_400,
        gateways=6,
        devices=240,
        cameras=12,
    ),
}


def randomness(seed: int, topic: str) -> Random:
    """Return a source of chance of its own for one topic: the same on every machine and in every process."""
    return Random(f"gridwarden street {seed} {topic}")  # noqa: S311 - to invent, not to keep a secret


def share(total: int, parts: int, chance: Random, *, least: int = 1, spread: float = 0.35) -> list[int]:
    """Share a whole out among parts, unevenly.

    Args:
        total: what is shared out.
        parts: among how many.
        chance: decides.
        least: what each part has at least.
        spread: how far parts differ, as a share of the average.
    """
    weights = [1 + chance.uniform(-spread, spread) for _ in range(parts)]
    return in_proportion(total, weights, least=least)


def in_proportion(
    total: int, weights: Sequence[float], *, least: int = 0, most: int | None = None
) -> list[int]:
    """Share a whole out by weight, with the largest remainders rounded up.

    Args:
        total: what is shared out.
        weights: one a part.
        least: what each part has at least.
        most: what each part has at most.

    Raises:
        ValueError: there is not enough for everybody's least, or too much for everybody's most.
    """
    if least * len(weights) > total or (most is not None and most * len(weights) < total):
        raise ValueError(f"{total} cannot be shared among {len(weights)}")
    free = total - least * len(weights)
    scale = free / (sum(weights) or 1)
    wished = [least + weight * scale for weight in weights]
    limit = total if most is None else most
    shares = [min(int(wish), limit) for wish in wished]
    order = sorted(range(len(weights)), key=lambda i: (shares[i] - wished[i], i))
    missing = total - sum(shares)
    while missing:
        for index in order:
            if missing and shares[index] < limit:
                shares[index] += 1
                missing -= 1
    return shares
