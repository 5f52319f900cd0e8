"""People on the ground from boxes, from a people map and from marked heads, cell by cell; errors of the first two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import msgspec
import numpy as np

from contract.geometry import BoolGrid, FloatGrid
from edge.detections import Detections
from edge.fusion import around_per_m2, boxes_sigma, crowding_per_m2, fused
from edge.ground import Ground
from edge.hidden_heads import with_hidden
from edge.map_ground import MapGround
from models.calibrate.marks import Floats
from models.density import errors as measured
from models.density.errors import REFERENCE_CELL_M, Bands, Errors

TRUE_EDGES_PER_M2: Final = (0.0, 0.5, 1.0, 2.0, 3.5, 5.0, np.inf)
"""Bands of true density that reports use."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One frame, people per cell (rows, columns) of `REFERENCE_CELL_M`. `seen`: cells that count. `mapped`: None
    without a people map."""

    true: FloatGrid
    boxes: FloatGrid
    mapped: FloatGrid | None
    seen: BoolGrid


class Counter:
    """Puts one camera's frames on its ground. Keeps the map's geometry between frames."""

    def __init__(self, ground: Ground) -> None:
        if ground.frame.cell_m != REFERENCE_CELL_M:
            raise ValueError(f"errors are measured on cells of {REFERENCE_CELL_M:g} m")
        self.ground = ground
        self._map_ground: MapGround | None = None

    def counted(self, seen: Detections, true: FloatGrid, known: BoolGrid | None = None) -> Counted:
        """`seen`: in pixels of the calibrated picture. `true`: people per cell, where `known`. Raises HeadsUnseen."""
        boxes = seen.boxes_xyxy.astype(np.float64)
        people, vehicles = boxes[seen.kinds == 0], boxes[seen.kinds != 0]
        placed, _ = self.ground.spread(self.ground.place(people, vehicles).points_m)
        in_view = self.ground.covered & ~self.ground.hidden_cells(vehicles)
        if known is not None:
            in_view &= known
        mapped = None
        if seen.people_map is not None:
            if self._map_ground is None or not self._map_ground.fits(seen.people_map):
                self._map_ground = MapGround(self.ground, seen.people_map)
            mapped, _ = self._map_ground.spread(seen.people_map)
        return Counted(true, placed, mapped, in_view)

    def marked(self, heads_px: Floats) -> FloatGrid:
        """People per cell from heads (n, 2) in pixels of the calibrated picture."""
        return self.ground.spread(self.ground.heads_to_site(heads_px))[0]


def around(grid: FloatGrid, seen: BoolGrid) -> FloatGrid:
    """Mean density of the patch around each cell."""
    return around_per_m2(grid, seen, REFERENCE_CELL_M)


def errors_of(frames: Sequence[Counted], against: Literal["everybody", "marks"] = "everybody") -> Errors:
    """Measured errors of map, boxes and both together, by what the map says. Raises `ErrorsUnusable`.

    `against`: what the frames' `true` is: exact truth, or heads that somebody marked.
    """
    said = _cells([(_crowding(_map(one), one.seen), one.seen) for one in frames])
    true = _cells([(one.true, one.seen) for one in frames]) / REFERENCE_CELL_M**2
    mapped = _cells([(_map(one), one.seen) for one in frames]) / REFERENCE_CELL_M**2
    boxes = _cells([(one.boxes, one.seen) for one in frames]) / REFERENCE_CELL_M**2
    bands = measured.measured(said, mapped, true)
    both = Errors(
        map=bands,
        boxes=measured.measured(said, boxes, true),
        together=measured.products(bands, said, mapped - true, boxes - true),
        against=against,
    )
    together = _cells([(fuse(one, both)[0], one.seen) for one in frames]) / REFERENCE_CELL_M**2
    return msgspec.structs.replace(both, fused=measured.measured(said, together, true))


def box_errors_of(frames: Sequence[Counted]) -> Bands:
    """Measured errors of a detector alone, by what it says itself."""
    area = REFERENCE_CELL_M**2
    said = _cells([(_crowding(one.boxes, one.seen), one.seen) for one in frames])
    true = _cells([(one.true, one.seen) for one in frames]) / area
    return measured.measured(said, _cells([(one.boxes, one.seen) for one in frames]) / area, true)


def fuse(one: Counted, errors: Errors) -> tuple[FloatGrid, FloatGrid]:
    """Fused people and their standard deviation per cell, hidden ones left out."""
    both = fused(
        boxes=one.boxes, mapped=_map(one), boxes_outside=0.0, map_outside=0.0, seen=one.seen,
        cell_m=REFERENCE_CELL_M, measured=errors,
    )  # fmt: skip
    return both.people, both.sigma_people


def complete(one: Counted, errors: Errors, ground: Ground) -> tuple[FloatGrid, FloatGrid]:
    """As `fuse`, as the edge sends it: with those who are hidden where the errors were measured against marks."""
    people, sigma = fuse(one, errors)
    return with_hidden(people, sigma, one.seen, ground) if errors.against == "marks" else (people, sigma)


def box_sigma(one: Counted, bands: Bands) -> FloatGrid:
    """Standard deviation per cell of the boxes alone."""
    return boxes_sigma(one.boxes, one.seen, REFERENCE_CELL_M, bands)


@dataclass(frozen=True, slots=True)
class BandError:
    """Errors of patch densities where the true one lies in the band, people per m2. `patches`: how many."""

    from_per_m2: float
    to_per_m2: float
    patches: int
    mae_per_m2: float
    bias_per_m2: float


def by_true_band(frames: Sequence[tuple[FloatGrid, FloatGrid, BoolGrid]]) -> list[BandError]:
    """Found and true people per cell and seen cells of each frame: errors of the patch around each seen cell."""
    found = _cells([(around(grid, seen), seen) for grid, _, seen in frames])
    true = _cells([(around(grid, seen), seen) for _, grid, seen in frames])
    bands = []
    for low, high in pairwise(TRUE_EDGES_PER_M2):
        here = (true >= low) & (true < high)
        if here.any():
            error = found[here] - true[here]
            bands.append(
                BandError(low, high, int(here.sum()), float(np.abs(error).mean()), float(error.mean()))
            )
    return bands


def _crowding(grid: FloatGrid, seen: BoolGrid) -> FloatGrid:
    return crowding_per_m2(grid, seen, REFERENCE_CELL_M)


def _map(one: Counted) -> FloatGrid:
    if one.mapped is None:
        raise ValueError("no people map was made of this frame")
    return one.mapped


def _cells(grids: Sequence[tuple[FloatGrid, BoolGrid]]) -> Floats:
    return np.concatenate([grid[seen] for grid, seen in grids]) if grids else np.zeros(0)
