"""One count per ground cell from two: boxes where people stand apart, the people map where they are packed.

Each cell takes the mean of both that had the least mean square error when it was measured, at the crowding that the
map says around it (models/density/errors.py). The mean square error holds the bias too: a detector that misses three in
four of a packed crowd loses its weight there although it errs steadily.

Nobody counts twice, since a cell's two weights sum to 1; somebody whom boxes and map place in neighbouring cells still
counts once, since weights change slowly from cell to cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contract.geometry import BoolGrid, FloatGrid
from models.density import errors
from models.density.errors import PATCH_M, REFERENCE_CELL_M, Bands, Errors


@dataclass(frozen=True, slots=True)
class Fused:
    """`people`, `sigma_people`: per cell. `map_weight`: 0 boxes alone, 1 map alone. `outside`: beyond the cells."""

    people: FloatGrid
    sigma_people: FloatGrid
    map_weight: FloatGrid
    outside: float


def around_per_m2(people: FloatGrid, seen: BoolGrid, cell_m: float) -> FloatGrid:
    """Mean density over the seen cells of a `PATCH_M` square around each cell, by whole cells; 0 where none is seen."""
    return _mean(people, seen, _reach(PATCH_M, cell_m)) / cell_m**2


def crowding_per_m2(people: FloatGrid, seen: BoolGrid, cell_m: float) -> FloatGrid:
    """The density that people around each cell stand in, on average over those in a `PATCH_M` square.

    Mean crowding (Lloyd 1967, Journal of Animal Ecology 36), with densities over squares of `REFERENCE_CELL_M`: on an
    even crowd it is the density, and a knot of people in an empty square keeps its own instead of being thinned out.
    """
    density = _mean(people, seen, _reach(REFERENCE_CELL_M, cell_m)) / cell_m**2 * seen
    reach = _reach(PATCH_M, cell_m)
    total = _box_sum(density, reach)
    known = total > 1e-9
    return np.asarray(np.where(known, _box_sum(density**2, reach) / np.where(known, total, 1.0), 0.0))


def fused(
    *,
    boxes: FloatGrid,
    mapped: FloatGrid,
    boxes_outside: float,
    map_outside: float,
    seen: BoolGrid,
    cell_m: float,
    measured: Errors,
) -> Fused:
    """Both counts of one camera as one.

    `boxes`, `mapped`: people per cell (rows, columns). `seen`: cells whose counts mean anything. People outside the
    cells take the weight that the people inside have on average, so that who is placed on one side of the border by
    one and on the other by the other still counts once.
    """
    around = crowding_per_m2(mapped, seen, cell_m)
    weight = errors.map_weight(measured, around)
    people = (1.0 - weight) * boxes + weight * mapped
    inside = float((people * seen).sum())
    mean = (
        float((people * seen * weight).sum()) / inside
        if inside > 0.0
        else float(errors.map_weight(measured, np.zeros(1))[0])
    )
    outside = (1.0 - mean) * boxes_outside + mean * map_outside
    if measured.fused is not None:
        sigma = errors.sigma_per_m2(measured.fused, around)
    else:
        # As if both erred together: they look at the same picture and miss the same hidden people. [E]
        sigma = (1.0 - weight) * errors.sigma_per_m2(measured.boxes, around) + weight * errors.sigma_per_m2(
            measured.map, around
        )
    return Fused(people, errors.in_cell(sigma, cell_m), weight, outside)


def boxes_sigma(people: FloatGrid, seen: BoolGrid, cell_m: float, bands: Bands) -> FloatGrid:
    """Standard deviation of a detector's count per cell, by its own density around the cell."""
    return errors.in_cell(errors.sigma_per_m2(bands, crowding_per_m2(people, seen, cell_m)), cell_m)


def _reach(side_m: float, cell_m: float) -> int:
    """Cells on each side of the middle one that a square of `side_m` takes in, by whole cells."""
    return max(0, int(side_m / cell_m / 2.0))


def _mean(values: FloatGrid, seen: BoolGrid, reach: int) -> FloatGrid:
    total, cells = _box_sum(values * seen, reach), _box_sum(seen.astype(np.float64), reach)
    return np.asarray(np.where(cells > 0.5, total / np.maximum(cells, 1.0), 0.0))


def _box_sum(values: FloatGrid, reach: int) -> FloatGrid:
    """Sums over squares of (2 reach + 1) cells a side, cut at the borders."""
    for axis in (0, 1):
        n = values.shape[axis]
        before = np.concatenate([np.zeros_like(values.take([0], axis)), np.cumsum(values, axis)], axis)
        at = np.arange(n)
        high, low = np.minimum(at + reach + 1, n), np.maximum(at - reach, 0)
        values = before.take(high, axis) - before.take(low, axis)
    return values
