"""The site's ground, worked out once: one grid over everything, what of each cell is walkable, which share of it
lies in each zone and area, and how sharply each camera sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contract.geometry import BoolGrid, FloatGrid, GridFrame
from contract.homography import plane, precision
from hub.polygons import Polygon, cell_areas_m2, sampled, touched
from hub.site import SAFE_DENSITY_PER_M2, Site

PATCH_M = 6.0  # what kills is local: 6 x 6 m
_SAMPLES_PER_SIDE = 10  # [E] 1 % of a cell, only where an obstacle stands in it
_WALKABLE_MIN_SHARE = 0.05  # [E] below this a cell is called not walkable
# A cell is covered only where a 3-pixel error moves a point by less than a cell (contract): no camera is worse.
_COVERED_PIXELS = 3.0


@dataclass(frozen=True, slots=True)
class Place:
    """A zone or an area on the grid, flat over cells: `walkable_m2` of it in each cell; `share` of a cell's people."""

    id: str
    name: str
    walkable_m2: FloatGrid
    share: FloatGrid
    total_m2: float
    cells: BoolGrid


@dataclass(frozen=True, slots=True)
class Ground:
    """All arrays over `frame`; `weights` has shape (cameras, rows, columns) and is never zero."""

    frame: GridFrame
    walkable_m2: FloatGrid
    zones: tuple[Place, ...]
    areas: tuple[Place, ...]
    safe_occupancy: tuple[float, ...]
    patch_cells: int
    weights: dict[str, FloatGrid]
    place_m2: FloatGrid  # (zones + areas, cells)
    place_share: FloatGrid

    @property
    def cell_m2(self) -> float:
        return self.frame.cell_m**2

    def flat_cell(self, x_m: float, y_m: float) -> int | None:
        """Index of the cell in flat arrays, or None outside the frame."""
        at = self.frame.cell_of(x_m, y_m)
        return None if at is None else at[0] * self.frame.columns + at[1]

    def centre_m(self, flat: int, cells: int = 1) -> tuple[float, float]:
        """Middle of a square of `cells` cells a side around a cell (which lies south-west of the middle when even)."""
        row, column = divmod(flat, self.frame.columns)
        west, south = self.frame.origin_m
        shift = 0.5 if cells % 2 else 1.0
        cell_m = self.frame.cell_m
        return round(west + (column + shift) * cell_m, 3), round(south + (row + shift) * cell_m, 3)


def survey(site: Site) -> Ground:
    """Works the ground out. Raises contract.homography.NotFittable for a camera whose points place no plane."""
    frame = GridFrame.around(site.bounds_m, site.cell_m)
    cell_m2 = site.cell_m**2
    obstacles = [obstacle.polygon for obstacle in site.obstacles]
    blocked = touched(obstacles, frame) if obstacles else np.zeros(frame.shape, dtype=np.bool_)
    walkable = np.full(frame.shape, cell_m2)
    if obstacles:
        free = 1.0 - sampled(obstacles, frame, _SAMPLES_PER_SIDE).mean(axis=2)
        walkable = np.where(blocked, np.where(free < _WALKABLE_MIN_SHARE, 0.0, free * cell_m2), walkable)
    zones = tuple(
        _place(zone.id, zone.name, zone.polygon, frame, walkable, blocked, obstacles) for zone in site.zones
    )
    areas = tuple(
        _place(area.id, area.name, area.polygon, frame, walkable, blocked, obstacles) for area in site.areas
    )
    safe = tuple(
        zone.safe_occupancy
        if zone.safe_occupancy is not None
        else SAFE_DENSITY_PER_M2 * (zone.effective_area_m2 or place.total_m2)
        for zone, place in zip(site.zones, zones, strict=True)
    )
    return Ground(
        frame=frame,
        walkable_m2=walkable,
        zones=zones,
        areas=areas,
        safe_occupancy=safe,
        patch_cells=max(1, round(PATCH_M / site.cell_m)),
        weights=_weights(site, frame),
        place_m2=np.stack([place.walkable_m2 for place in (*zones, *areas)]),
        place_share=np.stack([place.share for place in (*zones, *areas)]),
    )


def _place(
    place: str,
    name: str,
    polygon: Polygon,
    frame: GridFrame,
    walkable_m2: FloatGrid,
    blocked: BoolGrid,
    obstacles: Sequence[Polygon],
) -> Place:
    cell_m2 = frame.cell_m**2
    whole = cell_areas_m2(polygon, frame)
    inside = whole
    if obstacles and (blocked & (whole > 0)).any():
        free_here = (
            sampled([polygon], frame, _SAMPLES_PER_SIDE) & ~sampled(obstacles, frame, _SAMPLES_PER_SIDE)
        ).mean(axis=2)
        inside = np.where(blocked, np.where(walkable_m2 > 0, free_here * cell_m2, 0.0), whole)
    # A person seen in a cell nobody can stand in was placed a little wrong: it still counts where the cell lies.
    share = np.where(walkable_m2 > 0, inside / np.where(walkable_m2 > 0, walkable_m2, 1.0), whole / cell_m2)
    share = np.clip(share, 0.0, 1.0)
    return Place(
        id=place,
        name=name,
        walkable_m2=inside.ravel(),
        share=share.ravel(),
        total_m2=float(inside.sum()),
        cells=(whole > 0).ravel(),
    )


def _weights(site: Site, frame: GridFrame) -> dict[str, FloatGrid]:
    """1 / (metres per pixel)^2 at each cell's centre: from geometry alone. [E]"""
    x, y = frame.centres_m()
    worst = frame.cell_m / _COVERED_PIXELS
    found: dict[str, FloatGrid] = {}
    for camera in site.cameras:
        planes = [plane(camera, surface) for surface in camera.surfaces]
        metres = np.minimum(precision(camera, planes, x, y), worst)
        found[camera.id] = 1.0 / np.maximum(metres, 1e-3) ** 2
    return found
