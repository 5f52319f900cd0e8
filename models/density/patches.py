"""People per patch of ground, found and true: where the map is right, by how full the ground is.

Heads hang above the ground, so the ground is a plane at head height: both the map's cells and the true heads are
carried there by the exact camera, and counted in squares of it. Cells that show too much ground each are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.density.head import Band
from models.density.target import CELL_PX
from models.scenes.camera import View

Floats = NDArray[np.float64]

BANDS_PER_M2: Final = (0.0, 0.5, 1.0, 2.0, 3.5, 5.0, 99.0)
HEAD_M: Final = 1.6
PATCH_M: Final = 4.0
LARGEST_CELL_M2: Final = 2.0
FILLED: Final = 0.85
"""Least share of a patch that the picture must show."""


@dataclass(frozen=True, slots=True)
class Patches:
    """One camera's ground at head height. `of_cell` (rows, columns): the patch each cell shows, -1 for none;
    `area_m2` (patches,): how much of each is shown; patches shown too little are left out."""

    of_cell: NDArray[np.int64]
    area_m2: Floats
    scale: tuple[float, float]

    @classmethod
    def seen_by(cls, view: View, network_px: tuple[int, int]) -> Patches:
        """For a network input of (height, width) made from the view's whole picture."""
        rows, columns = network_px[0] // CELL_PX, network_px[1] // CELL_PX
        across, down = network_px[1] / view.width, network_px[0] / view.height
        lowered = replace(view, height_m=view.height_m - HEAD_M)
        grid = np.stack(np.meshgrid(np.arange(columns + 1), np.arange(rows + 1)), axis=-1) * float(CELL_PX)
        corners = lowered.ground(np.asarray(grid / (across, down), np.float64).reshape(-1, 2)).reshape(
            rows + 1, columns + 1, 2
        )
        a, b = corners[1:, 1:] - corners[:-1, :-1], corners[1:, :-1] - corners[:-1, 1:]
        area = 0.5 * np.abs(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])
        middle = (
            corners[:-1, :-1] * 0.25
            + corners[1:, 1:] * 0.25
            + corners[1:, :-1] * 0.25
            + corners[:-1, 1:] * 0.25
        )
        good = np.isfinite(area) & (area < LARGEST_CELL_M2)
        square = np.where(good[..., None], np.floor(np.nan_to_num(middle) / PATCH_M), 0.0).astype(np.int64)
        keys = np.where(good, (square[..., 0] + 100_000) * 1_000_000 + square[..., 1] + 100_000, -1)
        names, of_cell = np.unique(keys, return_inverse=True)
        of_cell = of_cell.reshape(rows, columns)
        shown = np.bincount(of_cell.ravel(), np.where(good, area, 0.0).ravel(), len(names))
        kept = (names >= 0) & (shown > FILLED * PATCH_M**2)
        number = np.where(kept, np.cumsum(kept) - 1, -1)
        return cls(number[of_cell], np.asarray(shown[kept], np.float64), (across, down))

    def of_map(self, density: NDArray[np.floating]) -> Floats:
        """People per patch from people per cell."""
        inside = self.of_cell >= 0
        return np.asarray(np.bincount(self.of_cell[inside], density[inside], len(self.area_m2)), np.float64)

    def of_points(self, points_px: NDArray[np.floating]) -> tuple[Floats, NDArray[np.int64]]:
        """People per patch from heads (n, 2) in the picture's pixels; and the patch of each, -1 for none."""
        points = np.asarray(points_px, np.float64).reshape(-1, 2) * self.scale / CELL_PX
        column, row = np.floor(points).astype(np.int64).T
        rows, columns = self.of_cell.shape
        inside = (column >= 0) & (row >= 0) & (column < columns) & (row < rows)
        patch = np.full(len(points), -1, np.int64)
        patch[inside] = self.of_cell[row[inside], column[inside]]
        return np.bincount(patch[patch >= 0], minlength=len(self.area_m2)).astype(np.float64), patch


@dataclass(frozen=True, slots=True)
class Errors:
    """People per patch, found and true, and the patches' areas: all (n,)."""

    found: Floats
    true: Floats
    area_m2: Floats

    @classmethod
    def joined(cls, parts: Iterable[Errors]) -> Errors:
        """All patches of all frames."""
        some = list(parts)
        empty = [np.zeros(0)]
        return cls(
            np.concatenate([p.found for p in some] or empty),
            np.concatenate([p.true for p in some] or empty),
            np.concatenate([p.area_m2 for p in some] or empty),
        )

    def band(self, low: float, high: float) -> tuple[Band, float]:
        """The band's error, and its mean absolute error in people per square metre."""
        per_m2 = self.true / self.area_m2
        chosen = (per_m2 >= low) & (per_m2 < high)
        found, true, area = self.found[chosen], self.true[chosen], self.area_m2[chosen]
        if true.sum() == 0.0:
            return Band(low, high, 0.0, 0.0, int(chosen.sum())), 0.0
        bias = float((found - true).sum() / true.sum())
        left = found - true * (1.0 + bias)
        sigma = float(np.sqrt(np.mean(left**2)) / true.mean())
        return Band(low, high, bias, sigma, int(chosen.sum())), float(np.mean(np.abs(found - true) / area))
