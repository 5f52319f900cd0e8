"""Undoes the spread of heads in our own people maps, on the ground.

A head is taught spread over a few cells of the map (models/density/target.py), and a cell of the map that shows ground
far away is metres deep. Laid on the ground as it is, the edge of a packed crowd runs out over empty ground: in the
rendered market a map without any error lost a fifth of the fullest 6 x 6 m that way. How a head at a place is spread
is known from the calibration, so the people who would give this map can be asked for: maximum likelihood by
expectation and maximisation (Richardson 1972, Lucy 1974; for counts, Shepp and Vardi 1982). It keeps the total and is
never negative.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from contract.geometry import FloatGrid
from contract.homography import Floats
from edge.ground import HEAD_HEIGHT_M, Ground
from models.density.target import spread_cells

STEPS: Final = 4
"""More sharpen noise, too. On invented round crowds with noisy maps, under three rendered cameras, the 6 x 6 m erred
least after two to four steps, and their bias was least at four. [E]"""
HEIGHTS_M: Final = 0.1
"""Standard deviation of people's height, which moves a head up or down in the picture. [E]"""
REACH: Final = 2.7
"""A head's spread is followed to so many deviations."""
LEAST: Final = 1e-4
MOST_SAMPLES: Final = 8
"""A ground cell is stood for by at most so many places a side."""

_Indices = npt.NDArray[np.intp]


class Sharpener:
    """How people on each covered ground cell are spread over a map's cells. Immutable."""

    def __init__(
        self, ground: Ground, shape: tuple[int, ...], cell_px: tuple[float, float], shown: Floats
    ) -> None:
        """`shape`, `cell_px` (across, down): of the map. `shown` (n,): share of each of its cells under no mask."""
        self._size = shape[0] * shape[1]
        self._covered = np.flatnonzero(ground.covered.ravel())
        to, source, share = _spreads(ground, self._covered, shape, cell_px)
        share = share * shown[to]
        told = np.bincount(source, share, minlength=self._covered.size)
        self._known = told > LEAST
        kept = self._known[source]
        self._to, self._source = to[kept], source[kept]
        self._share = share[kept] / told[self._source]

    def sharpened(self, people: Floats, landed: Floats, grid: FloatGrid) -> FloatGrid:
        """People per ground cell with the same total as `grid` (rows, columns), the map laid on the ground as it is.

        `people` (n,): the map's cells; `landed` (n,): which share of each lies on covered ground.
        """
        shown = people * landed
        start = grid.ravel()[self._covered]
        found = np.where(self._known, start, 0.0)
        for _ in range(STEPS):
            told = np.bincount(self._to, self._share * found[self._source], minlength=self._size)
            ratio = np.where(told > 1e-9, shown / np.maximum(told, 1e-9), 0.0)
            found = found * np.bincount(self._source, self._share * ratio[self._to], minlength=found.size)
        # Places of whose heads nothing would show keep what the map laid there.
        rest = np.where(self._known, 0.0, start)
        total, wanted = float(found.sum()), float(start.sum() - rest.sum())
        if total <= 0.0:
            return grid
        sharp = np.zeros(grid.size)
        sharp[self._covered] = found * (wanted / total) + rest
        return sharp.reshape(grid.shape)


def _spreads(
    ground: Ground, covered: _Indices, shape: tuple[int, ...], cell_px: tuple[float, float]
) -> tuple[_Indices, _Indices, Floats]:
    """For people who stand evenly on each covered cell: map cell, number of the covered cell, and share, (k,) each."""
    frame = ground.frame
    row, column = np.divmod(covered, frame.columns)
    low = np.stack([frame.column0 + column, frame.row0 + row], axis=1) * frame.cell_m
    middle = low + frame.cell_m / 2.0
    middles = _seen(ground, middle, cell_px)
    wide = np.zeros(covered.size)
    for dx, dy in ((-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)):
        corner = _seen(ground, middle + np.array([dx, dy]) * frame.cell_m / 2.0, cell_px)
        wide = np.fmax(wide, 2.0 * np.abs(corner[:, :2] - middles[:, :2]).max(axis=1))
    each = np.clip(np.ceil(np.nan_to_num(wide / middles[:, 2], nan=2.0)), 2, MOST_SAMPLES).astype(np.intp)
    parts: list[tuple[_Indices, _Indices, Floats]] = []
    for n in np.unique(each):
        which = np.flatnonzero(each == n)
        within = (np.arange(n) + 0.5) / n * frame.cell_m
        x, y = np.meshgrid(within, within)
        inner = np.stack([x.ravel(), y.ravel()], axis=1)
        places = (low[which][:, None, :] + inner).reshape(-1, 2)
        heads = _seen(ground, places, cell_px)
        known = np.isfinite(heads).all(axis=1)
        parts += _laid(heads[known], np.repeat(which, n * n)[known], 1.0 / (n * n), shape)
    to, source, share = (np.concatenate(some) for some in zip(*parts, strict=True))
    keys, place = np.unique(source * (shape[0] * shape[1]) + to, return_inverse=True)
    source, to = np.divmod(keys, shape[0] * shape[1])
    return to, source, np.asarray(np.bincount(place, share), np.float64)


def _seen(ground: Ground, places_m: Floats, cell_px: tuple[float, float]) -> Floats:
    """Heads (n, 4) of those who stand there, in cells of the map: x, y, and deviation across and down."""
    heads = ground.to_picture(ground.shadow_of(places_m, HEAD_HEIGHT_M))
    tall = ground.tall_px(places_m) / cell_px[1]
    across = np.full(tall.shape, np.nan)
    known = np.isfinite(tall)
    across[known] = spread_cells(tall[known], cell_px=1)
    down = np.hypot(across, tall * HEIGHTS_M / HEAD_HEIGHT_M)
    return np.stack([heads[:, 0] / cell_px[0], heads[:, 1] / cell_px[1], across, down], axis=1)


def _laid(
    heads: Floats, source: _Indices, weight: float, shape: tuple[int, ...]
) -> list[tuple[_Indices, _Indices, Floats]]:
    """Each head over the map's cells as it is taught, in groups of like reach."""
    rows, columns = shape
    reach = np.ceil(REACH * heads[:, 2:].max(axis=1)).astype(np.intp)
    parts = []
    for far in np.unique(reach):
        these = np.flatnonzero(reach == far)
        steps = np.arange(-far, far + 1)
        weights, cells = [], []
        for axis, most in ((0, columns), (1, rows)):
            at = np.floor(heads[these, axis]).astype(np.intp)[:, None] + steps
            away = (at + 0.5 - heads[these, axis][:, None]) / heads[these, 2 + axis][:, None]
            found = np.exp(-0.5 * away**2) * ((at >= 0) & (at < most))
            weights.append(found / np.maximum(found.sum(axis=1, keepdims=True), 1e-12))
            cells.append(at)
        share = weights[1][:, :, None] * weights[0][:, None, :]
        to = cells[1][:, :, None] * columns + cells[0][:, None, :]
        kept = share > LEAST
        owner = np.broadcast_to(source[these][:, None, None], share.shape)
        parts.append((to[kept], owner[kept], share[kept] * weight))
    return parts
