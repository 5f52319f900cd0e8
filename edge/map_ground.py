"""From a people map in the picture to people on the ground, through the plane of the heads."""

from __future__ import annotations

from typing import Final

import numpy as np

from contract.geometry import FloatGrid
from contract.homography import Bools, Floats, inside
from edge.detections import PeopleMap
from edge.ground import Ground
from edge.sharpen import Sharpener

SAMPLES_ACROSS: Final = 4
"""A cell of the map is spread over the ground by this many points a side, each with the share of a person's footprint
that a detected person has. [E]"""


class HeadsUnseen(ValueError):
    """A camera so low that a head's pixel says nothing of the place."""


class MapGround:
    """Which share of each cell of a camera's people map belongs to which ground cell. Immutable.

    The shares depend on geometry alone, so they are found once and a map is then one weighted sum.
    """

    def __init__(self, ground: Ground, people_map: PeopleMap) -> None:
        """For all maps of the shape and cell size of `people_map`, in pixels of the calibrated picture.

        Raises HeadsUnseen.
        """
        if not ground.heads_usable:
            raise HeadsUnseen(
                f"camera {ground.camera.id}: hangs at {ground.camera.height_m:g} m, where heads hide each other; "
                "a people map needs a camera well above the heads: hang it higher, or leave density off"
            )
        self.ground = ground
        self.shape = people_map.people.shape
        self.cell_px = (people_map.across_px, people_map.down_px)
        rows, columns = self.shape
        n = SAMPLES_ACROSS
        within = (np.arange(n) + 0.5) / n
        x = (np.arange(columns)[:, None] + within).ravel() * people_map.across_px
        y = (np.arange(rows)[:, None] + within).ravel() * people_map.down_px
        grid_x, grid_y = np.meshgrid(x, y)
        heads_px = np.stack([grid_x.ravel(), grid_y.ravel()], axis=1)
        down, across = np.divmod(np.arange(heads_px.shape[0]), columns * n)
        from_cell = down // n * columns + across // n
        shown = self._shown(heads_px)
        share = np.full(heads_px.shape[0], 1.0 / n**2) * shown
        self._kept: Floats = np.asarray(np.bincount(from_cell, share, minlength=rows * columns), np.float64)
        """Share of each map cell that is not masked."""
        seen = np.flatnonzero(shown)
        points_m = ground.heads_to_site(heads_px[seen])
        which, to_cell, part = ground.shares(points_m)
        key = from_cell[seen][which] * ground.covered.size + to_cell
        keys, place = np.unique(key, return_inverse=True)
        self._share = np.bincount(place, part / n**2)
        self._from, self._to = np.divmod(keys, ground.covered.size)
        self._landed: Floats = np.asarray(
            np.bincount(self._from, self._share, minlength=rows * columns), np.float64
        )
        """Share of each map cell that lies on covered ground."""
        self._sharpener = (
            Sharpener(ground, self.shape, self.cell_px, self._kept) if people_map.spread_known else None
        )

    def fits(self, people_map: PeopleMap) -> bool:
        """Whether a map has the shape, cell size and spread that this was made for."""
        return (
            people_map.people.shape == self.shape
            and people_map.spread_known == (self._sharpener is not None)
            and np.allclose((people_map.across_px, people_map.down_px), self.cell_px, rtol=1e-6)
        )

    def spread(self, people_map: PeopleMap) -> tuple[FloatGrid, float]:
        """People per ground cell (rows, columns), and how many stand outside the covered cells.

        Both together are the map's sum less what lies under masks. Sharpened where the map's spread is known.
        """
        people = people_map.people.astype(np.float64).ravel()
        cells = self.ground.covered.size
        found = np.bincount(self._to, people[self._from] * self._share, minlength=cells)
        grid = np.asarray(found, np.float64)
        total = float(people @ self._kept)
        outside = max(0.0, total - float(grid.sum()))
        grid = grid.reshape(self.ground.covered.shape)
        if self._sharpener is not None:
            grid = self._sharpener.sharpened(people, self._landed, grid)
        return grid, outside

    def _shown(self, points_px: Floats) -> Bools:
        """Points in the picture and under no mask."""
        picture = self.ground.camera.picture
        shown = (points_px[:, 0] <= picture.width) & (points_px[:, 1] <= picture.height)
        for mask in self.ground.camera.masks:
            shown &= ~inside(mask, points_px)
        return np.asarray(shown)
