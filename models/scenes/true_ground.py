"""The exact ground grid of a camera, and how full zones and patches of the place are."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from contract import limits
from contract.geometry import BoolGrid, FloatGrid, GridFrame, GroundGrid, Velocity
from contract.homography import inside, plane, precision
from contract.site_file import Camera
from models.scenes.camera import View
from models.scenes.truth import HotSpot
from models.scenes.world import Somebody

Floats = npt.NDArray[np.float64]

FOOTPRINT_M: Final = 0.5
"""Side of the square over which one person is shared between cells, as the edge does it. [E]"""
ERROR_PX: Final = 3.0
"""A cell is covered where this pixel error moves a point by less than the cell (the contract's rule)."""
SEEN_AT_M: Final = 1.0
"""A cell is observed where a point at this height over most of it is not hidden by the place itself. [E]"""
PATCH_CELLS: Final = 3
RASTER_M: Final = 0.25


def spread(points_m: Floats, frame: GridFrame, values: Floats | None = None) -> FloatGrid:
    """People per cell (rows, columns), each shared by area; `values` (n,) weighs them."""
    grid = np.zeros(frame.shape)
    if points_m.shape[0] == 0:
        return grid
    weight = np.ones(points_m.shape[0]) if values is None else values
    edges = []
    for k, first in ((0, frame.column0), (1, frame.row0)):
        low = (points_m[:, k] - FOOTPRINT_M / 2.0) / frame.cell_m - first
        cell = np.floor(low).astype(np.int64)
        over = np.clip((low + FOOTPRINT_M / frame.cell_m - cell - 1.0) * frame.cell_m / FOOTPRINT_M, 0.0, 1.0)
        edges.append(((cell, 1.0 - over), (cell + 1, over)))
    for column, share_x in edges[0]:
        for row, share_y in edges[1]:
            within = (column >= 0) & (column < frame.columns) & (row >= 0) & (row < frame.rows)
            np.add.at(grid, (row[within], column[within]), (weight * share_x * share_y)[within])
    return grid


class TrueGround:
    """One camera's cells. `covered` and `observed` follow from geometry and the empty place alone."""

    def __init__(
        self, camera: Camera, view: View, empty_depth_m: npt.NDArray[np.float32], cell_m: float
    ) -> None:
        """`empty_depth_m`: depth of the empty place in the camera's own pixels."""
        surface = camera.surfaces[0]
        planes = (plane(camera, surface),)
        low_x, low_y, high_x, high_y = _bounds(view, surface.polygon)
        self.frame = GridFrame.around((low_x, low_y, high_x, high_y), cell_m)
        if self.frame.columns * self.frame.rows > limits.GRID_MAX_CELLS:
            raise ValueError(f"camera {camera.id}: {self.frame} has too many cells; lower reach_m")
        n = 5
        within = (np.arange(n) + 0.5) / n
        x = (self.frame.column0 + (np.arange(self.frame.columns)[:, None] + within).ravel()) * cell_m
        y = (self.frame.row0 + (np.arange(self.frame.rows)[:, None] + within).ravel()) * cell_m
        grid_x, grid_y = np.meshgrid(x, y)
        sharp = precision(camera, planes, grid_x, grid_y) * ERROR_PX < cell_m
        self.covered: BoolGrid = self._most(sharp, n)
        raised = np.stack([grid_x.ravel(), grid_y.ravel(), np.full(grid_x.size, SEEN_AT_M)], axis=1)
        pixels, depth = view.project(raised), view.depth_m(raised)
        shown = np.isfinite(pixels).all(axis=1)
        column = np.where(shown, np.nan_to_num(pixels[:, 0]), -1.0).astype(np.int64)
        row = np.where(shown, np.nan_to_num(pixels[:, 1]), -1.0).astype(np.int64)
        shown &= (column >= 0) & (column < view.width) & (row >= 0) & (row < view.height)
        shown[shown] = empty_depth_m[row[shown], column[shown]] > depth[shown] - 0.3
        self.observed: BoolGrid = self.covered & self._most(shown.reshape(grid_x.shape), n)

    def _most(self, samples: npt.NDArray[np.bool_], n: int) -> BoolGrid:
        frame = self.frame
        return np.asarray(samples.reshape(frame.rows, n, frame.columns, n).mean(axis=(1, 3)) >= 0.5)

    def grid(self, people: list[Somebody], blind: bool) -> tuple[GroundGrid, float]:
        """The exact grid, and how many people stand on seen ground outside its cells. `blind`: nothing is observed."""
        points = np.array([(one.x_m, one.y_m) for one in people]).reshape(-1, 2)
        observed = np.zeros_like(self.observed) if blind else self.observed
        count = spread(points, self.frame) * observed
        n = np.maximum(count, 1e-9)
        vx = np.array([one.vx_m_s for one in people])
        vy = np.array([one.vy_m_s for one in people])
        mean_x, mean_y = (spread(points, self.frame, v) * observed / n for v in (vx, vy))
        square = spread(points, self.frame, vx**2 + vy**2) * observed / n
        variance = np.maximum(square - mean_x**2 - mean_y**2, 0.0) / 2.0
        velocity = Velocity(np.rint(count), mean_x, mean_y, variance)
        grid = GroundGrid(self.frame, count, np.zeros(self.frame.shape), self.covered, observed, velocity)
        return grid, max(0.0, float(points.shape[0]) - float(count.sum()))


def _bounds(view: View, polygon: tuple[tuple[float, float], ...]) -> tuple[float, float, float, float]:
    left, top = min(p[0] for p in polygon), min(p[1] for p in polygon)
    right, bottom = max(p[0] for p in polygon), max(p[1] for p in polygon)
    grid_x, grid_y = np.meshgrid(np.linspace(left, right, 33), np.linspace(top + 1.0, bottom, 33))
    points = view.ground(np.stack([grid_x.ravel(), grid_y.ravel()], axis=1))
    points = points[np.isfinite(points).all(axis=1)]
    low, high = points.min(axis=0), points.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


class Fullness:
    """How full the place is: by zone, and in its fullest patch of 6 x 6 m."""

    def __init__(
        self, walkable: Any, zones: dict[str, tuple[tuple[float, float], ...]], cell_m: float
    ) -> None:
        """`walkable`: the shapely polygon of free ground."""
        import shapely

        self.zones = zones
        self.areas = {
            name: float(shapely.Polygon(p).intersection(walkable).area) for name, p in zones.items()
        }
        x0, y0, x1, y1 = walkable.bounds
        self.frame = GridFrame.around((x0, y0, x1, y1), cell_m)
        n = round(cell_m / RASTER_M)
        x = (self.frame.column0 * cell_m) + (np.arange(self.frame.columns * n) + 0.5) * RASTER_M
        y = (self.frame.row0 * cell_m) + (np.arange(self.frame.rows * n) + 0.5) * RASTER_M
        grid_x, grid_y = np.meshgrid(x, y)
        free = shapely.contains_xy(walkable, grid_x, grid_y)
        share = free.reshape(self.frame.rows, n, self.frame.columns, n).mean(axis=(1, 3))
        self.patch_m2 = _patches(share * cell_m**2)

    def zone_people(self, points_m: Floats) -> dict[str, int]:
        return {name: int(inside(polygon, points_m).sum()) for name, polygon in self.zones.items()}

    def per_m2(self, people: dict[str, int]) -> dict[str, float]:
        return {
            name: round(n / self.areas[name], 4) if self.areas[name] else 0.0 for name, n in people.items()
        }

    def hot_spot(self, points_m: Floats) -> HotSpot | None:
        """None where no patch is at least half walkable."""
        full = _patches(spread(points_m, self.frame))
        whole = (PATCH_CELLS * self.frame.cell_m) ** 2
        usable = self.patch_m2 >= 0.5 * whole
        if not usable.any():
            return None
        density = np.where(usable, full / np.maximum(self.patch_m2, 1e-9), -1.0)
        row, column = np.unravel_index(int(density.argmax()), density.shape)
        cell = self.frame.cell_m
        at = (
            (self.frame.column0 + int(column) + PATCH_CELLS / 2.0) * cell,
            (self.frame.row0 + int(row) + PATCH_CELLS / 2.0) * cell,
        )
        return HotSpot(per_m2=round(float(density.max()), 3), at_m=at)


def _patches(grid: FloatGrid) -> FloatGrid:
    """Sums over every 3 x 3 cells, (rows - 2, columns - 2)."""
    n = PATCH_CELLS
    rows, columns = grid.shape[0] - n + 1, grid.shape[1] - n + 1
    total = np.zeros((max(rows, 0), max(columns, 0)))
    for i in range(n):
        for j in range(n):
            total += grid[i : i + rows, j : j + columns]
    return total
