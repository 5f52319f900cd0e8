"""What several cameras see becomes one grid, cell by cell.

Weights come from geometry alone (metres per pixel there), never from the count or the sigma a camera reports: an
occluded camera that reports zero, surely, must not win. Where two cameras differ by more than two sigma of *our*
error model, the larger stands. So one camera can raise a count; none can clear what another supports.

They are compared over a patch, not a cell, since a person at a cell's border may be placed on either side; and once
more over all they both see, since a camera that misses one person here and one there is blind all the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from contract.geometry import BoolGrid, FloatGrid

DISAGREE_SIGMA = 2.0
# [E] Variance of one camera's count of n people: one person placed wrongly, 0.3 per person missed or doubled, and
# 15 % of a whole count that is off together (weather, light, distance). To be calibrated on site.
_VAR_PLACED, _VAR_PER_PERSON, _SIGMA_RELATIVE = 1.0, 0.3, 0.15
# Single precision is far finer than the error model, and twice as quick.
Singles = npt.NDArray[np.float32]
_APART_MIN = DISAGREE_SIGMA * math.sqrt(2.0 * _VAR_PLACED)
_VAR_CELL_PER_PERSON = 0.1  # [E] the least variance of a person in a cell that we believe


@dataclass(frozen=True, slots=True)
class Box:
    """Rows and columns of the site's frame that a camera's grid takes up."""

    row0: int
    row1: int
    column0: int
    column1: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.row0, self.row1), slice(self.column0, self.column1)

    def within(self, outer: Box) -> tuple[slice, slice]:
        """This box as slices of an array that covers `outer`."""
        return (
            slice(self.row0 - outer.row0, self.row1 - outer.row0),
            slice(self.column0 - outer.column0, self.column1 - outer.column0),
        )


@dataclass(frozen=True, slots=True)
class Sheet:
    """One camera's grid laid on the site's frame; arrays of the box's shape. `weight` > 0 from geometry."""

    camera: str
    box: Box
    people: FloatGrid
    sigma_people: FloatGrid
    observed: BoolGrid
    weight: FloatGrid


@dataclass(frozen=True, slots=True)
class Fused:
    """People per cell where `observed`; `disputed` cells are those where a camera was overruled by a larger count.

    `observers`: how many cameras observe the cell.
    """

    people: FloatGrid
    variance: FloatGrid
    observed: BoolGrid
    disputed: BoolGrid
    observers: npt.NDArray[np.uint8]


def counting_sigma(people: float) -> float:
    """Standard deviation that we grant one camera's count of `people`. [E]"""
    return math.sqrt(_VAR_PLACED + _VAR_PER_PERSON * people + (_SIGMA_RELATIVE * people) ** 2)


def merge(sheets: Sequence[Sheet], shape: tuple[int, int], patch_cells: int) -> Fused:
    """All cameras as one. `sheets` in a fixed order, so that the same input gives the same bits."""
    overruled = _overruled(sheets, patch_cells)
    weighted, weights, variance = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    observed = np.zeros(shape, dtype=np.bool_)
    disputed = np.zeros(shape, dtype=np.bool_)
    observers = np.zeros(shape, dtype=np.uint8)
    for i, sheet in enumerate(sheets):
        box = sheet.box.slices
        kept = sheet.weight * sheet.observed
        if i in overruled:
            kept[overruled[i]] = 0.0
            disputed[box] |= overruled[i]
        weights[box] += kept
        weighted[box] += kept * sheet.people
        believed = np.maximum(sheet.sigma_people**2, _VAR_CELL_PER_PERSON * sheet.people)
        variance[box] += kept**2 * believed
        observed[box] |= sheet.observed
        observers[box] += sheet.observed
    trusted = weights > 0.0
    safe = np.where(trusted, weights, 1.0)
    people, spread = weighted / safe, variance / safe**2
    lost = observed & ~trusted
    if lost.any():
        # Three cameras can overrule each other in a ring; then the largest stands.
        top = np.zeros(shape)
        for sheet in sheets:
            box = sheet.box.slices
            top[box] = np.maximum(top[box], np.where(sheet.observed, sheet.people, 0.0))
        people = np.where(lost, top, people)
        spread = np.where(lost, _VAR_CELL_PER_PERSON * top, spread)
    return Fused(people, spread, observed, disputed, observers)


@lru_cache(maxsize=64)
def _overlaps(boxes: tuple[Box, ...]) -> tuple[tuple[int, int, Box], ...]:
    """(i, j, common box) for every two that overlap. Boxes seldom change: cameras stand still."""
    found = []
    for i, a in enumerate(boxes):
        for j in range(i + 1, len(boxes)):
            b = boxes[j]
            row0, row1 = max(a.row0, b.row0), min(a.row1, b.row1)
            column0, column1 = max(a.column0, b.column0), min(a.column1, b.column1)
            if row0 < row1 and column0 < column1:
                found.append((i, j, Box(row0, row1, column0, column1)))
    return tuple(found)


def _overruled(sheets: Sequence[Sheet], patch_cells: int) -> dict[int, BoolGrid]:
    """For each sheet that is overruled anywhere: where, in its own box. All pairs are compared in one stack."""
    pairs = _overlaps(tuple(sheet.box for sheet in sheets))
    if not pairs:
        return {}
    apart = _stack(sheets, pairs, patch_cells, difference=True)
    near, in_all = _sums(apart[:, 0], patch_cells)
    # Less than this apart, nobody is overruled whatever the counts are.
    suspect = (abs(near).max(axis=(1, 2)) > _APART_MIN) | (abs(in_all) > _APART_MIN)
    pairs = tuple(pairs[n] for n in np.flatnonzero(suspect).tolist())
    if not pairs:
        return {}
    counts = _stack(sheets, pairs, patch_cells, difference=False)
    near_a, all_a = _sums(counts[:, 0], patch_cells)
    near_b, all_b = _sums(counts[:, 1], patch_cells)
    a_over, b_over = _exceeds(near_a, near_b)
    all_a_over, all_b_over = (one[:, None, None] for one in _exceeds(all_a, all_b))
    a_over, b_over = a_over | (all_a_over & ~b_over), b_over | (all_b_over & ~a_over)
    found: dict[int, BoolGrid] = {}
    for over, first_loses in ((a_over, False), (b_over, True)):
        for n in np.flatnonzero(over.any(axis=(1, 2))).tolist():
            i, j, box = pairs[n]
            a, b = sheets[i], sheets[j]
            both = a.observed[box.within(a.box)] & b.observed[box.within(b.box)]
            loser = i if first_loses else j
            out = found.setdefault(loser, np.zeros(sheets[loser].people.shape, dtype=np.bool_))
            here = over[n, : box.row1 - box.row0, : box.column1 - box.column0]
            out[box.within(sheets[loser].box)] |= here & both
    return found


def _stack(
    sheets: Sequence[Sheet],
    pairs: Sequence[tuple[int, int, Box]],
    patch_cells: int,
    *,
    difference: bool,
) -> Singles:
    """People of both cameras of each pair where both observe, shape (pairs, 2, rows + k, columns + k); or, with one
    instead of two, the first less the second. Zeros around leave room for the patch."""
    first = (patch_cells - 1) // 2 + 1
    rows = max(box.row1 - box.row0 for _, _, box in pairs)
    columns = max(box.column1 - box.column0 for _, _, box in pairs)
    layers = 1 if difference else 2
    found: Singles = np.zeros(
        (len(pairs), layers, rows + patch_cells, columns + patch_cells), dtype=np.float32
    )
    for n, (i, j, box) in enumerate(pairs):
        a, b = sheets[i], sheets[j]
        in_a, in_b = box.within(a.box), box.within(b.box)
        both = a.observed[in_a] & b.observed[in_b]
        target = found[n, :, first : first + box.row1 - box.row0, first : first + box.column1 - box.column0]
        if difference:
            target[0] = (a.people[in_a] - b.people[in_b]) * both
        else:
            target[0] = a.people[in_a] * both
            target[1] = b.people[in_b] * both
    return found


def _sums(padded: Singles, k: int) -> tuple[Singles, Singles]:
    """Sum of the patch around each cell, and of all cells, for each layer of a padded stack."""
    total = padded.cumsum(axis=1).cumsum(axis=2)
    near = total[:, k:, k:] - total[:, :-k, k:] - total[:, k:, :-k] + total[:, :-k, :-k]
    return near, total[:, -1, -1]


def _exceeds(a: Singles, b: Singles) -> tuple[BoolGrid, BoolGrid]:
    """Where `a` is above `b` by two sigma of our error model, and the reverse."""
    allowed = DISAGREE_SIGMA * np.sqrt(_variance(a) + _variance(b))
    apart = a - b
    return np.asarray(apart > allowed), np.asarray(-apart > allowed)


def _variance(people: Singles) -> Singles:
    n = np.maximum(people, 0.0)
    return np.asarray(_VAR_PLACED + _VAR_PER_PERSON * n + (_SIGMA_RELATIVE * n) ** 2)
