"""Rendered cameras as if somebody had marked them: heads and exact grids from the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from contract.geometry import BoolGrid, FloatGrid, GridFrame, GroundGrid
from edge.ground import Ground
from models.calibrate.marks import Floats, Marked
from models.eval.passage import countable
from models.eval.story_folder import StoryFolder
from models.scenes.truth import FrameTruth

SEEN_FROM: Final = 0.05
"""A head is marked when at least this share of the body is seen: an operator marks nobody else. [E]"""

RASTER_M: Final = 2.0
SIDE_CELLS: Final = 3


@dataclass(frozen=True, slots=True)
class StoryCamera:
    """One camera of a story; `frames`: those whose picture is good."""

    story: StoryFolder
    camera: str
    frames: tuple[FrameTruth, ...]

    def marked(self, truth: FrameTruth, width: int, height: int) -> Marked:
        """What an operator would mark in it."""
        heads = [one.head_px for one in truth.people if one.visible >= SEEN_FROM]
        points: Floats = np.asarray(heads, np.float64).reshape(-1, 2)
        inside = (points >= 0).all(axis=1) & (points <= (width, height)).all(axis=1)
        return Marked(self.story.picture(self.camera, truth.frame), points[inside])

    @staticmethod
    def grid(truth: FrameTruth, ground: Ground) -> tuple[FloatGrid, BoolGrid]:
        """Exact people per cell of the ground, hidden ones too, and the cells whose people are known.

        Raises ValueError where the ground's cells are no multiple of the truth's.
        """
        grid, frame = GroundGrid.from_wire(truth.grid), ground.frame
        people, known = np.zeros(frame.shape), np.zeros(frame.shape, np.bool_)
        times = round(frame.cell_m / grid.frame.cell_m)
        if times < 1 or grid.frame.cell_m * times != frame.cell_m:
            raise ValueError(
                f"the truth has cells of {grid.frame.cell_m:g} m, {frame.cell_m:g} m are no multiple"
            )
        if times > 1:
            return _gathered(grid, frame, times)
        row, column = frame.row0 - grid.frame.row0, frame.column0 - grid.frame.column0
        here_row, here_column = max(0, -row), max(0, -column)
        rows = min(frame.rows - here_row, grid.frame.rows - max(0, row))
        columns = min(frame.columns - here_column, grid.frame.columns - max(0, column))
        if rows > 0 and columns > 0:
            here = np.s_[here_row : here_row + rows, here_column : here_column + columns]
            there = np.s_[max(0, row) : max(0, row) + rows, max(0, column) : max(0, column) + columns]
            people[here], known[here] = grid.people[there], grid.covered[there]
        return people, known


def _gathered(grid: GroundGrid, frame: GridFrame, times: int) -> tuple[FloatGrid, BoolGrid]:
    """A finer grid in larger cells; one is known where all of its parts are."""
    people, parts = np.zeros(frame.shape), np.zeros(frame.shape)
    row = (grid.frame.row0 + np.arange(grid.frame.rows)) // times - frame.row0
    column = (grid.frame.column0 + np.arange(grid.frame.columns)) // times - frame.column0
    rows, columns = np.meshgrid(row, column, indexing="ij")
    here = (rows >= 0) & (rows < frame.rows) & (columns >= 0) & (columns < frame.columns)
    np.add.at(people, (rows[here], columns[here]), grid.people[here])
    np.add.at(parts, (rows[here], columns[here]), grid.covered[here].astype(np.float64))
    return people, np.asarray(parts == times**2)


def fullest_per_m2(points_m: Floats) -> float:
    """People per m2 of the fullest 6 x 6 m on a raster of 2 m. `points_m`: (n, 2), site metres."""
    if points_m.shape[0] == 0:
        return 0.0
    cells = np.floor(points_m / RASTER_M).astype(np.intp)
    cells -= cells.min(axis=0)
    counts = np.zeros(cells.max(axis=0) + 1 + 2 * (SIDE_CELLS - 1))
    np.add.at(counts, tuple((cells + SIDE_CELLS - 1).T), 1.0)
    sums = np.lib.stride_tricks.sliding_window_view(counts, (SIDE_CELLS, SIDE_CELLS)).sum(axis=(2, 3))
    return float(sums.max()) / (SIDE_CELLS * RASTER_M) ** 2


def fullest(frame: FrameTruth) -> tuple[float, float]:
    """The same of everybody who stands on ground that the camera sees, and of those alone who would be marked."""
    people = countable(frame, GroundGrid.from_wire(frame.grid))
    standing: Floats = np.array([(one.x_m, one.y_m) for one in people], np.float64).reshape(-1, 2)
    seen = np.array([one.visible >= SEEN_FROM for one in people], np.bool_)
    return fullest_per_m2(standing), fullest_per_m2(standing[seen])


def story_camera(story: StoryFolder, camera: str) -> StoryCamera:
    """Raises StoryUnreadable."""
    return StoryCamera(story, camera, tuple(one for one in story.frames(camera) if one.picture == "good"))
