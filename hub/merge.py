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
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from contract.geometry import BoolGrid, FloatGrid

DISAGREE_SIGMA = 2.0
# [E] Variance of one camera's count of n people: one person placed wrongly, 0.3 per person missed or doubled, and
# 15 % of a whole count that is off together (weather, light, distance). To be calibrated on site.
_VAR_PLACED, _VAR_PER_PERSON, _SIGMA_RELATIVE = 1.0, 0.3, 0.15
Indices = npt.NDArray[np.intp]
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
    def rows(self) -> int:
        return self.row1 - self.row0

    @property
    def columns(self) -> int:
        return self.column1 - self.column0

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.row0, self.row1), slice(self.column0, self.column1)

    def within(self, outer: Box) -> tuple[slice, slice]:
        """This box as slices of an array that covers `outer`."""
        return (
            slice(self.row0 - outer.row0, self.row1 - outer.row0),
            slice(self.column0 - outer.column0, self.column1 - outer.column0),
        )


class Sheet(Struct, frozen=True, eq=False):
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
    if not sheets:
        nothing, nowhere = np.zeros(shape), np.zeros(shape, dtype=np.bool_)
        return Fused(nothing, nothing, nowhere, nowhere, np.zeros(shape, dtype=np.uint8))
    seams = _seams(tuple(sheet.box for sheet in sheets), shape, patch_cells)
    people = _flat([sheet.people for sheet in sheets])
    sigma = _flat([sheet.sigma_people for sheet in sheets])
    observed = _flat([sheet.observed for sheet in sheets])
    kept = _flat([sheet.weight for sheet in sheets]) * observed
    size = shape[0] * shape[1]
    disputed = np.zeros(shape, dtype=np.bool_)
    overruled = _overruled(people, observed, seams, patch_cells)
    if overruled is not None:
        kept[overruled] = 0.0
        disputed.ravel()[seams.cells[overruled]] = True
    believed = np.maximum(sigma**2, _VAR_CELL_PER_PERSON * people)
    # bincount adds in the order of the sheets, cell by cell
    weights = np.bincount(seams.cells, kept, size)
    weighted = np.bincount(seams.cells, kept * people, size)
    variance = np.bincount(seams.cells, kept**2 * believed, size)
    observers = seams.sheets if observed.all() else np.bincount(seams.cells, observed, size)
    trusted = weights > 0.0
    safe = np.where(trusted, weights, 1.0)
    fused, spread = weighted / safe, variance / safe**2
    lost = (observers > 0.0) & ~trusted
    if lost.any():
        # Three cameras can overrule each other in a ring; then the largest stands.
        top = np.zeros(size)
        np.maximum.at(top, seams.cells, np.where(observed, people, 0.0))
        fused = np.where(lost, top, fused)
        spread = np.where(lost, _VAR_CELL_PER_PERSON * top, spread)
    return Fused(
        fused.reshape(shape),
        spread.reshape(shape),
        (observers > 0.0).reshape(shape),
        disputed,
        observers.astype(np.uint8).reshape(shape),
    )


@dataclass(frozen=True, slots=True)
class _Seams:
    """How sheets lie on the site and on each other: geometry alone, the same from instant to instant.

    All cells of all sheets stand in one row, sheet after sheet; one cell beyond the last holds nobody. `cells` gives
    for each of the row its cell on the site, flat; `sheets` how many lie on each cell of the site.

    `first` and `second` lay what every two overlapping sheets have in common on one flat canvas, pair below pair:
    for each place on it the cell in the row, of the pair's one and other sheet. Between pairs, and at the end of each
    line of `width` places, are places for the cell that holds nobody, so many that a patch around one pair's cell
    reaches no other pair. `inner` is the canvas without the margins at its ends; `starts` and `lengths` say which part
    of that is each pair's.
    """

    cells: Indices
    sheets: npt.NDArray[np.number[Any]]
    first: Indices
    second: Indices
    width: int
    inner: slice
    starts: Indices
    lengths: Indices


@lru_cache(maxsize=4)
def _seams(boxes: tuple[Box, ...], shape: tuple[int, int], patch_cells: int) -> _Seams:
    """Kept, since boxes seldom change: cameras stand still."""
    offsets = np.cumsum([0, *(box.rows * box.columns for box in boxes)]).tolist()
    site = np.arange(shape[0] * shape[1]).reshape(shape)
    cells = np.concatenate([site[box.slices] for box in boxes], axis=None)
    pairs = [
        (_indices(boxes[i], offsets[i], common), _indices(boxes[j], offsets[j], common))
        for i, j, common in _overlaps(boxes)
    ]
    # a patch is square, so a pair may lie on its side: the canvas is as narrow as they allow
    pairs = [(a.T, b.T) if a.shape[1] > a.shape[0] else (a, b) for a, b in pairs]
    before, after = (patch_cells - 1) // 2, patch_cells // 2
    width = max((a.shape[1] for a, _ in pairs), default=0) + after
    heights = [a.shape[0] + after for a, _ in pairs]
    margin, end = before * (width + 1), after * (width + 1)
    nobody = offsets[-1]
    canvas = np.full((2, margin + sum(heights) * width + end), nobody, dtype=np.intp)
    lines = canvas[:, margin : canvas.shape[1] - end].reshape(2, sum(heights), width)
    tops = np.cumsum([0, *heights], dtype=np.intp)
    for top, pair in zip(tops.tolist(), pairs, strict=False):
        rows, columns = pair[0].shape
        lines[:, top : top + rows, :columns] = pair
    return _Seams(
        cells=cells,
        sheets=np.bincount(cells, minlength=site.size),
        first=canvas[0],
        second=canvas[1],
        width=width,
        inner=slice(margin, canvas.shape[1] - end),
        starts=tops[:-1] * width,
        lengths=np.asarray(heights, dtype=np.intp) * width,
    )


def _indices(box: Box, offset: int, part: Box) -> Indices:
    """Places in the row of the cells of `part` of a sheet that begins at `offset`."""
    return (np.arange(box.rows * box.columns) + offset).reshape(box.rows, box.columns)[part.within(box)]


def _overlaps(boxes: tuple[Box, ...]) -> list[tuple[int, int, Box]]:
    """(i, j, common box) for every two that overlap."""
    found = []
    for i, a in enumerate(boxes):
        for j in range(i + 1, len(boxes)):
            b = boxes[j]
            row0, row1 = max(a.row0, b.row0), min(a.row1, b.row1)
            column0, column1 = max(a.column0, b.column0), min(a.column1, b.column1)
            if row0 < row1 and column0 < column1:
                found.append((i, j, Box(row0, row1, column0, column1)))
    return found


def _overruled(people: FloatGrid, observed: BoolGrid, seams: _Seams, patch_cells: int) -> BoolGrid | None:
    """Which cells of the row of sheets are overruled; None for none. All pairs are compared at once."""
    if not seams.starts.size:
        return None
    counts = np.append(people, 0.0)
    a, b = counts[seams.first], counts[seams.second]
    both = None
    if not observed.all():
        seen = np.append(observed, False)
        both = seen[seams.first] & seen[seams.second]
        a, b = a * both, b * both
    # Less than this apart, nobody is overruled whatever the counts are; so most of the time the rest need not be.
    apart = a - b
    all_over: tuple[BoolGrid, BoolGrid] | None = None
    if abs(_of_pairs(apart, seams)).max() > _APART_MIN:
        by_pair = _exceeds(_of_pairs(a, seams), _of_pairs(b, seams))
        if by_pair[0].any() or by_pair[1].any():
            all_over = np.repeat(by_pair[0], seams.lengths), np.repeat(by_pair[1], seams.lengths)
    near_over: tuple[BoolGrid, BoolGrid] | None = None
    if abs(_around(apart, seams, patch_cells)).max() > _APART_MIN:
        near_over = _exceeds(_around(a, seams, patch_cells), _around(b, seams, patch_cells))
    over = near_over or all_over
    if over is None:
        return None
    a_over, b_over = over
    if all_over is not None:
        a_over, b_over = a_over | (all_over[0] & ~b_over), b_over | (all_over[1] & ~a_over)
    here = seams.inner
    if both is not None:
        a_over, b_over = a_over & both[here], b_over & both[here]
    found = np.zeros(counts.size, dtype=np.bool_)
    found[seams.second[here][a_over]] = True
    found[seams.first[here][b_over]] = True
    return found[:-1] if found[:-1].any() else None


def _of_pairs(canvas: FloatGrid, seams: _Seams) -> FloatGrid:
    """Sum of each pair's part of the canvas."""
    return np.asarray(np.add.reduceat(canvas[seams.inner], seams.starts))


def _around(canvas: FloatGrid, seams: _Seams, k: int) -> FloatGrid:
    """Sum of the patch around each place of the canvas without its margins."""
    return _sliding(_sliding(canvas, k, 1), k, seams.width)


def _sliding(values: FloatGrid, k: int, step: int) -> FloatGrid:
    """Sums of `k` values that lie `step` apart, from each value on; as many fewer as the last sum reaches over."""
    size = values.size - (k - 1) * step
    total = np.zeros(size)
    run, length, taken = values, 1, 0  # sums of 1, 2, 4 ... values make up any k
    while length <= k:
        if k & length:
            total += run[taken * step : taken * step + size]
            taken += length
        reach = length * step
        run = run[:-reach] + run[reach:]
        length *= 2
    return total


def _flat(arrays: Sequence[npt.NDArray[np.generic]]) -> npt.NDArray[Any]:
    return np.concatenate(arrays, axis=None)


def _exceeds(a: FloatGrid, b: FloatGrid) -> tuple[BoolGrid, BoolGrid]:
    """Where `a` is above `b` by two sigma of our error model, and the reverse."""
    allowed = DISAGREE_SIGMA * np.sqrt(_variance(a) + _variance(b))
    apart = a - b
    return np.asarray(apart > allowed), np.asarray(-apart > allowed)


def _variance(people: FloatGrid) -> FloatGrid:
    n = np.maximum(people, 0.0)
    return np.asarray(_VAR_PLACED + _VAR_PER_PERSON * n + (_SIGMA_RELATIVE * n) ** 2)
