"""Errors of counts by how full the place truly is. Sums only, so that stories add up."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EDGES_PER_M2: Final = (0.0, 0.5, 1.0, 2.0, 3.5, 5.0, float("inf"))
STATED_SIGMAS: Final = 1.96
"""The 95 % interval of a normal error."""


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over the places whose true density lies in one band. Errors are found less true, per square metre."""

    n: int = 0
    people: float = 0.0
    absolute: float = 0.0
    signed: float = 0.0
    within: int = 0

    @property
    def mean_absolute(self) -> float:
        return self.absolute / max(self.n, 1)

    @property
    def bias(self) -> float:
        return self.signed / max(self.n, 1)

    @property
    def share_within(self) -> float:
        return self.within / max(self.n, 1)


def banded(
    true_people: Floats, found_people: Floats, sigma_people: Floats, area_m2: float
) -> tuple[Band, ...]:
    """One Band for each density band. All arrays (n,): one entry for each place at one time."""
    error = found_people - true_people
    density = true_people / area_m2
    within = np.abs(error) <= STATED_SIGMAS * sigma_people
    bands = []
    for low, high in pairwise(EDGES_PER_M2):
        here = (density >= low) & (density < high)
        bands.append(
            Band(
                n=int(here.sum()),
                people=float(true_people[here].sum()),
                absolute=float(np.abs(error[here]).sum()) / area_m2,
                signed=float(error[here].sum()) / area_m2,
                within=int(within[here].sum()),
            )
        )
    return tuple(bands)


def added(many: Iterable[tuple[Band, ...]]) -> tuple[Band, ...]:
    """Band by band."""
    return tuple(
        Band(
            n=sum(one.n for one in same),
            people=sum(one.people for one in same),
            absolute=sum(one.absolute for one in same),
            signed=sum(one.signed for one in same),
            within=sum(one.within for one in same),
        )
        for same in zip(*many, strict=True)
    )


def names() -> tuple[str, ...]:
    """Each band as it is written in a table."""
    pairs = pairwise(EDGES_PER_M2)
    return tuple(f"> {low:g}" if high == float("inf") else f"{low:g} to {high:g}" for low, high in pairs)
