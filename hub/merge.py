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

import numpy as np

from contract.geometry import BoolGrid, FloatGrid
from hub.crowd import box_sum

DISAGREE_SIGMA = 2.0
# [E] Variance of one camera's count of n people: one person placed wrongly, 0.3 per person missed or doubled, and
# 15 % of a whole count that is off together (weather, light, distance). To be calibrated on site.
_VAR_PLACED, _VAR_PER_PERSON, _SIGMA_RELATIVE = 1.0, 0.3, 0.15
_VAR_CELL_PER_PERSON = 0.1  # [E] the least variance of a person in a cell that we believe


@dataclass(frozen=True, slots=True)
class Sheet:
    """One camera's grid laid on the site's frame; every array (rows, columns). `weight` > 0 from geometry."""

    camera: str
    people: FloatGrid
    sigma_people: FloatGrid
    observed: BoolGrid
    weight: FloatGrid


@dataclass(frozen=True, slots=True)
class Fused:
    """People per cell where `observed`; `disputed` cells are those where a camera was overruled by a larger count."""

    people: FloatGrid
    variance: FloatGrid
    observed: BoolGrid
    disputed: BoolGrid


def counting_sigma(people: float) -> float:
    """Standard deviation that we grant one camera's count of `people`. [E]"""
    return math.sqrt(_VAR_PLACED + _VAR_PER_PERSON * people + (_SIGMA_RELATIVE * people) ** 2)


def merge(sheets: Sequence[Sheet], shape: tuple[int, int], patch_cells: int) -> Fused:
    """All cameras as one. `sheets` in a fixed order, so that the same input gives the same bits."""
    if not sheets:
        nothing = np.zeros(shape)
        nowhere = np.zeros(shape, dtype=np.bool_)
        return Fused(nothing, nothing, nowhere, nowhere)
    if len(sheets) == 1:
        one = sheets[0]
        people = np.where(one.observed, one.people, 0.0)
        return Fused(
            people,
            np.where(one.observed, _cell_variance(one), 0.0),
            one.observed,
            np.zeros(shape, dtype=np.bool_),
        )
    overruled = np.zeros((len(sheets), *shape), dtype=np.bool_)
    boxes = [_extent(sheet.observed) for sheet in sheets]
    for i in range(len(sheets)):
        for j in range(i + 1, len(sheets)):
            window = _overlap(boxes[i], boxes[j])
            if window is not None:
                _compare(sheets[i], sheets[j], window, patch_cells, overruled[i], overruled[j])
    top = np.zeros(shape)
    weighted, weights, variance = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    observed = np.zeros(shape, dtype=np.bool_)
    disputed = np.zeros(shape, dtype=np.bool_)
    for sheet, out, box in zip(sheets, overruled, boxes, strict=True):
        if box is None:
            continue
        seen = sheet.observed[box]
        kept = np.where(seen & ~out[box], sheet.weight[box], 0.0)
        weights[box] += kept
        weighted[box] += kept * sheet.people[box]
        variance[box] += kept**2 * _cell_variance(sheet, box)
        top[box] = np.maximum(top[box], np.where(seen, sheet.people[box], 0.0))
        observed[box] |= seen
        disputed[box] |= out[box]
    trusted = weights > 0.0
    safe = np.where(trusted, weights, 1.0)
    # Three cameras can overrule each other in a ring; then the largest stands.
    people = np.where(trusted, weighted / safe, top)
    spread = np.where(trusted, variance / safe**2, _VAR_CELL_PER_PERSON * top)
    return Fused(people, spread, observed, disputed)


_Box = tuple[slice, slice]
_EVERYWHERE: _Box = (slice(None), slice(None))


def _cell_variance(sheet: Sheet, box: _Box = _EVERYWHERE) -> FloatGrid:
    return np.asarray(np.maximum(sheet.sigma_people[box] ** 2, _VAR_CELL_PER_PERSON * sheet.people[box]))


def _extent(observed: BoolGrid) -> _Box | None:
    rows = np.flatnonzero(observed.any(axis=1))
    columns = np.flatnonzero(observed.any(axis=0))
    if rows.size == 0:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _overlap(a: _Box | None, b: _Box | None) -> _Box | None:
    if a is None or b is None:
        return None
    rows = slice(max(a[0].start, b[0].start), min(a[0].stop, b[0].stop))
    columns = slice(max(a[1].start, b[1].start), min(a[1].stop, b[1].stop))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def _compare(a: Sheet, b: Sheet, window: _Box, patch_cells: int, out_a: BoolGrid, out_b: BoolGrid) -> None:
    both = a.observed[window] & b.observed[window]
    if not both.any():
        return
    people_a, people_b = np.where(both, a.people[window], 0.0), np.where(both, b.people[window], 0.0)
    near_a, near_b = box_sum(people_a, patch_cells), box_sum(people_b, patch_cells)
    allowed = DISAGREE_SIGMA * np.sqrt(_variance(near_a) + _variance(near_b))
    a_over = (near_a - near_b) > allowed
    b_over = (near_b - near_a) > allowed
    all_a, all_b = float(people_a.sum()), float(people_b.sum())
    allowed_in_all = DISAGREE_SIGMA * math.hypot(counting_sigma(all_a), counting_sigma(all_b))
    if all_a - all_b > allowed_in_all:
        a_over |= ~b_over
    elif all_b - all_a > allowed_in_all:
        b_over |= ~a_over
    out_b[window] |= a_over & both
    out_a[window] |= b_over & both


def _variance(people: FloatGrid) -> FloatGrid:
    n = np.maximum(people, 0.0)
    return np.asarray(_VAR_PLACED + _VAR_PER_PERSON * n + (_SIGMA_RELATIVE * n) ** 2)
