"""Crowd science in numbers: level of service, walking speed, patches, trend, time to critical."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from contract.geometry import BoolGrid, FloatGrid
from contract.messages import LevelOfService

CRITICAL_PER_M2 = 4.7  # 47 in 10 m2, standing (Taylor Inquiry, 1990)

# Upper bounds of A to E in persons per square metre; above is F (Fruin, Pedestrian Planning and Design, 1971, ch. 4).
LOS_BOUNDS_PER_M2: dict[str, tuple[float, float, float, float, float]] = {
    "walkway": (0.31, 0.43, 0.72, 1.08, 2.15),
    "stairs": (0.54, 0.72, 1.08, 1.54, 2.69),
    "queue": (0.83, 1.08, 1.54, 3.59, 5.38),
}
_LOS: tuple[LevelOfService, ...] = ("A", "B", "C", "D", "E", "F")

_FREE_SPEED_M_S, _GAMMA_PER_M2, _JAM_PER_M2 = 1.34, 1.913, 5.4

PATCH_OBSERVED_MIN = 0.5  # at least half of the walkable patch must be observed
PATCH_WALKABLE_MIN_M2 = 4.0  # [E] below this one person is a crowd
SLOPE_POINTS_MIN = 6  # [E]
SLOPE_Z = 1.645  # two-sided 90 %


def level_of_service(density_per_m2: float, surface: Literal["walkway", "stairs", "queue"]) -> LevelOfService:
    """Fruin's letter; a density on a bound belongs to the better letter."""
    for letter, bound in zip(_LOS, LOS_BOUNDS_PER_M2[surface], strict=False):
        if density_per_m2 <= bound:
            return letter
    return "F"


def weidmann_speed_m_s(density_per_m2: float) -> float:
    """v = 1.34 (1 - exp(-1.913 (1/rho - 1/5.4))) m/s; 1.34 at rho <= 0, 0 from 5.4 on (Weidmann, 1993)."""
    if density_per_m2 <= 0.0:
        return _FREE_SPEED_M_S
    if density_per_m2 >= _JAM_PER_M2:
        return 0.0
    return _FREE_SPEED_M_S * (1.0 - math.exp(-_GAMMA_PER_M2 * (1.0 / density_per_m2 - 1.0 / _JAM_PER_M2)))


def box_sum(values: FloatGrid, cells: int) -> FloatGrid:
    """Sum over a square of `cells` cells a side around each cell, cut at the grid's edge; same shape.

    An even square reaches one cell further to the north-east.
    """
    rows, columns = values.shape
    before = (cells - 1) // 2
    padded = np.zeros((rows + cells, columns + cells))
    padded[before + 1 : before + 1 + rows, before + 1 : before + 1 + columns] = values
    total = padded.cumsum(axis=0).cumsum(axis=1)
    return np.asarray(
        total[cells:, cells:] - total[:-cells, cells:] - total[cells:, :-cells] + total[:-cells, :-cells]
    )


@dataclass(frozen=True, slots=True)
class PatchRoom:
    """For each patch: the walkable, observed square metres in it, and whether that is enough to know it."""

    observed: BoolGrid
    seen_m2: FloatGrid
    known: BoolGrid


def patch_room(observed: BoolGrid, walkable_m2: FloatGrid, cells: int) -> PatchRoom:
    """Unknown is a patch of which less than half of what is walkable is observed, or without room to speak of."""
    walkable = box_sum(walkable_m2, cells)
    seen = box_sum(np.where(observed, walkable_m2, 0.0), cells)
    known = (walkable >= PATCH_WALKABLE_MIN_M2 - 1e-9) & (seen >= PATCH_OBSERVED_MIN * walkable - 1e-9)
    return PatchRoom(observed, seen, np.asarray(known & (seen > 0.0)))


def patch_densities_per_m2(people: FloatGrid, room: PatchRoom, cells: int) -> FloatGrid:
    """Persons per walkable, observed square metre of the patch around each cell; NaN where it is unknown.

    `people`: persons in each cell, ignored where not observed.
    """
    count = box_sum(people * room.observed, cells)
    found = np.full(people.shape, np.nan)
    np.divide(np.maximum(count, 0.0), room.seen_m2, out=found, where=room.known)
    return found


@dataclass(frozen=True, slots=True)
class Slope:
    """A trend per second: the median of all pairwise slopes, and the bounds of its 90 % interval."""

    median: float
    low: float
    high: float


def theil_sen(t_s: Sequence[float], values: Sequence[float]) -> Slope | None:
    """Theil-Sen slope with Sen's rank interval (P. K. Sen, JASA 63, 1968); None under 6 points or at one instant.

    One outlier in four does not move it.
    """
    return theil_sen_all(t_s, np.asarray([values], dtype=np.float64))[0]


def theil_sen_all(t_s: Sequence[float], values: FloatGrid) -> list[Slope | None]:
    """The slope of each row of `values`, which has shape (rows, points): see `theil_sen`."""
    n = len(t_s)
    if n < SLOPE_POINTS_MIN:
        return [None] * len(values)
    t = np.asarray(t_s, dtype=np.float64)
    i, j = _pairs(n)
    dt = t[j] - t[i]
    apart = np.flatnonzero(dt)
    if apart.size == 0:
        return [None] * len(values)
    if apart.size < dt.size:
        i, j, dt = i[apart], j[apart], dt[apart]
    slopes = np.sort((values[:, j] - values[:, i]) / dt, axis=1)
    size = slopes.shape[1]
    half_width = SLOPE_Z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18.0)
    lower = max(0, math.floor((size - half_width) / 2.0))
    upper = min(size - 1, math.ceil((size + half_width) / 2.0))
    middle = (slopes[:, (size - 1) // 2] + slopes[:, size // 2]) / 2.0
    return [
        Slope(*row)
        for row in zip(middle.tolist(), slopes[:, lower].tolist(), slopes[:, upper].tolist(), strict=True)
    ]


@lru_cache(maxsize=64)
def _pairs(n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    i, j = np.triu_indices(n, 1)
    return i, j


@dataclass(frozen=True, slots=True)
class UntilCritical:
    """Seconds until the critical number. `high_s` is None where the slowest inflow never reaches it."""

    median_s: float
    low_s: float
    high_s: float | None


def time_to_critical(people: float, critical_people: float, inflow_per_s: Slope) -> UntilCritical | None:
    """(N_crit - N) / net inflow; 0 when N is there already, None when the net inflow is not positive."""
    missing = critical_people - people
    if missing <= 0.0:
        return UntilCritical(0.0, 0.0, 0.0)
    if inflow_per_s.median <= 0.0:
        return None
    high_s = missing / inflow_per_s.low if inflow_per_s.low > 0.0 else None
    return UntilCritical(missing / inflow_per_s.median, missing / inflow_per_s.high, high_s)
